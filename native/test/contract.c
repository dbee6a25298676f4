/* native: what platform.h promises, asked of the platform that this is built for. One program for all of them:
 * scripts/test-contract.mjs builds it for each and runs it where it can be run. Prints TAP.
 *
 * contract           the suite
 * contract hold NAME 7    a child: holds byte 7 of the object, says so, and stays until it is killed
 * contract wait NAME      a child: sleeps on word 0 of the object while it is 0, then sets word 1
 * contract wake NAME      a child: sets word 0 to 1 once word 1 says that somebody sleeps, and wakes one */
#include "../layout.h"
#include "../platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef _WIN32
#include <windows.h>
typedef PROCESS_INFORMATION child;
static child start(const char *self, const char *what, const char *name) {
  char line[1000];
  STARTUPINFOA startup = {.cb = sizeof startup};
  child c;
  snprintf(line, sizeof line, "\"%s\" %s %s", self, what, name);
  if (!CreateProcessA(self, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &c)) exit(99);
  return c;
}
static void kill_child(child c) {
  TerminateProcess(c.hProcess, 1);
  WaitForSingleObject(c.hProcess, INFINITE);
}
static int end_of(child c) {
  DWORD code = 1;
  WaitForSingleObject(c.hProcess, INFINITE);
  GetExitCodeProcess(c.hProcess, &code);
  return (int)code;
}
static void nap(void) { Sleep(1); }
static long own_pid(void) { return (long)GetCurrentProcessId(); }
#else
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
typedef pid_t child;
static child start(const char *self, const char *what, const char *name) {
  child c = fork();
  if (c == 0) {
    execl(self, self, what, name, (char *)NULL);
    _exit(99);
  }
  return c;
}
static void kill_child(child c) {
  kill(c, SIGKILL);
  waitpid(c, NULL, 0);
}
static int end_of(child c) {
  int status = 1;
  waitpid(c, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
static void nap(void) {
  struct timespec t = {0, 1000000};
  nanosleep(&t, NULL);
}
static long own_pid(void) { return (long)getpid(); }
#endif

static int tests, failures;
static char name[80], other[80];

static void report(bool good, const char *what) {
  tests++;
  if (!good) failures++;
  printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
  fflush(stdout);
}

/* Says the first condition that does not hold. */
#define HOLDS(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);             \
      return false;                                                        \
    }                                                                      \
  } while (0)

#define SIZE (1u << 20)

static object *made(const char *called) {
  object *o = NULL;
  object_unlink(called);
  if (object_open(called, OPEN_CREATE | OPEN_EXCLUSIVE, 0600, &o) < 0) exit(98);
  if (object_truncate(o, SIZE) < 0 || object_commit(o, 0, SIZE) < 0) exit(97);
  return o;
}

static uint32_t load(const mapping *m, size_t word) { return __atomic_load_n((uint32_t *)(void *)m->address + word, __ATOMIC_SEQ_CST); }
static void store(mapping *m, size_t word, uint32_t value) { __atomic_store_n((uint32_t *)(void *)m->address + word, value, __ATOMIC_SEQ_CST); }
static uint32_t *word_at(mapping *m, size_t word) { return (uint32_t *)(void *)m->address + word; }

static bool names(void) {
  object *o = NULL;
  double stat[STAT_FIELDS];
  object_unlink(name);
  HOLDS(object_open(name, 0, 0, &o) == FAILED_NOT_FOUND);
  HOLDS(object_stat_name(name, stat) == FAILED_NOT_FOUND);
  HOLDS(object_unlink(name) == FAILED_NOT_FOUND);
  HOLDS(object_open(name, OPEN_CREATE | OPEN_EXCLUSIVE, 0600, &o) == 0);
  object *second = NULL;
  HOLDS(object_open(name, OPEN_CREATE | OPEN_EXCLUSIVE, 0600, &second) == FAILED_EXISTS);
  HOLDS(object_open(name, OPEN_CREATE, 0600, &second) == 0);
  HOLDS(object_close(second) == 0);
  HOLDS(object_open("a/b", 0, 0, &second) < 0);
  HOLDS(object_open("", 0, 0, &second) < 0);
  HOLDS(object_open("..", 0, 0, &second) < 0);
  char long_name[300];
  memset(long_name, 'n', sizeof long_name);
  long_name[299] = 0;
  HOLDS(object_open(long_name, 0, 0, &second) == FAILED_NAME_TOO_LONG);
  object_unlink(other);
  HOLDS(object_publish(name, other, false) == 0 && object_stat_name(name, stat) == FAILED_NOT_FOUND);
  HOLDS(object_open(name, OPEN_CREATE | OPEN_EXCLUSIVE, 0600, &second) == 0 && object_close(second) == 0);
  HOLDS(object_publish(name, other, false) == FAILED_EXISTS && object_publish(name, other, true) == 0);
  HOLDS(object_unlink(other) == 0 && object_unlink(name) == FAILED_NOT_FOUND);
  HOLDS(object_close(o) == 0);
  return true;
}

