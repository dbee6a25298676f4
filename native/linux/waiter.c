/* native: waits that end in a callback instead of blocking their caller, where the event loop cannot be asked to wait
 * itself (loop_waiter.c).
 *
 * One waiter thread serves a process: it sleeps in futex_waitv on the words of every pending wait, and on its own
 * control word by which it is told of new ones. The kernel takes 128 words at once, so a lane holds 127 waits; when
 * more are pending at the same time further lanes, each with a thread of its own, are opened and later reused.
 * Where the kernel has no futex_waitv (before 5.16, or a sandbox that hides it) the lane looks at its words every
 * millisecond instead.
 *
 * What futex_waitv does not tell: when several words were woken it names one. So every wait on the named word is
 * reported, and every wait whose word changed; a wake must therefore come after a change of the word.
 */
#include "system.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

#define LANE_WAITS 127

/* As in linux/futex.h since 5.16; said here so that older headers do. */
struct waitv {
  uint64_t value;
  uint64_t address;
  uint32_t flags;
  uint32_t reserved;
};
#define WAITV_U32 2u
#define WAITV_PRIVATE 128u

typedef struct wait {
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
} wait;

/* The waits lie close together and move; each has a place that it keeps. (A sparse set: `places` says the place of each wait, and
 * behind them the free places; `index_of` is the other way round.) */
typedef struct lane {
  uint32_t number;
  uint32_t control; /* +1 at every change of `waits`; the thread sleeps on it too */
  uint32_t count;
  bool running;
  uint8_t places[LANE_WAITS], index_of[LANE_WAITS];
  wait waits[LANE_WAITS];
} lane;

/* Guards the lanes and every wait. Reports are made while it is held: they only post to an event loop. */
static pthread_mutex_t lanes_lock = PTHREAD_MUTEX_INITIALIZER;
static lane **lanes;
static uint32_t lanes_count, lanes_room;
static uint32_t first_with_room; /* no lane before it has room */

/* Removes wait i. The caller holds lanes_lock, and gives the mapping back. */
static mapping *take_out(lane *l, uint32_t i) {
  mapping *m = l->waits[i].m;
  uint32_t last = --l->count;
  uint8_t freed = l->places[i], moved = l->places[last];
  l->waits[i] = l->waits[last];
  l->places[last] = freed;
  l->places[i] = moved;
  l->index_of[freed] = (uint8_t)last;
  l->index_of[moved] = (uint8_t)i;
  if (l->number < first_with_room) first_with_room = l->number;
  return m;
}

/* The caller holds lanes_lock. */
static lane *lane_with_room(void) {
  while (first_with_room < lanes_count && lanes[first_with_room]->count == LANE_WAITS) first_with_room++;
  if (first_with_room < lanes_count) return lanes[first_with_room];
  if (lanes_count == lanes_room) {
    uint32_t room = lanes_room == 0 ? 8 : lanes_room * 2;
    lane **grown = realloc(lanes, room * sizeof *grown);
    if (grown == NULL) return NULL;
    lanes = grown;
    lanes_room = room;
  }
  lane *l = calloc(1, sizeof *l);
  if (l == NULL) return NULL;
  for (uint8_t i = 0; i < LANE_WAITS; i++) l->places[i] = l->index_of[i] = i;
  l->number = lanes_count;
  lanes[lanes_count++] = l;
  return l;
}

