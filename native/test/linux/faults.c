/* native: the layer on Linux while system calls fail. Each scenario is played with the first call of each kind failing, then
 * with the second, and so on until there is none left. What was asked for must then be done all the same, or be refused with a
 * coded error; the next two times it must be done; nothing may be held in the end that is not held after three good times;
 * and nothing may hang. Prints TAP. scripts/test-native.mjs builds and runs it under sanitizers.
 *
 *   faults                      everything
 *   faults names                the names of all scenarios, and `tests`
 *   faults tests                only what has tests of its own
 *   faults waits futex_waitv    one scenario; one call of it */
#include "../../layout.h"
#include "../../platform.h"
#include "injector.h"
#include "small_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Whoever takes so long hangs: a good run of a scenario takes a quarter of a second. */
#define HANG_SECONDS 120

#define SIZE (4u << 20)
#define BEYOND (UINT64_C(1) << 40)

static char name[80], other[80];

static const char *complaint;
static char complaint_text[300];

/* What no failing call may bring about. */
#define MUST(condition)                                                                            \
  do {                                                                                             \
    if (!(condition) && complaint == NULL) {                                                       \
      snprintf(complaint_text, sizeof complaint_text, "line %d: %s", __LINE__, #condition);        \
      complaint = complaint_text;                                                                  \
    }                                                                                              \
  } while (0)

static bool is_coded(int result) {
  static const int codes[] = {FAILED_FORBIDDEN,      FAILED_NOT_PERMITTED, FAILED_DEVICE,   FAILED_BUSY,      FAILED_NO_MEMORY, FAILED_INVALID,
                              FAILED_NO_MORE_HANDLES, FAILED_NO_HANDLES,    FAILED_TOO_LARGE, FAILED_NO_SPACE, FAILED_NO_LOCKS,  FAILED_UNSUPPORTED};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (result == codes[i]) return true;
  return false;
}

static int failing_error; /* 0: nothing is made to fail */
static bool refused;      /* something was, so the scenario need not come to its end */

/* True when it was done. A refusal has a code, and there is a reason for it. */
static bool done(int result, int line) {
  if (result >= 0) return true;
  refused = true;
  bool named = is_coded(result) || result == -failing_error;
  if ((failing_error == 0 || !named) && complaint == NULL) {
    snprintf(complaint_text, sizeof complaint_text, "line %d: refused with %d", line, result);
    complaint = complaint_text;
  }
  return false;
}
#define DONE(expression) done((expression), __LINE__)

static uint32_t *word_at(const mapping *m, size_t word) { return (uint32_t *)(void *)m->address + word; }
static uint32_t load(const mapping *m, size_t word) { return __atomic_load_n(word_at(m, word), __ATOMIC_SEQ_CST); }
static void store(const mapping *m, size_t word, uint32_t value) { __atomic_store_n(word_at(m, word), value, __ATOMIC_SEQ_CST); }
static void nap(void) {
  struct timespec t = {0, 1000000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static object *made(const char *called) {
  object *o = NULL;
  if (!DONE(object_open(called, OPEN_CREATE, 0600, &o))) return NULL;
  if (DONE(object_truncate(o, SIZE)) && DONE(object_commit(o, 0, SIZE))) return o;
  (void)DONE(object_close(o));
  return NULL;
}

static void close_all(mapping *m, object *o) {
  if (m != NULL) {
    mapping_close(m, o);
    mapping_release(m);
  }
  if (o != NULL) (void)DONE(object_close(o));
}

/* ---- the scenarios */

static void look_for(void *context, const char *found) {
  if (strcmp(found, name) == 0) *(int *)context += 1;
}

static void objects(void) {
  object *o = NULL, *same = NULL;
  double stat[STAT_FIELDS], space[SPACE_FIELDS];
  int seen = 0;
  umask(077);
  if (DONE(object_open(name, OPEN_CREATE | OPEN_EXCLUSIVE, 0640, &o))) {
    if (DONE(object_truncate(o, SIZE)) && DONE(object_stat(o, stat))) MUST(stat[STAT_SIZE] == SIZE);
    if (DONE(object_commit(o, 0, SIZE)) && DONE(object_stat_name(name, stat)) && !refused) MUST(stat[STAT_COMMITTED] == SIZE);
    if (DONE(object_space(space))) MUST(space[SPACE_TOTAL] > 0);
    if (DONE(object_list(look_for, &seen))) MUST(seen == 1);
    MUST(object_open(name, OPEN_CREATE | OPEN_EXCLUSIVE, 0600, &same) < 0 && same == NULL);
    if (DONE(object_publish(name, other, false))) {
      if (DONE(object_open(other, OPEN_READ_ONLY, 0, &same))) (void)DONE(object_close(same));
      (void)DONE(object_publish(other, name, true));
    }
    (void)DONE(object_close(o));
  }
}

/* A forked child that does nothing more, once it is one of its own: pthread_atfork's part is over. */
static pid_t child_that_stays(void) {
  int ends[2];
  char byte = 0;
  if (pipe(ends) < 0) abort();
  pid_t child = fork();
  if (child == 0) {
    if (write(ends[1], "y", 1) == 1)
      for (;;) pause();
    _exit(1);
  }
  if (read(ends[0], &byte, 1) != 1) abort();
  close(ends[0]);
  close(ends[1]);
  return child;
}

/* Of locks and mappings: a lock is free once the object is closed, though somebody still has a mapping of it. */
static void mappings(void) {
  object *o = made(name), *watcher = NULL, *reader = NULL;
  mapping *m = NULL, *r = NULL, *p = NULL;
  if (o == NULL) return;
  unsigned char *place = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) place = NULL;
  if (DONE(mapping_open(o, 0, SIZE, false, NULL, &m))) store(m, 3, 33);
  if (DONE(object_open(name, OPEN_READ_ONLY, 0, &reader)) && DONE(mapping_open(reader, 0, SIZE, true, NULL, &r))) {
    if (m != NULL) MUST(load(r, 3) == 33);
    store(r, 2000, 5);
    if (m != NULL) MUST(load(m, 2000) == 0);
  }
  if (place != NULL && DONE(mapping_open(o, 0, SIZE, false, place, &p)) && m != NULL) {
    MUST(p->address == place && load(p, 3) == 33);
    /* A page that a peer cuts off is one of zeros from then on, and counted. */
    if (DONE(object_truncate(o, SIZE / 2))) MUST(load(p, SIZE / 4 - 1) == 0 && fault_words()[p->fault_slot] == 1);
  }
  if (DONE(object_open(name, 0, 0, &watcher)) && DONE(byte_lock(o, BEYOND))) {
    int held = byte_held(watcher, BEYOND);
    if (DONE(held)) MUST(held == 1);
    MUST(byte_lock(watcher, BEYOND) < 0);
    if (DONE(byte_unlock(o, BEYOND))) (void)DONE(byte_lock(o, BEYOND));
  }
  if (m != NULL) mapping_retain(m); /* the engine's, which lasts beyond */
  mapping *kept = m;
  /* A child inherits the mappings, and must not keep the locks with them. */
  pid_t child = child_that_stays();
  close_all(p, NULL);
  close_all(m, o);
  close_all(r, reader);
  if (kept != NULL && watcher != NULL) {
    int held = byte_held(watcher, BEYOND);
    /* Where /proc does not let a file be opened once more, a mapping keeps the locks. (What exists is opened without room.) */
    if (DONE(held) && failing_error != EACCES && failing_error != ENOSPC) MUST(held == 0);
    store(kept, 3, 1); /* reaches nobody */
  }
  if (kept != NULL) mapping_release(kept);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  if (watcher != NULL) (void)DONE(object_close(watcher));
  if (place != NULL) munmap(place, SIZE);
}

typedef struct pair {
  object *o;
  mapping *m;
} pair;

static bool open_pair(pair *p) {
  *p = (pair){made(name), NULL};
  if (p->o != NULL && DONE(mapping_open(p->o, 0, SIZE, false, NULL, &p->m))) return true;
  close_all(NULL, p->o);
  return false;
}

static void *wake_later(void *argument) {
  mapping *m = argument;
  store(m, 1, 1);
  word_wake(m, word_at(m, 1), 1); /* what fails here is made up for by the sleeper's second look */
  return NULL;
}

static void blocking_waits(void) {
  pair p;
  object *watched = NULL;
  mapping *r = NULL;
  pthread_t thread;
  if (!open_pair(&p)) return;
  for (int i = 0; i < 4; i++) store(p.m, (size_t)i, 0);
  int result = word_wait(p.m, word_at(p.m, 0), 1, -1, NULL, 0);
  if (DONE(result)) MUST(result == WAIT_CHANGED);
  result = word_wait(p.m, word_at(p.m, 0), 0, 5, NULL, 0);
  if (DONE(result)) MUST(result == WAIT_TIMED_OUT || failing_error != 0);
  if (DONE(object_open(name, 0, 0, &watched))) {
    result = word_wait(p.m, word_at(p.m, 0), 0, -1, watched, 9);
    if (DONE(result)) MUST(result == WAIT_DEAD || failing_error != 0);
  }
  if (DONE(mapping_open(p.o, 0, SIZE, true, NULL, &r))) {
    result = word_wait(r, word_at(r, 0), 0, 3, NULL, 0);
    if (DONE(result)) MUST(result == WAIT_TIMED_OUT);
  }
  pthread_create(&thread, NULL, wake_later, p.m);
  while (load(p.m, 1) == 0) {
    result = word_wait(p.m, word_at(p.m, 1), 0, -1, NULL, 0);
    if (!DONE(result)) break;
  }
  pthread_join(thread, NULL);
  close_all(r, NULL);
  close_all(p.m, p.o);
  if (watched != NULL) (void)DONE(object_close(watched));
}

#define WAITS 12
static uint32_t reports[WAITS]; /* 100 + how it ended */
static uint32_t count_reports[WAITS];
static void on_done(void *owner, double id, int result) {
  (void)owner;
  __atomic_fetch_add(&count_reports[(int)id], 1, __ATOMIC_SEQ_CST);
  __atomic_store_n(&reports[(int)id], 100u + (uint32_t)result, __ATOMIC_SEQ_CST);
}
static void no_reports(void) {
  for (int i = 0; i < WAITS; i++) {
    __atomic_store_n(&reports[i], 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&count_reports[i], 0, __ATOMIC_SEQ_CST);
  }
}
static uint32_t reported(int id) { return __atomic_load_n(&reports[id], __ATOMIC_SEQ_CST); }

/* What both kinds of asynchronous waits are asked: one is woken, one changes, one times out, one's holder is dead, one is
 * cancelled, one is closed with its handle, one watches a read-only mapping, and one is dropped with its owner. */
typedef struct service {
  int (*add)(struct service *, int id, int handle, mapping *m, size_t word, uint32_t expected, double timeout_ms, object *watched);
  bool (*cancel)(struct service *, int id, int place);
  void (*close_handle)(struct service *, int handle);
  void (*turn)(struct service *);
  void (*end)(struct service *);
  loop_waiter *waiter;
  small_loop *loop;
} service;

static void ask_everything(service *s) {
  pair p;
  object *watched = NULL, *reader = NULL;
  mapping *r = NULL;
  int place[WAITS];
  no_reports();
  if (!open_pair(&p)) return s->end(s);
  for (size_t i = 0; i < 32; i++) store(p.m, i, 0);
  if (DONE(object_open(name, 0, 0, &watched)) && DONE(object_open(name, OPEN_READ_ONLY, 0, &reader)))
    (void)DONE(mapping_open(reader, 0, SIZE, true, NULL, &r));
  place[0] = s->add(s, 0, 1, p.m, 10, 0, -1, NULL);
  place[1] = s->add(s, 1, 1, p.m, 11, 1, -1, NULL);
  place[2] = s->add(s, 2, 1, p.m, 12, 0, 5, NULL);
  place[3] = watched == NULL ? -1 : s->add(s, 3, 1, p.m, 13, 0, -1, watched);
  place[4] = s->add(s, 4, 1, p.m, 14, 0, -1, NULL);
  place[5] = s->add(s, 5, 2, p.m, 15, 0, -1, NULL);
  place[6] = r == NULL ? -1 : s->add(s, 6, 3, r, 16, 0, -1, NULL);
  place[7] = s->add(s, 7, 4, p.m, 17, 0, -1, NULL);
  for (int i = 0; i < 8; i++)
    if (i != 3 && i != 6) (void)DONE(place[i]);
  store(p.m, 10, 1);
  word_wake(p.m, word_at(p.m, 10), 1);
  if (place[6] >= 0) store(p.m, 16, 1);
  if (place[4] >= 0) MUST(s->cancel(s, 4, place[4]) && !s->cancel(s, 4, place[4]));
  if (place[5] >= 0) s->close_handle(s, 2);
  for (int i = 0; i < 7; i++) {
    if (place[i] < 0 || i == 4) continue;
    while (reported(i) == 0) s->turn(s);
    MUST(__atomic_load_n(&count_reports[i], __ATOMIC_SEQ_CST) == 1);
  }
  MUST(place[0] < 0 || reported(0) == 100 + WAIT_WOKEN || reported(0) == 100 + WAIT_CHANGED);
  MUST(place[1] < 0 || reported(1) == 100 + WAIT_CHANGED || failing_error != 0);
  MUST(place[2] < 0 || reported(2) == 100 + WAIT_TIMED_OUT || failing_error != 0);
  MUST(place[3] < 0 || reported(3) == 100 + WAIT_DEAD || failing_error != 0);
  MUST(place[5] < 0 || reported(5) == 100 + WAIT_CLOSED);
  MUST(reported(4) == 0 && reported(7) == 0);
  close_all(r, reader);
  /* Closed while a wait on it is pending: its wake goes to nobody, and no memory that is gone is looked at. */
  mapping_close(p.m, p.o);
  s->end(s);
  MUST(reported(7) == 0);
  mapping_release(p.m);
  (void)DONE(object_close(p.o));
  if (watched != NULL) (void)DONE(object_close(watched));
}

static int thread_add(service *s, int id, int handle, mapping *m, size_t word, uint32_t expected, double timeout_ms, object *watched) {
  return waiter_add(s, on_done, id, handle, m, word_at(m, word), expected, timeout_ms, watched, 9);
}
static bool thread_cancel(service *s, int id, int place) { return waiter_cancel(s, id, place); }
static void thread_close_handle(service *s, int handle) { waiter_close_handle(s, handle); }
static void thread_turn(service *s) {
  (void)s;
  nap();
}
static void thread_end(service *s) { waiter_drop_owner(s); }

/* The thread gives a mapping back when it has looked at its waits once more. */
static void until_idle(long long mapped_before) {
  while (held_now().mapped > mapped_before) nap();
}

static void waits(void) {
  long long before = held_now().mapped;
  service s = {.add = thread_add, .cancel = thread_cancel, .close_handle = thread_close_handle, .turn = thread_turn, .end = thread_end};
  ask_everything(&s);
  until_idle(before);
}

static int loop_add(service *s, int id, int handle, mapping *m, size_t word, uint32_t expected, double timeout_ms, object *watched) {
  return loop_waiter_add(s->waiter, id, handle, m, word_at(m, word), expected, timeout_ms, watched, 9);
}
static bool loop_cancel(service *s, int id, int place) { return loop_waiter_cancel(s->waiter, id, place); }
static void loop_close_handle(service *s, int handle) { loop_waiter_close_handle(s->waiter, handle); }
static void loop_turn(service *s) { small_loop_turn(s->loop); }
static void on_ended(void *context) { *(bool *)context = true; }
static void loop_end(service *s) {
  bool ended = false;
  loop_waiter_end(s->waiter, on_ended, &ended);
  while (!ended) small_loop_turn(s->loop);
}

static bool no_ring; /* this kernel, or this sandbox, has none that waits on words */

static bool file_says(const char *path, const char *text) {
  char found[4096];
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  size_t length = fread(found, 1, sizeof found - 1, file);
  fclose(file);
  found[length] = 0;
  return strstr(found, text) != NULL;
}

/* Asked of the system and not of the layer, which is under test. */
static bool has_ring(void) {
  int major = 0, minor = 0;
  struct utsname u;
  if (uname(&u) != 0 || sscanf(u.release, "%d.%d", &major, &minor) != 2) return false;
  if (major < 6 || (major == 6 && minor < 7)) return false;
  return file_says("/proc/sys/kernel/io_uring_disabled", "0") && !file_says("/proc/self/status", "Seccomp:\t2");
}

static void loop_waits(void) {
  service s = {.add = loop_add, .cancel = loop_cancel, .close_handle = loop_close_handle, .turn = loop_turn, .end = loop_end};
  s.loop = small_loop_new();
  s.waiter = loop_waiter_new(s.loop, &s, on_done);
  /* Without a ring the waiter threads do the work. */
  if (s.waiter == NULL) MUST(failing_error != 0 || no_ring);
  else ask_everything(&s);
  small_loop_free(s.loop);
}

static void identities(void) {
  unsigned char a[16], b[16];
  double start = process_start(getpid());
  boot_id(a);
  boot_id(b);
  MUST(failing_error != 0 || (start > 0 && memcmp(a, b, 16) == 0));
  (void)process_namespace();
  give_way();
  stay_loaded();
  MUST(host_function("no_such_function_anywhere") == NULL);
}

/* Two threads at once, each with objects of its own and one that both have. */
static void *churn(void *argument) {
  char own[120];
  snprintf(own, sizeof own, "%s-%c", name, *(const char *)argument);
  for (int round = 0; round < 3; round++) {
    object *o = NULL, *shared = NULL;
    mapping *m = NULL;
    if (object_open(own, OPEN_CREATE, 0600, &o) < 0) continue;
    if (object_truncate(o, 65536) == 0 && object_commit(o, 0, 65536) == 0 && mapping_open(o, 0, 65536, false, NULL, &m) == 0) store(m, 1, 1);
    if (object_open(name, OPEN_CREATE, 0600, &shared) == 0) {
      if (byte_lock(shared, BEYOND + 1) == 0) byte_unlock(shared, BEYOND + 1);
      object_close(shared);
    }
    if (m != NULL) {
      mapping_close(m, o);
      mapping_release(m);
    }
    object_close(o);
  }
  object_unlink(own);
  return NULL;
}

static void threads_and_forks(void) {
  pthread_t one, two;
  pthread_create(&one, NULL, churn, "a");
  pthread_create(&two, NULL, churn, "b");
  for (int i = 0; i < 3; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    int status = 1;
    waitpid(child, &status, 0);
    MUST(status == 0);
  }
  pthread_join(one, NULL);
  pthread_join(two, NULL);
}

static const struct {
  const char *name;
  void (*play)(void);
} scenarios[] = {
  {"objects", objects},   {"mappings", mappings},     {"blocking-waits", blocking_waits}, {"waits", waits},
  {"loop-waits", loop_waits}, {"identities", identities}, {"threads-and-forks", threads_and_forks},
};

/* ---- playing them */

static void remove_names(void) {
  object_unlink(name);
  object_unlink(other);
  char own[120];
  for (const char *c = "ab"; *c != 0; c++) {
    snprintf(own, sizeof own, "%s-%c", name, *c);
    object_unlink(own);
  }
}

static void play(void (*scenario)(void)) {
  refused = false;
  remove_names();
  scenario();
  remove_names();
}

typedef struct outcome {
  holdings held;
  int counted[CALL_COUNT];
  char complaint[300];
  bool failed_once; /* the nth call was made, and failed */
} outcome;

/* In a process of its own: once with the failure, twice without. What it finds is left in `out`, which both processes have. */
static int in_child(void (*scenario)(void), call which, int nth, int error, outcome *out) {
  memset(out, 0, sizeof *out);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(HANG_SECONDS);
    failing_error = error;
    inject(which, nth, error);
    play(scenario);
    for (int i = 0; i < CALL_COUNT; i++) out->counted[i] = calls_of((call)i);
    out->failed_once = injected();
    failing_error = 0;
    for (int i = 0; i < 2 && complaint == NULL; i++) {
      play(scenario);
      MUST(!refused);
    }
    if (complaint != NULL) snprintf(out->complaint, sizeof out->complaint, "%s", complaint);
    out->held = held_now();
    _exit(0);
  }
  int status = 1;
  waitpid(child, &status, 0);
  return status;
}

static int tests, failures;
static void report(bool good, const char *what) {
  tests++;
  if (!good) failures++;
  printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
  fflush(stdout);
}

static bool same_holdings(const holdings *a, const holdings *b) {
  return a->allocations == b->allocations && a->descriptors == b->descriptors && a->mapped == b->mapped && a->streams == b->streams;
}

static void say_holdings(const char *when, const holdings *h) {
  printf("#   %s: %ld allocations, %ld descriptors, %lld bytes mapped, %ld streams\n", when, h->allocations, h->descriptors, h->mapped, h->streams);
}

/* Every place where the scenario makes this call. */
static bool survives(int scenario, call which, int error, const outcome *good, outcome *out, int *played) {
  bool fine = true;
  for (int nth = 1; fine; nth++) {
    int status = in_child(scenarios[scenario].play, which, nth, error, out);
    if (status == 0 && out->complaint[0] == 0 && !out->failed_once) break;
    (*played)++;
    const char *why = NULL;
    if (WIFSIGNALED(status)) why = WTERMSIG(status) == SIGALRM ? "it hangs" : "it is killed by a signal";
    else if (status != 0) why = "it exits";
    else if (out->complaint[0] != 0) why = out->complaint;
    else if (!same_holdings(&out->held, &good->held)) why = "something is still held";
    if (why == NULL) continue;
    fine = false;
    printf("# %s, call %d of %s fails with %s: %s (status %d)\n", scenarios[scenario].name, nth, calls[which].name, strerror(error), why, status);
    say_holdings("it holds", &out->held);
    say_holdings("after three good times", &good->held);
  }
  return fine;
}

static void play_all(const char *only_scenario, const char *only_call) {
  outcome *good = mmap(NULL, 2 * sizeof *good, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  outcome *out = good + 1;
  for (int s = 0; s < (int)(sizeof scenarios / sizeof *scenarios); s++) {
    if (only_scenario != NULL && strcmp(only_scenario, scenarios[s].name) != 0) continue;
    char what[200];
    int status = in_child(scenarios[s].play, CALL_COUNT, 0, 0, good);
    if (status != 0 || good->complaint[0] != 0) printf("# %s (status %d)\n", good->complaint, status);
    snprintf(what, sizeof what, "%s: three good times", scenarios[s].name);
    report(status == 0 && good->complaint[0] == 0, what);
    if (status != 0 || good->complaint[0] != 0) continue;
    for (int c = 0; c < CALL_COUNT; c++) {
      if (good->counted[c] == 0 || (only_call != NULL && strcmp(only_call, calls[c].name) != 0)) continue;
      bool fine = true;
      int played = 0;
      for (const int *error = calls[c].errors; *error != 0; error++) fine = survives(s, (call)c, *error, good, out, &played) && fine;
      snprintf(what, sizeof what, "%s: %s fails once, in %d ways", scenarios[s].name, calls[c].name, played);
      report(fine, what);
    }
  }
}

/* ---- what has tests of its own */

static bool committing_ends(void) {
  object *o = NULL;
  double stat[STAT_FIELDS];
  bool good = true;
  for (uint64_t most = 4096; most <= 4 * SIZE; most *= 4) {
    remove_names();
    if (object_open(name, OPEN_CREATE, 0600, &o) < 0 || object_truncate(o, SIZE) < 0) return false;
    interrupt_fallocate(most);
    good = object_commit(o, 0, SIZE) == 0 && good;
    good = largest_step() <= 1u << 20 && good;
    interrupt_fallocate(0);
    good = object_stat(o, stat) == 0 && stat[STAT_COMMITTED] == SIZE && good;
    object_close(o);
  }
  return good;
}

/* The moment between opening and remembering, and between forgetting and closing: another thread forks there, and its child
 * looks whether it has the descriptor. The fork either waits for this step to be over, or it has been made when we go on. */
static int suspect = -1, forks_asked, forks_made, children_with_it;
static long forker;

static void *forking(void *argument) {
  (void)argument;
  __atomic_store_n(&forker, (long)gettid(), __ATOMIC_SEQ_CST);
  for (int made_so_far = 0;;) {
    int asked = __atomic_load_n(&forks_asked, __ATOMIC_SEQ_CST);
    if (asked < 0) return NULL;
    if (asked == made_so_far) continue;
    made_so_far = asked;
    int fd = __atomic_load_n(&suspect, __ATOMIC_SEQ_CST);
    pid_t child = fork();
    if (child == 0) _exit(fcntl(fd, F_GETFD) < 0 ? 0 : 1);
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) __atomic_fetch_add(&children_with_it, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&forks_made, made_so_far, __ATOMIC_SEQ_CST);
  }
}

/* It sleeps, and not for its child: it has none yet while it waits for the lock. */
static bool forker_waits(void) {
  char path[60], text[200];
  snprintf(path, sizeof path, "/proc/self/task/%ld/syscall", __atomic_load_n(&forker, __ATOMIC_SEQ_CST));
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  return length > 0 && text[0] >= '0' && text[0] <= '9' && strtol(text, NULL, 10) == SYS_futex;
}

static void fork_now(int fd) {
  __atomic_store_n(&suspect, fd, __ATOMIC_SEQ_CST);
  int asked = __atomic_add_fetch(&forks_asked, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&forks_made, __ATOMIC_SEQ_CST) != asked && !forker_waits()) nap();
}

