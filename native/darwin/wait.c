/* native: waits across processes on macOS. os_sync_wait_on_address (14.4) and, before it, __ulock_wait, both with the flag for
 * memory that processes share; looked up at run time, and where neither is, short naps. Built, not yet run by us. */
#include "system.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

#define CLOCK_MACH_ABSOLUTE 32u
#define OS_SYNC_SHARED 1u
#define COMPARE_AND_WAIT_SHARED 3u
#define ULOCK_WAKE_ALL 0x100u
#define ULOCK_NO_ERRNO 0x1000000u

static struct {
  int (*wait)(void *address, uint64_t value, size_t size, uint32_t flags, uint32_t clock, uint64_t timeout_ns);
  int (*wake_any)(void *address, size_t size, uint32_t flags);
  int (*wake_all)(void *address, size_t size, uint32_t flags);
  int (*ulock_wait)(uint32_t operation, void *address, uint64_t value, uint32_t timeout_us);
  int (*ulock_wake)(uint32_t operation, void *address, uint64_t unused);
} kernel;

static void find(void) {
  *(void **)&kernel.wait = dlsym(RTLD_DEFAULT, "os_sync_wait_on_address_with_timeout");
  *(void **)&kernel.wake_any = dlsym(RTLD_DEFAULT, "os_sync_wake_by_address_any");
  *(void **)&kernel.wake_all = dlsym(RTLD_DEFAULT, "os_sync_wake_by_address_all");
  *(void **)&kernel.ulock_wait = dlsym(RTLD_DEFAULT, "__ulock_wait");
  *(void **)&kernel.ulock_wake = dlsym(RTLD_DEFAULT, "__ulock_wake");
}

static pthread_once_t found = PTHREAD_ONCE_INIT;

uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* 31 years; in nanoseconds it fits beside any clock. */
#define LONGEST_MS 1e12

uint64_t deadline_ns(double timeout_ms) {
  if (timeout_ms < 0 || timeout_ms > LONGEST_MS) return UINT64_MAX;
  return now_ns() + (uint64_t)(timeout_ms * 1e6);
}

static int wake_one(uint32_t *word) {
  if (kernel.wake_any != NULL) return kernel.wake_any(word, 4, OS_SYNC_SHARED);
  if (kernel.ulock_wake != NULL) return kernel.ulock_wake(COMPARE_AND_WAIT_SHARED | ULOCK_NO_ERRNO, word, 0);
  return -1;
}

/* The kernel does not say how many it woke when it wakes all. */
int wake_word(uint32_t *word, int count) {
  pthread_once(&found, find);
  int woken = 0;
  while (woken < count && woken < 64 && wake_one(word) >= 0) woken++;
  if (woken < 64 || count <= 64) return woken;
  if (kernel.wake_all != NULL) kernel.wake_all(word, 4, OS_SYNC_SHARED);
  else if (kernel.ulock_wake != NULL) kernel.ulock_wake(COMPARE_AND_WAIT_SHARED | ULOCK_WAKE_ALL | ULOCK_NO_ERRNO, word, 0);
  return woken;
}

int word_wake(mapping *m, uint32_t *word, int count) {
  (void)m;
  return wake_word(word, count);
}

/* true: the kernel says that it was woken. */
static bool sleep_on(uint32_t *word, uint32_t expected, uint64_t span_ns, bool poll) {
  if (!poll && kernel.wait != NULL) return kernel.wait(word, expected, 4, OS_SYNC_SHARED, CLOCK_MACH_ABSOLUTE, span_ns) >= 0;
  if (!poll && kernel.ulock_wait != NULL)
    return kernel.ulock_wait(COMPARE_AND_WAIT_SHARED | ULOCK_NO_ERRNO, word, expected, (uint32_t)(span_ns / 1000 + 1)) >= 0;
  struct timespec tick = {0, span_ns < 1000000u ? (long)span_ns : 1000000};
  nanosleep(&tick, NULL);
  return false;
}

/* On a private mapping it looks every millisecond instead of sleeping on the word. */
int word_wait(mapping *m, uint32_t *word, uint32_t expected, double timeout_ms, object *watched, uint64_t watch_byte) {
  pthread_once(&found, find);
  uint64_t deadline = deadline_ns(timeout_ms);
  for (;;) {
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) return WAIT_CHANGED;
    uint64_t now = now_ns();
    if (now >= deadline) return WAIT_TIMED_OUT;
    if (watched != NULL && byte_held(watched, watch_byte) == 0) return WAIT_DEAD;
    uint64_t slice = (watched != NULL ? WATCH_SLICE_MS : RELOOK_MS) * 1000000u;
    if (sleep_on(word, expected, deadline - now < slice ? deadline - now : slice, m->read_only)) return WAIT_WOKEN;
  }
}