static void ring(lane *l) {
  __atomic_fetch_add(&l->control, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &l->control, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
}

/* Reports what has ended and says when to look again. woken: the word that the kernel named, or NULL; answered: somebody
 * still waited on it. */
static uint64_t sweep(lane *l, uint32_t *woken, bool *answered) {
  mapping *released[LANE_WAITS];
  uint32_t releases = 0;
  uint64_t now = now_ns(), next = UINT64_MAX;
  const object *last_watched = NULL;
  int last_held = 1;
  uint64_t last_byte = 0;
  *answered = false;
  pthread_mutex_lock(&lanes_lock);
  if (l->count > 0) next = now + RELOOK_MS * 1000000u;
  for (uint32_t i = 0; i < l->count;) {
    wait *w = &l->waits[i];
    int result = -1;
    if (w->word == woken) {
      result = WAIT_WOKEN;
      *answered = true;
    } else if (__atomic_load_n(w->word, __ATOMIC_SEQ_CST) != w->expected) {
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
      else if (next > now + WATCH_SLICE_MS * 1000000u) next = now + WATCH_SLICE_MS * 1000000u;
    }
    if (result >= 0) {
      w->done(w->owner, w->id, result);
      released[releases++] = take_out(l, i);
    } else {
      if (w->deadline < next) next = w->deadline;
      i++;
    }
  }
  pthread_mutex_unlock(&lanes_lock);
  for (uint32_t i = 0; i < releases; i++) mapping_end_wait(released[i]);
  return next;
}

static void *lane_thread(void *argument) {
  lane *l = argument;
  prctl(PR_SET_NAME, "memlane-waits");
  struct waitv words[LANE_WAITS + 1];
  mapping *kept[LANE_WAITS];
  uint32_t count = 0;
  uint32_t *woken = NULL;
  mapping *woken_in = NULL, *asked_in[LANE_WAITS + 1];
  bool poll = false;
  for (;;) {
    bool answered;
    uint64_t until = sweep(l, woken, &answered);
    /* The wait that took this wake was cancelled before it could be reported: the wake belongs to somebody else. */
    if (woken != NULL && !answered) mapping_pass_on(woken_in, woken);
    woken = NULL;
    for (uint32_t i = 0; i < count; i++) mapping_end_wait(kept[i]);
    memset(words, 0, sizeof words);
    pthread_mutex_lock(&lanes_lock);
    count = l->count;
    uint32_t asked = 1;
    words[0].address = (uint64_t)(uintptr_t)&l->control;
    words[0].value = __atomic_load_n(&l->control, __ATOMIC_SEQ_CST);
    words[0].flags = WAITV_U32 | WAITV_PRIVATE;
    for (uint32_t i = 0; i < count; i++) {
      wait *w = &l->waits[i];
      if (w->m->read_only) { /* see word_wait */
        if (until > now_ns() + 1000000u) until = now_ns() + 1000000u;
      } else {
        words[asked].address = (uint64_t)(uintptr_t)w->word;
        words[asked].value = w->expected;
        asked_in[asked] = w->m;
        words[asked++].flags = WAITV_U32;
      }
      /* A wait added since the sweep may end sooner. */
      if (w->deadline < until) until = w->deadline;
      if (until == UINT64_MAX) until = now_ns() + RELOOK_MS * 1000000u;
      if (w->watched != NULL && until > now_ns() + WATCH_SLICE_MS * 1000000u) until = now_ns() + WATCH_SLICE_MS * 1000000u;
      kept[i] = w->m;
      mapping_begin_wait(w->m); /* the words must stay mapped while the kernel looks at them */
    }
    pthread_mutex_unlock(&lanes_lock);
    long r;
    struct timespec tick = {0, 1000000};
    if (poll) {
      r = -1;
      errno = ETIMEDOUT;
      if (count == 0) syscall(SYS_futex, &l->control, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, (uint32_t)words[0].value, NULL, NULL, 0);
      else nanosleep(&tick, NULL);
    } else {
      struct timespec limit = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
      r = syscall(SYS_futex_waitv, words, asked, 0, until == UINT64_MAX ? NULL : &limit, CLOCK_MONOTONIC);
    }
    if (r > 0 && (uint32_t)r < asked) {
      woken = (uint32_t *)(uintptr_t)words[r].address;
      woken_in = asked_in[r];
    } else if (r < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL)) poll = true;
    /* EFAULT: a peer has cut the file below a word; the next sweep touches the word and the fault handler mends the page. */
    else if (r < 0 && errno != EAGAIN && errno != EINTR && errno != ETIMEDOUT) nanosleep(&tick, NULL);
  }
  return NULL;
}

static int start_thread(lane *l) {
  pthread_t thread;
  pthread_attr_t attributes;
  sigset_t all, before;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  sigfillset(&all);
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGSEGV);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals belong to the runtime's threads */
  int r = pthread_create(&thread, &attributes, lane_thread, l);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return -r;
}

int waiter_add(void *owner, wait_done done, double id, int handle, mapping *m, uint32_t *word, uint32_t expected,
               double timeout_ms, object *watched, uint64_t watch_byte) {
  uint64_t deadline = deadline_ns(timeout_ms);
  int result = 0;
  mapping_begin_wait(m);
  pthread_mutex_lock(&lanes_lock);
  lane *l = lane_with_room();
  if (l == NULL) {
    result = FAILED_NO_MEMORY;
  } else if (!l->running) {
    result = start_thread(l);
    l->running = result == 0;
  }
  if (result == 0) {
    result = (int)(l->number * LANE_WAITS + l->places[l->count]);
    l->waits[l->count++] = (wait){owner, done, id, handle, m, word, expected, deadline, watched, watch_byte};
    ring(l);
  }
  pthread_mutex_unlock(&lanes_lock);
  if (result < 0) mapping_end_wait(m);
  return result;
}

bool waiter_cancel(void *owner, double id, int place) {
  mapping *m = NULL;
  pthread_mutex_lock(&lanes_lock);
  if (place >= 0 && (uint32_t)place / LANE_WAITS < lanes_count) {
    lane *l = lanes[place / LANE_WAITS];
    uint32_t i = l->index_of[place % LANE_WAITS];
    if (i < l->count && l->waits[i].owner == owner && l->waits[i].id == id) {
      m = take_out(l, i);
      ring(l);
    }
  }
  pthread_mutex_unlock(&lanes_lock);
  if (m != NULL) mapping_end_wait(m);
  return m != NULL;
}

/* Takes out the waits of the owner (through this handle, unless that is negative). */
static void take_all(void *owner, int handle, bool report) {
  pthread_mutex_lock(&lanes_lock);
  for (uint32_t n = 0; n < lanes_count; n++) {
    lane *l = lanes[n];
    bool changed = false;
    for (uint32_t i = 0; i < l->count;) {
      wait *w = &l->waits[i];
      if (w->owner != owner || (handle >= 0 && w->handle != handle)) {
        i++;
        continue;
      }
      if (report) w->done(owner, w->id, WAIT_CLOSED);
      mapping_end_wait(take_out(l, i));
      changed = true;
    }
    if (changed) ring(l);
  }
  pthread_mutex_unlock(&lanes_lock);
}

void waiter_drop_owner(void *owner) { take_all(owner, -1, false); }

void waiter_close_handle(void *owner, int handle) { take_all(owner, handle, true); }
