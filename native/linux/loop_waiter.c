/* native: waits of one event loop, without a thread between. Node.js only: it needs libuv.
 *
 * The loop polls an eventfd that an io_uring rings, and every wait is a futex wait inside that io_uring (Linux 6.7), so
 * whoever wakes the word wakes the event loop itself: one wake-up where the waiter threads of waiter.c need two. Where
 * the kernel or a sandbox has no such ring, loop_waiter_new gives NULL and the waiter threads do the work.
 *
 * The kernel keeps the waits of a ring in a list and walks it to cancel one, the oldest last: among 20,000 that takes half a
 * millisecond. So a ring has RING_WAITS waits and no more, and further rings, which ring the same eventfd, are opened when more
 * wait at once. The number of a wait's slot says which ring it is in.
 *
 * The rings are used by the thread of their loop alone (SINGLE_ISSUER), and the kernel finishes their work only when that
 * thread asks (DEFER_TASKRUN), so JavaScript is never interrupted. (Work that waits to be finished does not make a
 * ring's own descriptor readable; hence the eventfd.) One timer serves deadlines, the lives of holders that
 * are watched, and the second look that RELOOK_MS promises.
 *
 * A wait's slot is free again only after the ring has answered for it: a wake that came for a wait which had just been
 * cancelled or had timed out is passed on.
 *
 * Source of the format: io_uring(7), io_uring_setup(2), include/uapi/linux/io_uring.h.
 */
#include "system.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- what linux/io_uring.h says; said here so that older headers do */

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#define SYS_io_uring_enter 426
#define SYS_io_uring_register 427
#endif

typedef struct ring_entry {
  uint8_t opcode, flags;
  uint16_t priority;
  int32_t fd;
  uint64_t address2, address;
  uint32_t length, operation_flags;
  uint64_t user_data;
  uint16_t buffer, personality;
  uint32_t file;
  uint64_t address3, unused;
} ring_entry;

typedef struct ring_answer {
  uint64_t user_data;
  int32_t result;
  uint32_t flags;
} ring_answer;

typedef struct ring_parameters {
  uint32_t entries, answers, flags, thread_cpu, thread_idle, features, other_ring, reserved[3];
  struct {
    uint32_t head, tail, mask, entries, flags, dropped, array, reserved;
    uint64_t address;
  } submit;
  struct {
    uint32_t head, tail, mask, entries, overflow, answers, flags, reserved;
    uint64_t address;
  } complete;
} ring_parameters;

_Static_assert(sizeof(ring_entry) == 64 && sizeof(ring_answer) == 16 && sizeof(ring_parameters) == 120, "the kernel's sizes");

#define OP_ASYNC_CANCEL 14
#define OP_FUTEX_WAIT 51
#define SETUP_CQSIZE (1u << 3)
#define SETUP_TASKRUN_FLAG (1u << 9)
#define SETUP_SINGLE_ISSUER (1u << 12)
#define SETUP_DEFER_TASKRUN (1u << 13)
#define SETUP_NO_SQARRAY (1u << 16)
#define ENTER_GETEVENTS 1u
#define SQ_CQ_OVERFLOW 2u
#define SQ_TASKRUN 4u
#define REGISTER_EVENTFD 4u
#define OFF_RING 0
#define OFF_ENTRIES 0x10000000
#define FUTEX_SIZE_U32 2
#define FUTEX_ANY 0xffffffffu

#define RING_WAITS 512
#define SUBMIT_ROOM 8
#define ANSWER_ROOM 256
#define NOT_A_WAIT UINT64_MAX

/* ---- the four functions of libuv that this needs; looked up at run time, as Bun and Deno do not have them */

struct uv_loop_s;
typedef void (*poll_callback)(void *handle, int status, int events);
typedef void (*timer_callback)(void *handle);
static struct {
  size_t (*handle_size)(int type);
  void (*set_data)(void *handle, void *data);
  void *(*get_data)(const void *handle);
  void (*unref)(void *handle);
  void (*close)(void *handle, timer_callback closed);
  int (*poll_init)(struct uv_loop_s *loop, void *handle, int fd);
  int (*poll_start)(void *handle, int events, poll_callback callback);
  int (*timer_init)(struct uv_loop_s *loop, void *handle);
  int (*timer_start)(void *handle, timer_callback callback, uint64_t timeout, uint64_t repeat);
  void (*update_time)(struct uv_loop_s *loop);
} uv;
#define UV_POLL 8
#define UV_TIMER 13
#define UV_READABLE 1