/* The fork that was asked for is over before the next one is asked for. */
static void fork_is_over(void) {
  while (__atomic_load_n(&forks_made, __ATOMIC_SEQ_CST) != __atomic_load_n(&forks_asked, __ATOMIC_SEQ_CST)) nap();
}

static bool no_child_holds_it(void) {
  pthread_t thread;
  bool good = true;
  remove_names();
  pthread_create(&thread, NULL, forking, NULL);
  while (__atomic_load_n(&forker, __ATOMIC_SEQ_CST) == 0) nap();
  for (int round = 0; round < 20; round++) {
    object *o = NULL;
    after_open = fork_now;
    good = object_open(name, OPEN_CREATE, 0600, &o) == 0 && good;
    after_open = NULL;
    fork_is_over();
    before_close = fork_now;
    good = object_close(o) == 0 && good;
    before_close = NULL;
    fork_is_over();
  }
  __atomic_store_n(&forks_asked, -1, __ATOMIC_SEQ_CST);
  pthread_join(thread, NULL);
  if (children_with_it > 0) printf("# %d of 40 children hold the descriptor\n", children_with_it);
  return good && children_with_it == 0;
}

/* More waits than one ring takes, the oldest cancelled first. */
#define MANY 1200
static bool many_waits(void) {
  small_loop *loop = small_loop_new();
  pair p;
  static int place[MANY];
  if (!open_pair(&p)) return false;
  for (size_t i = 0; i < 16; i++) store(p.m, i, 0);
  holdings before = held_now();
  loop_waiter *l = loop_waiter_new(loop, loop, on_done);
  if (l == NULL) return no_ring;
  bool good = true;
  no_reports();
  for (int i = 0; i < MANY; i++) {
    place[i] = loop_waiter_add(l, i == MANY - 1 ? 1 : 0, 1, p.m, word_at(p.m, i == MANY - 1 ? 1 : 0), 0, -1, NULL, 0);
    good = place[i] >= 0 && good;
  }
  /* The bell, and a ring for every 512. */
  good = held_now().descriptors == before.descriptors + 4 && good;
  for (int i = 0; i < MANY - 1; i++) good = loop_waiter_cancel(l, 0, place[i]) && good;
  store(p.m, 1, 1);
  word_wake(p.m, word_at(p.m, 1), 1);
  while (reported(1) == 0) small_loop_turn(loop);
  good = reported(1) == 100 + WAIT_WOKEN && reported(0) == 0 && good;
  bool ended = false;
  loop_waiter_end(l, on_ended, &ended);
  while (!ended) small_loop_turn(loop);
  holdings after = held_now();
  good = same_holdings(&before, &after) && good;
  close_all(p.m, p.o);
  small_loop_free(loop);
  return good;
}

