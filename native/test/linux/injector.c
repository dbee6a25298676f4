/* native: see injector.h. In this file, as in the tests, the names are those of the real calls.
 *
 * Calls that are not here cannot fail the way the layer makes them: clock_gettime, sysconf,
 * sched_yield, prctl and pthread's locks and attributes with good arguments; munmap of whole mappings; sigaction of a signal
 * that there is. */
#include "injector.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#define SYS_io_uring_enter 426
#define SYS_io_uring_register 427
#endif

const call_facts calls[CALL_COUNT] = {
#define FACTS(name, ...) {#name, {__VA_ARGS__}},
  CALLS(FACTS)
#undef FACTS
};

static int armed = -1, armed_nth, armed_error;
static bool has_failed;
static int counts[CALL_COUNT];

void inject(call which, int nth, int error) {
  for (int i = 0; i < CALL_COUNT; i++) __atomic_store_n(&counts[i], 0, __ATOMIC_SEQ_CST);
  __atomic_store_n(&has_failed, false, __ATOMIC_SEQ_CST);
  __atomic_store_n(&armed_nth, nth, __ATOMIC_SEQ_CST);
  __atomic_store_n(&armed_error, error, __ATOMIC_SEQ_CST);
  __atomic_store_n(&armed, (int)which, __ATOMIC_SEQ_CST);
}

bool injected(void) {
  __atomic_store_n(&armed, -1, __ATOMIC_SEQ_CST);
  return __atomic_load_n(&has_failed, __ATOMIC_SEQ_CST);
}

int calls_of(call which) { return __atomic_load_n(&counts[which], __ATOMIC_SEQ_CST); }

static bool fails(call which) {
  int nth = __atomic_add_fetch(&counts[which], 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&armed, __ATOMIC_SEQ_CST) != (int)which || nth != __atomic_load_n(&armed_nth, __ATOMIC_SEQ_CST)) return false;
  __atomic_store_n(&has_failed, true, __ATOMIC_SEQ_CST);
  errno = __atomic_load_n(&armed_error, __ATOMIC_SEQ_CST);
  return true;
}

/* ---- what is held */

static long allocations, streams;
static long long mapped;

static void count_allocation(long by) { __atomic_fetch_add(&allocations, by, __ATOMIC_SEQ_CST); }
static void count_stream(long by) { __atomic_fetch_add(&streams, by, __ATOMIC_SEQ_CST); }


holdings held_now(void) {
  long open_ones = 0;
  DIR *d = opendir("/proc/self/fd");
  while (d != NULL && readdir(d) != NULL) open_ones++;
  if (d != NULL) closedir(d);
  return (holdings){__atomic_load_n(&allocations, __ATOMIC_SEQ_CST), open_ones, __atomic_load_n(&mapped, __ATOMIC_SEQ_CST),
                    __atomic_load_n(&streams, __ATOMIC_SEQ_CST)};
}

/* ---- files */

/* A call whose failure has no effect, as declared and as replaced. */
#define SIMPLE(type, bad, name, parameters, ...)            \
  type __wrap_##name parameters;                            \
  type __wrap_##name parameters { return fails(CALL_##name) ? bad : name(__VA_ARGS__); }

SIMPLE(int, -1, fstat, (int fd, struct stat *s), fd, s)
SIMPLE(int, -1, lstat, (const char *path, struct stat *s), path, s)
SIMPLE(int, -1, fchmod, (int fd, mode_t mode), fd, mode)
SIMPLE(int, -1, unlink, (const char *path), path)
SIMPLE(int, -1, rename, (const char *from, const char *to), from, to)
SIMPLE(int, -1, link, (const char *from, const char *to), from, to)
SIMPLE(int, -1, ftruncate, (int fd, off_t size), fd, size)
SIMPLE(int, -1, statfs, (const char *path, struct statfs *s), path, s)
SIMPLE(int, -1, eventfd, (unsigned value, int flags), value, flags)
SIMPLE(ssize_t, -1, read, (int fd, void *to, size_t count), fd, to, count)
SIMPLE(ssize_t, -1, readlink, (const char *path, char *to, size_t room), path, to, room)
SIMPLE(int, -1, nanosleep, (const struct timespec *span, struct timespec *rest), span, rest)
SIMPLE(struct dirent *, NULL, readdir, (DIR *d), d)
SIMPLE(size_t, 0, fread, (void *to, size_t size, size_t count, FILE *file), to, size, count, file)
SIMPLE(void *, NULL, dlsym, (void *where, const char *name), where, name)

void (*after_open)(int fd);
void (*before_close)(int fd);

int __wrap_open(const char *path, int how, ...);
int __wrap_open(const char *path, int how, ...) {
  va_list rest;
  va_start(rest, how);
  unsigned mode = (how & O_CREAT) ? va_arg(rest, unsigned) : 0;
  va_end(rest);
  if (fails(CALL_open)) return -1;
  int fd = open(path, how, mode);
  if (fd >= 0 && after_open != NULL) after_open(fd);
  return fd;
}