static bool find_uv(void) {
  static const char *const names[] = {"uv_handle_size", "uv_handle_set_data", "uv_handle_get_data", "uv_unref",       "uv_close",
                                      "uv_poll_init",   "uv_poll_start",      "uv_timer_init",      "uv_timer_start", "uv_update_time"};
  void *found[sizeof names / sizeof *names];
  _Static_assert(sizeof uv == sizeof found, "one name for each function");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    found[i] = dlsym(RTLD_DEFAULT, names[i]);
    if (found[i] == NULL) return false;
  }
  memcpy(&uv, found, sizeof uv);
  return true;
}

/* ---- the waits */

/* FREE → PENDING → REPORTED (a result is to be delivered) → GONE (nobody is to hear of it) → FREE. A GONE slot is free
 * once the ring has answered for it and it is out of the queue. */
typedef enum wait_state { FREE, PENDING, REPORTED, GONE } wait_state;

typedef struct wait {
  wait_state state;
  bool in_ring;    /* the ring still owes an answer */
  bool taken_back; /* the ring has been asked to give it up */
  bool queued;     /* among those to be delivered */
  int result;
  double id;
  int handle;
  mapping *m;
  uint32_t *word;
  uint32_t expected;
  uint64_t deadline;
  object *watched;
  uint64_t watch_byte;
  int next; /* of the free ones, and of those to be delivered */
} wait;

typedef struct ring {
  int fd;
  unsigned char *memory;
  size_t size;
  ring_entry *entries;
  ring_answer *answers;
  uint32_t *submit_head, *submit_tail, *submit_flags, *answer_head, *answer_tail;
  uint32_t submit_mask, answer_mask;
} ring;

struct loop_waiter {
  struct uv_loop_s *loop;
  void *owner;
  wait_done done;
  int bell;
  ring *rings; /* as many as the slots in use need; there is always a first */
  int rings_count;
  void *poll, *timer;
  int handles_left;
  void (*ended)(void *);
  void *ended_context;
  uint64_t timer_at; /* UINT64_MAX: not armed */
  wait *waits;
  int room, used, first_free;
  int deliver_first, deliver_last;
  bool delivering;
};

static int enter(const ring *r, uint32_t submit) {
  long done;
  do done = syscall(SYS_io_uring_enter, r->fd, submit, 0, ENTER_GETEVENTS, NULL, 0);
  while (done < 0 && errno == EINTR);
  return done < 0 ? -errno : (int)done;
}

static int submit(const ring *r, const ring_entry *entry) {
  uint32_t tail = *r->submit_tail;
  r->entries[tail & r->submit_mask] = *entry;
  __atomic_store_n(r->submit_tail, tail + 1, __ATOMIC_RELEASE);
  int taken = enter(r, 1);
  if (taken == 1) return 0;
  /* Not taken: take it back, so that it is not submitted with a later one. */
  if (__atomic_load_n(r->submit_head, __ATOMIC_ACQUIRE) == tail) __atomic_store_n(r->submit_tail, tail, __ATOMIC_RELEASE);
  return taken < 0 ? taken : -EAGAIN;
}

static bool open_ring(ring *r, int bell);
static void close_ring(ring *r);

/* The ring that a slot's wait is in, opened if there is none; NULL where the kernel gives no further one. */
static ring *ring_of(loop_waiter *l, int slot) {
  int number = slot / RING_WAITS;
  if (number >= l->rings_count) {
    ring *grown = realloc(l->rings, (size_t)(number + 1) * sizeof *grown);
    if (grown == NULL) return NULL;
    for (int i = l->rings_count; i <= number; i++) grown[i] = (ring){.fd = -1};
    l->rings = grown;
    l->rings_count = number + 1;
  }
  ring *r = &l->rings[number];
  if (r->fd >= 0 || open_ring(r, l->bell)) return r;
  close_ring(r);
  return NULL;
}

/* Should the kernel have no room for it now, the timer looks at the word every millisecond instead. */
static void ask(loop_waiter *l, int slot) {
  wait *w = &l->waits[slot];
  ring_entry entry = {
    .opcode = OP_FUTEX_WAIT,
    .fd = FUTEX_SIZE_U32,
    .address = (uint64_t)(uintptr_t)w->word,
    .address2 = w->expected,
    .address3 = FUTEX_ANY,
    .user_data = (uint64_t)slot,
  };
  const ring *r = ring_of(l, slot);
  w->in_ring = r != NULL && submit(r, &entry) == 0;
}

static void arm(loop_waiter *l, uint64_t at);