/* Names that some system takes for the same, or for something else. */
static bool odd_names(void) {
  static const char *const odd[] = {"Name", "name", "a:b", "con", "a b", "x.", "100%", "a%3Ab"};
  object *o[8];
  for (int i = 0; i < 8; i++) {
    char full[100];
    snprintf(full, sizeof full, "%s%s", odd[i], other + 2);
    object_unlink(full);
    HOLDS(object_open(full, OPEN_CREATE | OPEN_EXCLUSIVE, 0600, &o[i]) == 0);
  }
  for (int i = 0; i < 8; i++) {
    char full[100];
    snprintf(full, sizeof full, "%s%s", odd[i], other + 2);
    HOLDS(object_close(o[i]) == 0);
    HOLDS(object_unlink(full) == 0);
  }
  return true;
}

static int seen;
static void look_for(void *context, const char *found) {
  if (strcmp(found, context) == 0) seen++;
}

static bool listing(void) {
  object *o = made(name);
  seen = 0;
  HOLDS(object_list(look_for, name) == 0 && seen == 1);
  HOLDS(object_unlink(name) == 0);
  seen = 0;
  HOLDS(object_list(look_for, name) == 0 && seen == 0);
  return object_close(o) == 0;
}

static bool sizes(void) {
  object *o = NULL;
  double stat[STAT_FIELDS], space[SPACE_FIELDS];
  object_unlink(name);
  HOLDS(object_open(name, OPEN_CREATE | OPEN_EXCLUSIVE, 0600, &o) == 0);
  HOLDS(object_stat(o, stat) == 0 && stat[STAT_SIZE] == 0);
  HOLDS(object_truncate(o, SIZE) == 0);
  HOLDS(object_stat(o, stat) == 0 && stat[STAT_SIZE] == SIZE);
  HOLDS(object_commit(o, 0, SIZE / 2) == 0);
  HOLDS(object_commit(o, 0, SIZE / 2) == 0);
  double inode = stat[STAT_INODE];
  HOLDS(object_stat_name(name, stat) == 0 && stat[STAT_SIZE] == SIZE && stat[STAT_INODE] == inode);
  HOLDS(object_space(space) == 0 && space[SPACE_TOTAL] > 0);
  HOLDS(object_unlink(name) == 0 && object_close(o) == 0);
  return true;
}

static bool sharing(void) {
  object *a = made(name), *b = NULL, *r = NULL;
  mapping *m = NULL, *n = NULL, *p = NULL;
  HOLDS(object_open(name, 0, 0, &b) == 0 && object_open(name, OPEN_READ_ONLY, 0, &r) == 0);
  HOLDS(mapping_open(a, 0, SIZE, false, NULL, &m) == 0);
  HOLDS(mapping_open(b, 0, SIZE, false, NULL, &n) == 0);
  HOLDS(mapping_open(r, 0, SIZE, true, NULL, &p) == 0);
  store(m, 5, 42);
  HOLDS(load(n, 5) == 42 && load(p, 5) == 42);
  store(p, 100000, 7); /* stays with the reader */
  HOLDS(load(m, 100000) == 0 && load(p, 100000) == 7);
  /* A name is free at once, though the object is open and mapped. */
  HOLDS(object_unlink(name) == 0);
  object *next = NULL;
  HOLDS(object_open(name, OPEN_CREATE | OPEN_EXCLUSIVE, 0600, &next) == 0 && object_close(next) == 0 && object_unlink(name) == 0);
  HOLDS(load(n, 5) == 42);
  mapping_close(m, a);
  HOLDS(load(m, 5) == 0);
  store(m, 5, 1); /* reaches nobody */
  HOLDS(load(n, 5) == 42 && fault_words()[n->fault_slot] == 0);
  mapping_release(m);
  mapping_close(n, b);
  mapping_release(n);
  mapping_close(p, r);
  mapping_release(p);
  HOLDS(object_close(a) == 0 && object_close(b) == 0 && object_close(r) == 0);
  return true;
}

