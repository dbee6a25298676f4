/* native: waits on macOS that end in a call. The kernel waits for one address at a time, so the one thread that serves a process
 * looks at all pending waits every millisecond, and sleeps while there are none. Built, not yet run by us. */
#include "system.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

typedef struct pending {
  void *owner;
  wait_done done;
  double id;
  int handle;
  mapping *m;
  uint32_t *word;
  uint32_t expected;
  uint64_t deadline;
  object *watched;
  uint64_t watch_byte;
} pending;

/* Guards every wait. Reports are made while it is held: they only post to an event loop. */
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some = PTHREAD_COND_INITIALIZER;
static pending *waits;
static size_t count, room;
static bool running;

/* Removes wait i. The caller holds the guard, and releases the mapping after it. */
static void take_out(size_t i, mapping **m) {
  *m = waits[i].m;
  waits[i] = waits[--count];
}

static int look(const pending *w, uint64_t now, bool watching) {
  if (__atomic_load_n(w->word, __ATOMIC_SEQ_CST) != w->expected) return WAIT_CHANGED;
  if (now >= w->deadline) return WAIT_TIMED_OUT;
  if (watching && w->watched != NULL && byte_held(w->watched, w->watch_byte) == 0) return WAIT_DEAD;
  return -1;
}

/* Mappings that are released in one go, without the guard. */
#define BATCH 64

static void sweep(bool watching) {
  bool more;
  do {
    mapping *released[BATCH];
    size_t releases = 0;
    uint64_t now = now_ns();
    more = false;
    pthread_mutex_lock(&guard);
    for (size_t i = 0; i < count;) {
      int result = look(&waits[i], now, watching);
      if (result < 0) {
        i++;
        continue;
      }
      if (releases == BATCH) {
        more = true;
        break;
      }
      pending ended = waits[i];
      take_out(i, &released[releases++]);
      ended.done(ended.owner, ended.id, result);
    }
    pthread_mutex_unlock(&guard);
    for (size_t i = 0; i < releases; i++) mapping_release(released[i]);
  } while (more);
}

static void *serve(void *unused) {
  (void)unused;
  struct timespec tick = {0, 1000000};
  for (unsigned turn = 0;; turn++) {
    pthread_mutex_lock(&guard);
    while (count == 0) pthread_cond_wait(&some, &guard);
    pthread_mutex_unlock(&guard);
    sweep(turn % WATCH_SLICE_MS == 0);
    nanosleep(&tick, NULL);
  }
  return NULL;
}

/* The caller holds the guard. */
static int start(void) {
  if (running) return 0;
  pthread_t thread;
  if (pthread_create(&thread, NULL, serve, NULL) != 0) return FAILED_NO_MEMORY;
  pthread_detach(thread);
  running = true;
  return 0;
}

static int make_room(void) {
  if (count < room) return 0;
  size_t more = room == 0 ? 64 : room * 2;
  pending *grown = realloc(waits, more * sizeof *grown);
  if (grown == NULL) return FAILED_NO_MEMORY;
  waits = grown;
  room = more;
  return 0;
}

int waiter_add(void *owner, wait_done done, double id, int handle, mapping *m, uint32_t *word, uint32_t expected,
               double timeout_ms, object *watched, uint64_t watch_byte) {
  uint64_t deadline = deadline_ns(timeout_ms);
  pthread_mutex_lock(&guard);
  int result = start();
  if (result == 0) result = make_room();
  if (result == 0) {
    mapping_retain(m);
    waits[count++] = (pending){owner, done, id, handle, m, word, expected, deadline, watched, watch_byte};
    pthread_cond_signal(&some);
  }
  pthread_mutex_unlock(&guard);
  return result;
}

bool waiter_cancel(void *owner, double id, int place) {
  (void)place; /* there is one list, searched for the id */
  mapping *m = NULL;
  pthread_mutex_lock(&guard);
  for (size_t i = 0; i < count; i++) {
    if (waits[i].owner != owner || waits[i].id != id) continue;
    take_out(i, &m);
    break;
  }
  pthread_mutex_unlock(&guard);
  if (m != NULL) mapping_release(m);
  return m != NULL;
}

static void take_all(void *owner, int handle, bool report) {
  for (bool found = true; found;) {
    mapping *m = NULL;
    found = false;
    pthread_mutex_lock(&guard);
    for (size_t i = 0; i < count && !found; i++) {
      if (waits[i].owner != owner || (handle >= 0 && waits[i].handle != handle)) continue;
      pending ended = waits[i];
      found = true;
      take_out(i, &m);
      if (report) ended.done(owner, ended.id, WAIT_CLOSED);
    }
    pthread_mutex_unlock(&guard);
    if (m != NULL) mapping_release(m);
  }
}

void waiter_drop_owner(void *owner) { take_all(owner, -1, false); }

void waiter_close_handle(void *owner, int handle) { take_all(owner, handle, true); }

/* ---- no wait of macOS ends in a libuv loop without a thread between */

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