/* Should the kernel have no room for that now, the timer asks again. */
static void take_back(loop_waiter *l, int slot) {
  wait *w = &l->waits[slot];
  if (!w->in_ring || w->taken_back) return;
  ring_entry entry = {.opcode = OP_ASYNC_CANCEL, .fd = -1, .address = (uint64_t)slot, .user_data = NOT_A_WAIT};
  w->taken_back = submit(&l->rings[slot / RING_WAITS], &entry) == 0;
  if (!w->taken_back) arm(l, now_ns() + 1000000u);
}

static void free_slot(loop_waiter *l, int slot) {
  wait *w = &l->waits[slot];
  mapping *m = w->m;
  w->state = FREE;
  w->m = NULL;
  w->next = l->first_free;
  l->first_free = slot;
  mapping_end_wait(m);
}

/* Nobody is to hear of this wait any more. */
static void forget(loop_waiter *l, int slot) {
  l->waits[slot].state = GONE;
  if (l->waits[slot].in_ring) take_back(l, slot);
  else free_slot(l, slot);
}

static void report(loop_waiter *l, int slot, int result) {
  wait *w = &l->waits[slot];
  w->state = REPORTED;
  w->result = result;
  w->queued = true;
  w->next = -1;
  if (l->deliver_last < 0) l->deliver_first = slot;
  else l->waits[l->deliver_last].next = slot;
  l->deliver_last = slot;
}

static void on_timer(void *handle);

static void arm(loop_waiter *l, uint64_t at) {
  if (at >= l->timer_at) return;
  uint64_t now = now_ns();
  l->timer_at = at;
  uv.update_time(l->loop);
  uv.timer_start(l->timer, on_timer, at <= now ? 0 : (at - now + 999999) / 1000000, 0);
}

/* Hands out results. A callback may start, cancel and close: every turn looks at the queue anew. */
static void deliver(loop_waiter *l) {
  if (l->delivering) return;
  l->delivering = true;
  while (l->deliver_first >= 0) {
    int slot = l->deliver_first;
    wait *w = &l->waits[slot];
    l->deliver_first = w->next;
    if (l->deliver_first < 0) l->deliver_last = -1;
    w->queued = false;
    bool wanted = w->state == REPORTED;
    double id = w->id;
    int result = w->result;
    forget(l, slot);
    if (wanted) l->done(l->owner, id, result);
  }
  l->delivering = false;
}

/* Takes a ring's answers. */
static void collect_from(loop_waiter *l, const ring *r) {
  for (;;) {
    if ((__atomic_load_n(r->submit_flags, __ATOMIC_RELAXED) & (SQ_TASKRUN | SQ_CQ_OVERFLOW)) != 0) enter(r, 0);
    uint32_t head = *r->answer_head, tail = __atomic_load_n(r->answer_tail, __ATOMIC_ACQUIRE);
    if (head == tail) return;
    for (; head != tail; head++) {
      ring_answer answer = r->answers[head & r->answer_mask];
      __atomic_store_n(r->answer_head, head + 1, __ATOMIC_RELEASE);
      if (answer.user_data == NOT_A_WAIT || answer.user_data >= (uint64_t)l->room) continue;
      int slot = (int)answer.user_data;
      wait *w = &l->waits[slot];
      w->in_ring = false;
      if (w->state == PENDING) {
        /* EFAULT and the like: a peer has cut the file below the word. The timer looks at it from now on. */
        if (answer.result == 0) report(l, slot, WAIT_WOKEN);
        else if (answer.result == -EAGAIN) report(l, slot, WAIT_CHANGED);
        else arm(l, now_ns());
      } else {
        /* The wake came for a wait that had ended another way: it belongs to somebody else. */
        if (answer.result == 0) mapping_pass_on(w->m, w->word);
        if (w->state == GONE && !w->queued) free_slot(l, slot);
      }
    }
  }
}

static void collect(loop_waiter *l) {
  for (int i = 0; i < l->rings_count; i++) {
    if (l->rings[i].fd >= 0) collect_from(l, &l->rings[i]);
  }
}

static void on_ring(void *handle, int status, int events) {
  (void)status;
  (void)events;
  loop_waiter *l = uv.get_data(handle);
  uint64_t rings;
  /* Finishing work rings the bell once more, so it is silenced afterwards; what came in between shows in the ring. */
  collect(l);
  (void)!read(l->bell, &rings, sizeof rings);
  collect(l);
  deliver(l);
}

/* When to look at this wait again. */
static uint64_t next_look(const wait *w, uint64_t now) {
  uint64_t slice = w->watched != NULL ? WATCH_SLICE_MS : !w->in_ring ? 1 : RELOOK_MS;
  uint64_t at = now + slice * 1000000u;
  return w->deadline < at ? w->deadline : at;
}

