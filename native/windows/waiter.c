/* native: waits on Windows that end in a call. One thread serves a process: it sleeps on one bell, which every one of its entries
 * in the tables of wait.c names, and looks at all pending waits when it rings. */
#include "system.h"

#include <math.h>
#include <stdlib.h>

typedef struct wait {
  void *owner;
  wait_done done;
  double id;
  int handle;
  mapping *m;
  uint32_t *word;
  uint32_t expected;
  uint32_t entry;
  double deadline;
  object *watched;
  uint64_t watch_byte;
} wait;

/* Guards every wait. Reports are made while it is held: they only post to an event loop. */
static SRWLOCK guard = SRWLOCK_INIT;
static wait *waits;
static size_t count, room;
static bell own;
static bool running;

static sleepers *sleepers_of(const wait *w) { return ((view *)w->m)->sleepers; }

/* Removes wait i; true when a wake had come for it. The caller holds the guard, and releases the mapping after it. */
static bool take_out(size_t i, mapping **m) {
  bool woken = sleepers_leave(sleepers_of(&waits[i]), waits[i].entry);
  *m = waits[i].m;
  waits[i] = waits[--count];
  return woken;
}

static int look(const wait *w, double now, double *next) {
  if (sleepers_is_woken(sleepers_of(w), w->entry)) return WAIT_WOKEN;
  if (__atomic_load_n(w->word, __ATOMIC_SEQ_CST) != w->expected) return WAIT_CHANGED;
  if (now >= w->deadline) return WAIT_TIMED_OUT;
  if (w->watched != NULL && byte_held(w->watched, w->watch_byte) == 0) return WAIT_DEAD;
  double again = w->entry == NO_ENTRY ? 1 : w->watched != NULL ? WATCH_SLICE_MS : RELOOK_MS;
  if (now + again < *next) *next = now + again;
  if (w->deadline < *next) *next = w->deadline;
  return -1;
}

/* Mappings that are released in one go, without the guard. */
#define BATCH 64

static double sweep(void) {
  double next;
  bool more;
  do {
    mapping *released[BATCH];
    size_t releases = 0;
    double now = now_ms();
    next = INFINITY;
    more = false;
    AcquireSRWLockExclusive(&guard);
    for (size_t i = 0; i < count;) {
      int result = look(&waits[i], now, &next);
      if (result < 0) {
        i++;
        continue;
      }
      if (releases == BATCH) {
        more = true;
        break;
      }
      wait ended = waits[i];
      if (take_out(i, &released[releases++])) result = WAIT_WOKEN;
      ended.done(ended.owner, ended.id, result);
    }
    ReleaseSRWLockExclusive(&guard);
    for (size_t i = 0; i < releases; i++) mapping_release(released[i]);
  } while (more);
  return next;
}

static DWORD WINAPI serve(void *unused) {
  (void)unused;
  for (;;) {
    double next = sweep(), now = now_ms();
    WaitForSingleObject(own.event, next == INFINITY ? INFINITE : next <= now ? 0 : (DWORD)ceil(next - now));
  }
}

/* The caller holds the guard. */
static int start(void) {
  if (running) return 0;
  if (own.event == NULL && !bell_make(&own)) return FAILED_NO_HANDLES;
  HANDLE thread = CreateThread(NULL, 256 * 1024, serve, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
  if (thread == NULL) return FAILED_NO_MEMORY;
  CloseHandle(thread);
  running = true;
  return 0;
}

static int make_room(void) {
  if (count < room) return 0;
  size_t more = room == 0 ? 64 : room * 2;
  wait *grown = realloc(waits, more * sizeof *grown);
  if (grown == NULL) return FAILED_NO_MEMORY;
  waits = grown;
  room = more;
  return 0;
}

int waiter_add(void *owner, wait_done done, double id, int handle, mapping *m, uint32_t *word, uint32_t expected,
               double timeout_ms, object *watched, uint64_t watch_byte) {
  double deadline = deadline_ms(timeout_ms);
  AcquireSRWLockExclusive(&guard);
  int result = start();
  if (result == 0) result = make_room();
  if (result == 0) {
    uint64_t offset = (uint64_t)((unsigned char *)word - m->address);
    uint32_t entry = m->read_only ? NO_ENTRY : sleepers_enter(((view *)m)->sleepers, offset, &own);
    mapping_retain(m);
    waits[count++] = (wait){owner, done, id, handle, m, word, expected, entry, deadline, watched, watch_byte};
    SetEvent(own.event);
  }
  ReleaseSRWLockExclusive(&guard);
  return result;
}

bool waiter_cancel(void *owner, double id, int place) {
  (void)place; /* there is one list, searched for the id */
  mapping *m = NULL;
  AcquireSRWLockExclusive(&guard);
  for (size_t i = 0; i < count; i++) {
    if (waits[i].owner != owner || waits[i].id != id) continue;
    wait cancelled = waits[i];
    /* A wake that had come for it belongs to somebody else. */
    if (take_out(i, &m)) word_wake(cancelled.m, cancelled.word, 1);
    break;
  }
  ReleaseSRWLockExclusive(&guard);
  if (m != NULL) mapping_release(m);
  return m != NULL;
}

static void take_all(void *owner, int handle, bool report) {
  for (bool found = true; found;) {
    mapping *m = NULL;
    found = false;
    AcquireSRWLockExclusive(&guard);
    for (size_t i = 0; i < count && !found; i++) {
      if (waits[i].owner != owner || (handle >= 0 && waits[i].handle != handle)) continue;
      wait ended = waits[i];
      found = true;
      if (take_out(i, &m)) word_wake(ended.m, ended.word, 1);
      if (report) ended.done(owner, ended.id, WAIT_CLOSED);
    }
    ReleaseSRWLockExclusive(&guard);
    if (m != NULL) mapping_release(m);
  }
}

void waiter_drop_owner(void *owner) { take_all(owner, -1, false); }

void waiter_close_handle(void *owner, int handle) { take_all(owner, handle, true); }

/* ---- no wait of Windows ends in a libuv loop without a thread between */

loop_waiter *loop_waiter_new(struct uv_loop_s *loop, void *owner, wait_done done) {
  (void)loop;
  (void)owner;
  (void)done;
  return NULL;
}

int loop_waiter_add(loop_waiter *l, double id, int handle, mapping *m, uint32_t *word, uint32_t expected, double timeout_ms, object *watched, uint64_t watch_byte) {
  (void)l, (void)id, (void)handle, (void)m, (void)word, (void)expected, (void)timeout_ms, (void)watched, (void)watch_byte;
  return FAILED_UNSUPPORTED;
}

bool loop_waiter_cancel(loop_waiter *l, double id, int place) {
  (void)l, (void)id, (void)place;
  return false;
}

void loop_waiter_close_handle(loop_waiter *l, int handle) { (void)l, (void)handle; }

void loop_waiter_end(loop_waiter *l, void (*ended)(void *), void *context) {
  (void)l;
  ended(context);
}