static bool locks(void) {
  object *a = made(name), *b = NULL;
  HOLDS(object_open(name, 0, 0, &b) == 0);
  uint64_t beyond = UINT64_C(1) << 40;
  HOLDS(byte_held(a, beyond) == 0);
  HOLDS(byte_lock(a, beyond) == 0);
  HOLDS(byte_held(a, beyond) == 0 && byte_held(b, beyond) == 1 && byte_held(b, beyond + 1) == 0);
  int second = byte_lock(b, beyond);
  HOLDS(second == FAILED_BUSY || second == FAILED_FORBIDDEN);
  HOLDS(byte_lock(b, beyond + 1) == 0 && byte_held(a, beyond + 1) == 1);
  HOLDS(byte_unlock(a, beyond) == 0 && byte_held(b, beyond) == 0);
  HOLDS(byte_lock(b, beyond) == 0);
  HOLDS(object_close(b) == 0);
  HOLDS(byte_held(a, beyond) == 0 && byte_held(a, beyond + 1) == 0);
  HOLDS(object_close(a) == 0 && object_unlink(name) == 0);
  return true;
}

static const char *self;

static bool killed_holder(void) {
  object *o = made(name);
  mapping *m = NULL;
  HOLDS(mapping_open(o, 0, SIZE, false, NULL, &m) == 0);
  child c = start(self, "hold", name);
  while (byte_held(o, 7) != 1) nap();
  HOLDS(byte_lock(o, 7) != 0);
  kill_child(c);
  while (byte_held(o, 7) != 0) nap();
  HOLDS(byte_lock(o, 7) == 0);
  c = start(self, "hold", other); /* has nothing to do with ours */
  kill_child(c);
  mapping_close(m, o);
  mapping_release(m);
  HOLDS(object_close(o) == 0 && object_unlink(name) == 0);
  return true;
}

static bool short_waits(void) {
  object *o = made(name), *b = NULL;
  mapping *m = NULL;
  HOLDS(object_open(name, 0, 0, &b) == 0 && mapping_open(o, 0, SIZE, false, NULL, &m) == 0);
  HOLDS(word_wait(m, word_at(m, 0), 1, -1, NULL, 0) == WAIT_CHANGED);
  HOLDS(word_wait(m, word_at(m, 0), 0, 20, NULL, 0) == WAIT_TIMED_OUT);
  HOLDS(word_wait(m, word_at(m, 0), 0, -1, b, 9) == WAIT_DEAD);
  HOLDS(word_wake(m, word_at(m, 0), 1) == 0);
  mapping_close(m, o);
  mapping_release(m);
  HOLDS(object_close(o) == 0 && object_close(b) == 0 && object_unlink(name) == 0);
  return true;
}

static bool woken_by(const char *who) {
  object *o = made(name);
  mapping *m = NULL;
  HOLDS(mapping_open(o, 0, SIZE, false, NULL, &m) == 0);
  child c = start(self, who, name);
  int r = 0;
  if (strcmp(who, "wait") == 0) {
    while (load(m, 2) == 0) nap(); /* it is about to sleep */
    store(m, 0, 1);
    word_wake(m, word_at(m, 0), 1);
    while (load(m, 1) == 0) nap();
  } else {
    store(m, 1, 1);
    r = word_wait(m, word_at(m, 0), 0, -1, NULL, 0);
  }
  HOLDS(r == WAIT_WOKEN || r == WAIT_CHANGED);
  HOLDS(end_of(c) == 0);
  mapping_close(m, o);
  mapping_release(m);
  HOLDS(object_close(o) == 0 && object_unlink(name) == 0);
  return true;
}

static uint32_t reports[3];
static void on_done(void *owner, double id, int result) {
  (void)owner;
  __atomic_store_n(&reports[(int)id], (uint32_t)result + 100, __ATOMIC_SEQ_CST);
}