static void on_timer(void *handle) {
  loop_waiter *l = uv.get_data(handle);
  l->timer_at = UINT64_MAX;
  collect(l);
  uint64_t now = now_ns(), next = UINT64_MAX;
  const object *last_watched = NULL;
  int last_held = 1;
  uint64_t last_byte = 0;
  for (int slot = 0; slot < l->used; slot++) {
    wait *w = &l->waits[slot];
    if (w->state != PENDING) {
      take_back(l, slot);
      continue;
    }
    int result = -1;
    if (__atomic_load_n(w->word, __ATOMIC_SEQ_CST) != w->expected) {
      result = WAIT_CHANGED;
    } else if (now >= w->deadline) {
      result = WAIT_TIMED_OUT;
    } else if (w->watched != NULL) {
      if (w->watched != last_watched || w->watch_byte != last_byte) {
        last_watched = w->watched;
        last_byte = w->watch_byte;
        last_held = byte_held(w->watched, last_byte);
      }
      if (last_held == 0) result = WAIT_DEAD;
    }
    if (result >= 0) {
      report(l, slot, result);
      continue;
    }
    uint64_t at = next_look(w, now);
    if (at < next) next = at;
  }
  deliver(l);
  if (next != UINT64_MAX) arm(l, next);
}

/* ---- what waiter.c offers too */

static int new_slot(loop_waiter *l) {
  if (l->first_free < 0) {
    int room = l->room == 0 ? 16 : l->room * 2;
    wait *grown = realloc(l->waits, (size_t)room * sizeof *grown);
    if (grown == NULL) return FAILED_NO_MEMORY;
    memset(grown + l->room, 0, (size_t)(room - l->room) * sizeof *grown);
    for (int i = room - 1; i >= l->room; i--) {
      grown[i].next = l->first_free;
      l->first_free = i;
    }
    l->waits = grown;
    l->room = room;
  }
  int slot = l->first_free;
  l->first_free = l->waits[slot].next;
  if (slot >= l->used) l->used = slot + 1;
  return slot;
}

int loop_waiter_add(loop_waiter *l, double id, int handle, mapping *m, uint32_t *word, uint32_t expected, double timeout_ms,
                    object *watched, uint64_t watch_byte) {
  int slot = new_slot(l);
  if (slot < 0) return slot;
  uint64_t deadline = deadline_ns(timeout_ms);
  l->waits[slot] = (wait){PENDING, false, false, false, 0, id, handle, m, word, expected, deadline, watched, watch_byte, -1};
  mapping_begin_wait(m);
  if (!m->read_only) ask(l, slot); /* a wait on a private mapping would make the page a copy of its own: see word_wait */
  arm(l, next_look(&l->waits[slot], now_ns()));
  return slot;
}

bool loop_waiter_cancel(loop_waiter *l, double id, int place) {
  if (place < 0 || place >= l->used) return false;
  wait *w = &l->waits[place];
  if (w->id != id || (w->state != PENDING && w->state != REPORTED)) return false;
  if (w->state == PENDING) {
    forget(l, place);
  } else {
    /* It stays in the queue, and nobody hears of it. */
    if (w->result == WAIT_WOKEN) mapping_pass_on(w->m, w->word);
    w->state = GONE;
  }
  return true;
}

void loop_waiter_close_handle(loop_waiter *l, int handle) {
  for (int slot = 0; slot < l->used; slot++) {
    wait *w = &l->waits[slot];
    if (w->state != PENDING || w->handle != handle) continue;
    report(l, slot, WAIT_CLOSED);
    /* Whoever wakes the word from now on is to wake somebody else. */
    take_back(l, slot);
  }
  if (l->deliver_first >= 0) arm(l, now_ns());
}

/* ---- begin and end */

/* When it fails, close_ring takes what there is of it. */
static bool open_ring(ring *r, int bell) {
  ring_parameters p = {
    .flags = SETUP_CQSIZE | SETUP_TASKRUN_FLAG | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_NO_SQARRAY,
    .answers = ANSWER_ROOM,
  };
  *r = (ring){.fd = (int)syscall(SYS_io_uring_setup, SUBMIT_ROOM, &p)};
  if (r->fd < 0 || syscall(SYS_io_uring_register, r->fd, REGISTER_EVENTFD, &bell, 1) != 0) return false;
  size_t submit_end = p.submit.array + p.entries * sizeof(uint32_t);
  size_t answer_end = p.complete.answers + p.answers * sizeof(ring_answer);
  r->size = submit_end > answer_end ? submit_end : answer_end;
  void *memory = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, OFF_RING);
  if (memory == MAP_FAILED) return false;
  r->memory = memory;
  void *entries = mmap(NULL, SUBMIT_ROOM * sizeof(ring_entry), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, OFF_ENTRIES);
  if (entries == MAP_FAILED) return false;
  r->entries = entries;