/* Linux gives the descriptor back whatever close says. */
int __wrap_close(int fd);
int __wrap_close(int fd) {
  if (before_close != NULL) before_close(fd);
  int result = close(fd);
  return fails(CALL_close) ? -1 : result;
}

DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path) {
  if (fails(CALL_opendir)) return NULL;
  DIR *d = opendir(path);
  if (d != NULL) count_stream(1);
  return d;
}

int __wrap_closedir(DIR *d);
int __wrap_closedir(DIR *d) {
  count_stream(-1);
  return closedir(d);
}

FILE *__wrap_fopen(const char *path, const char *how);
FILE *__wrap_fopen(const char *path, const char *how) {
  if (fails(CALL_fopen)) return NULL;
  FILE *file = fopen(path, how);
  if (file != NULL) count_stream(1);
  return file;
}

int __wrap_fclose(FILE *file);
int __wrap_fclose(FILE *file) {
  count_stream(-1);
  return fclose(file);
}

int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  void *argument = command == F_GETFL ? NULL : va_arg(rest, void *);
  va_end(rest);
  return fails(CALL_fcntl) ? -1 : fcntl(fd, command, argument);
}

static uint64_t interrupted_beyond, step_after, steps;

void interrupt_fallocate(uint64_t most_bytes) {
  interrupted_beyond = most_bytes;
  step_after = steps = 0;
}
uint64_t largest_step(void) { return step_after; }
int fallocate_calls(void) { return (int)steps; }

int __wrap_fallocate(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t length) {
  if (interrupted_beyond != 0) {
    if (steps++ > 0 && (uint64_t)length > step_after) step_after = (uint64_t)length;
    if (steps > 100000) {
      printf("# fallocate is called for ever, at last for %lld bytes\n", (long long)length);
      fflush(stdout);
      _exit(1);
    }
    if ((uint64_t)length > interrupted_beyond) {
      errno = EINTR;
      return -1;
    }
  }
  return fails(CALL_fallocate) ? -1 : fallocate(fd, mode, offset, length);
}

/* ---- memory */

void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  /* In the handler of SIGBUS there is nothing else to do than what the handler before does, which ends the process. */
  bool mends = (flags & (MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE)) == (MAP_FIXED | MAP_ANONYMOUS);
  if (!mends && fails(CALL_mmap)) return MAP_FAILED;
  void *result = mmap(at, length, protection, flags, fd, offset);
  if (result != MAP_FAILED && !(flags & MAP_FIXED)) __atomic_fetch_add(&mapped, (long long)length, __ATOMIC_SEQ_CST);
  return result;
}

int __wrap_munmap(void *at, size_t length);
int __wrap_munmap(void *at, size_t length) {
  __atomic_fetch_sub(&mapped, (long long)length, __ATOMIC_SEQ_CST);
  return munmap(at, length);
}

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size) {
  void *result = fails(CALL_malloc) ? NULL : malloc(size);
  if (result != NULL) count_allocation(1);
  return result;
}

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size) {
  void *result = fails(CALL_calloc) ? NULL : calloc(count, size);
  if (result != NULL) count_allocation(1);
  return result;
}

void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size) {
  void *result = fails(CALL_realloc) ? NULL : realloc(old, size);
  if (result != NULL && old == NULL) count_allocation(1);
  return result;
}

void __wrap_free(void *old);
void __wrap_free(void *old) {
  if (old != NULL) count_allocation(-1);
  free(old);
}

/* ---- threads: these give their error instead of setting errno */

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  return fails(CALL_pthread_create) ? errno : pthread_create(thread, attributes, run, argument);
}

int __wrap_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void)) {
  return fails(CALL_pthread_atfork) ? errno : pthread_atfork(before, parent, child);
}

/* The loop of the test is no library's: it asks here. */
int uv_poll_init_fails(void);
int uv_poll_init_fails(void) { return fails(CALL_uv_poll_init) ? -errno : 0; }

/* ---- what has no function of its own */

static call call_of(long number, long operation) {
  switch (number) {
    case SYS_futex: return (operation & FUTEX_CMD_MASK) == FUTEX_WAKE ? CALL_futex_wake : CALL_futex_wait;
    case SYS_futex_waitv: return CALL_futex_waitv;
    case SYS_io_uring_setup: return CALL_io_uring_setup;
    case SYS_io_uring_enter: return CALL_io_uring_enter;
    case SYS_io_uring_register: return CALL_io_uring_register;
    default:
      printf("# system call %ld is not known to the injector\n", number);
      fflush(stdout);
      abort();
  }
}

long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long), d = va_arg(rest, long), e = va_arg(rest, long),
       f = va_arg(rest, long);
  va_end(rest);
  /* Ints come with garbage above them where the kernel takes ints, too. */
  if (fails(call_of(number, (int)b))) return -1;
  return syscall(number, a, b, c, d, e, f);
}