static bool told_waits(void) {
  object *o = made(name);
  mapping *m = NULL;
  HOLDS(mapping_open(o, 0, SIZE, false, NULL, &m) == 0);
  int place = waiter_add(reports, on_done, 0, 1, m, word_at(m, 8), 0, -1, NULL, 0);
  HOLDS(place >= 0);
  HOLDS(waiter_add(reports, on_done, 1, 1, m, word_at(m, 9), 0, 10, NULL, 0) >= 0);
  HOLDS(waiter_add(reports, on_done, 2, 2, m, word_at(m, 10), 0, -1, NULL, 0) >= 0);
  store(m, 8, 1);
  word_wake(m, word_at(m, 8), 1);
  while (__atomic_load_n(&reports[0], __ATOMIC_SEQ_CST) == 0 || __atomic_load_n(&reports[1], __ATOMIC_SEQ_CST) == 0) nap();
  HOLDS(reports[0] == 100 + WAIT_WOKEN || reports[0] == 100 + WAIT_CHANGED);
  HOLDS(reports[1] == 100 + WAIT_TIMED_OUT && reports[2] == 0);
  HOLDS(!waiter_cancel(reports, 0, place));
  place = waiter_add(reports, on_done, 0, 1, m, word_at(m, 11), 0, -1, NULL, 0);
  HOLDS(place >= 0 && waiter_cancel(reports, 0, place) && !waiter_cancel(reports, 0, place));
  waiter_close_handle(reports, 2);
  HOLDS(reports[2] == 100 + WAIT_CLOSED);
  mapping_close(m, o);
  mapping_release(m);
  HOLDS(object_close(o) == 0 && object_unlink(name) == 0);
  return true;
}

static bool identities(void) {
  unsigned char a[16], b[16];
  boot_id(a);
  boot_id(b);
  HOLDS(memcmp(a, b, 16) == 0);
  HOLDS(process_start(own_pid()) > 0 && process_start(own_pid()) == process_start(own_pid()));
  HOLDS(strlen(object_place()) > 0);
  give_way();
  return true;
}

static int hold(const char *called) {
  object *o = NULL;
  object_open(called, OPEN_CREATE, 0600, &o);
  if (o == NULL || byte_lock(o, 7) < 0) return 1;
  for (;;) nap();
}

static int play(const char *what, const char *called) {
  object *o = NULL;
  mapping *m = NULL;
  if (object_open(called, 0, 0, &o) < 0 || mapping_open(o, 0, SIZE, false, NULL, &m) < 0) return 2;
  if (strcmp(what, "wake") == 0) {
    while (load(m, 1) == 0) nap();
    store(m, 0, 1);
    word_wake(m, word_at(m, 0), 1);
    return 0;
  }
  store(m, 2, 1);
  int r = word_wait(m, word_at(m, 0), 0, -1, NULL, 0);
  store(m, 1, 1);
  return r == WAIT_WOKEN || r == WAIT_CHANGED ? 0 : 3;
}

int main(int count, char *arguments[]) {
  self = arguments[0];
  if (count == 3) return strcmp(arguments[1], "hold") == 0 ? hold(arguments[2]) : play(arguments[1], arguments[2]);
  snprintf(name, sizeof name, "memlane-contract-%ld", own_pid());
  snprintf(other, sizeof other, "memlane-contract-other-%ld", own_pid());
  report(names(), "an object is made once, found by its name, and gone when it is unlinked");
  report(odd_names(), "names that differ are different objects");
  report(listing(), "an object is listed until it is unlinked");
  report(sizes(), "an object has the size it was given, and room where that was asked for");
  report(sharing(), "mappings of one object show the same bytes, a closed one zeros, a read-only one its own stores");
  report(locks(), "a byte has one holder, and is free when the holder's object is closed");
  report(killed_holder(), "a byte is free when the process that holds it is killed");
  report(short_waits(), "a wait ends when the word has changed, the time is over, or nobody holds the watched byte");
  report(woken_by("wake"), "a process wakes this one");
  report(woken_by("wait"), "this process wakes another one");
  report(told_waits(), "waits that are told of end with a wake, with their time, and with their handle");
  report(identities(), "the process has a start and the machine an identity, which stay");
  object_unlink(other);
  printf("1..%d\n", tests);
  return failures == 0 ? 0 : 1;
}