#define AT(offset) ((uint32_t *)(void *)(r->memory + (offset)))
  r->submit_head = AT(p.submit.head);
  r->submit_tail = AT(p.submit.tail);
  r->submit_flags = AT(p.submit.flags);
  r->submit_mask = *AT(p.submit.mask);
  r->answer_head = AT(p.complete.head);
  r->answer_tail = AT(p.complete.tail);
  r->answer_mask = *AT(p.complete.mask);
  r->answers = (ring_answer *)(void *)(r->memory + p.complete.answers);
  return true;
}

/* A futex wait that ends at once, as its word does not hold what is expected: does the ring know the operation? */
static bool ring_waits(const ring *r) {
  static uint32_t word = 1;
  ring_entry entry = {
    .opcode = OP_FUTEX_WAIT,
    .fd = FUTEX_SIZE_U32,
    .address = (uint64_t)(uintptr_t)&word,
    .address3 = FUTEX_ANY,
    .user_data = NOT_A_WAIT,
  };
  if (submit(r, &entry) < 0 || enter(r, 0) < 0) return false;
  uint32_t head = *r->answer_head;
  if (head == __atomic_load_n(r->answer_tail, __ATOMIC_ACQUIRE)) return false;
  int32_t result = r->answers[head & r->answer_mask].result;
  __atomic_store_n(r->answer_head, head + 1, __ATOMIC_RELEASE);
  return result == -EAGAIN;
}

static void close_ring(ring *r) {
  if (r->entries != NULL) munmap(r->entries, SUBMIT_ROOM * sizeof(ring_entry));
  if (r->memory != NULL) munmap(r->memory, r->size);
  if (r->fd >= 0) close(r->fd);
  *r = (ring){.fd = -1};
}

static void free_all(loop_waiter *l) {
  for (int i = 0; i < l->rings_count; i++) close_ring(&l->rings[i]);
  if (l->bell >= 0) close(l->bell);
  free(l->rings);
  free(l->waits);
  free(l->poll);
  free(l->timer);
  free(l);
}

loop_waiter *loop_waiter_new(struct uv_loop_s *loop, void *owner, wait_done done) {
  loop_waiter *l;
  if (!find_uv() || (l = calloc(1, sizeof *l)) == NULL) return NULL;
  l->loop = loop;
  l->owner = owner;
  l->done = done;
  l->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  l->timer_at = UINT64_MAX;
  l->first_free = l->deliver_first = l->deliver_last = -1;
  l->poll = calloc(1, uv.handle_size(UV_POLL));
  l->timer = calloc(1, uv.handle_size(UV_TIMER));
  const ring *first = l->bell < 0 ? NULL : ring_of(l, 0);
  if (l->poll == NULL || l->timer == NULL || first == NULL || !ring_waits(first) || uv.poll_init(loop, l->poll, l->bell) != 0) {
    free_all(l);
    return NULL;
  }
  uv.timer_init(loop, l->timer);
  uv.set_data(l->poll, l);
  uv.set_data(l->timer, l);
  uv.unref(l->poll); /* a wait alone keeps nobody alive */
  uv.unref(l->timer);
  uv.poll_start(l->poll, UV_READABLE, on_ring);
  return l;
}

static void on_handle_closed(void *handle) {
  loop_waiter *l = uv.get_data(handle);
  if (--l->handles_left > 0) return;
  void (*ended)(void *) = l->ended;
  void *context = l->ended_context;
  free_all(l);
  ended(context);
}

void loop_waiter_end(loop_waiter *l, void (*ended)(void *), void *context) {
  for (int slot = 0; slot < l->used; slot++) {
    if (l->waits[slot].state == PENDING) forget(l, slot);
  }
  collect(l); /* passes on wakes that came for the forgotten */
  for (int slot = 0; slot < l->used; slot++) {
    if (l->waits[slot].m != NULL) mapping_end_wait(l->waits[slot].m);
    l->waits[slot].m = NULL;
  }
  l->ended = ended;
  l->ended_context = context;
  l->handles_left = 2;
  uv.close(l->poll, on_handle_closed);
  uv.close(l->timer, on_handle_closed);
}