/* The kernel refused to cancel a wait: until it does, wakes go to one that nobody has. */
static bool cancelled_in_the_end(void) {
  small_loop *loop = small_loop_new();
  pair p;
  if (!open_pair(&p)) return false;
  store(p.m, 0, 0);
  loop_waiter *l = loop_waiter_new(loop, loop, on_done);
  if (l == NULL) return no_ring;
  no_reports();
  int refused_at = loop_waiter_add(l, 0, 1, p.m, word_at(p.m, 0), 0, -1, NULL, 0);
  inject(CALL_io_uring_enter, 1, ENOMEM);
  bool good = loop_waiter_cancel(l, 0, refused_at);
  good = injected() && good;
  /* Its place is free again once it is cancelled, and what is free is given out before anything new. */
  for (int place = -1; place != refused_at;) {
    small_loop_turn(loop);
    place = loop_waiter_add(l, 1, 1, p.m, word_at(p.m, 0), 0, -1, NULL, 0);
  }
  bool ended = false;
  loop_waiter_end(l, on_ended, &ended);
  while (!ended) small_loop_turn(loop);
  close_all(p.m, p.o);
  small_loop_free(loop);
  return good && reported(0) == 0;
}

int main(int count, char *arguments[]) {
  const char *begin = getenv("FAULTS_NAME");
  snprintf(name, sizeof name, "%.30s-%ld", begin == NULL ? "memlane-faults" : begin, (long)getpid());
  snprintf(other, sizeof other, "%.50s-other", name);
  no_ring = !has_ring();
  if (count == 2 && strcmp(arguments[1], "names") == 0) {
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) printf("%s\n", scenarios[i].name);
    return printf("tests\n") < 0;
  }
  /* First of all, as the first calls of a process are to fail, too: of those that this one has made none is made again. */
  play_all(count > 1 ? arguments[1] : NULL, count > 2 ? arguments[2] : NULL);
  if (count == 1 || strcmp(arguments[1], "tests") == 0) {
    alarm(HANG_SECONDS);
    report(committing_ends(), "committing ends, however few bytes a kernel gives between two signals, in steps of at most 1 MiB");
    report(no_child_holds_it(), "a fork by another thread while an object is opened or closed leaves no child with its descriptor");
    report(many_waits(), "a thousand waits of a loop share rings, and give them back");
    report(cancelled_in_the_end(), "a wait that the kernel had no room to cancel is cancelled later");
  }
  remove_names();
  printf("1..%d\n", tests);
  return failures == 0 ? 0 : 1;
}
