/* native: waits on Linux are futexes. */
#include "system.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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

int wake_word(uint32_t *word, int count) {
  long r = syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
  return r < 0 ? -errno : (int)r;
}

int word_wake(mapping *m, uint32_t *word, int count) {
  (void)m;
  return wake_word(word, count);
}

/* On a private mapping it looks every millisecond instead of sleeping on the word, which would make the page a copy of its own. */
int word_wait(mapping *m, uint32_t *word, uint32_t expected, double timeout_ms, object *watched, uint64_t watch_byte) {
  uint64_t deadline = deadline_ns(timeout_ms);
  for (;;) {
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) return WAIT_CHANGED;
    uint64_t now = now_ns();
    if (now >= deadline) return WAIT_TIMED_OUT;
    if (watched != NULL && byte_held(watched, watch_byte) == 0) return WAIT_DEAD;
    if (m->read_only) {
      struct timespec tick = {0, deadline - now < 1000000u ? (long)(deadline - now) : 1000000};
      nanosleep(&tick, NULL);
      continue;
    }
    uint64_t slice = (watched != NULL ? WATCH_SLICE_MS : RELOOK_MS) * 1000000u;
    uint64_t span = deadline - now < slice ? deadline - now : slice;
    struct timespec limit = {(time_t)(span / 1000000000u), (long)(span % 1000000000u)};
    long r = syscall(SYS_futex, word, FUTEX_WAIT, expected, &limit, NULL, 0);
    if (r == 0) return WAIT_WOKEN;
    if (errno == EAGAIN) return WAIT_CHANGED;
    /* EFAULT: a peer has cut the file below the word; the next look mends the page. */
    if (errno != EINTR && errno != ETIMEDOUT && errno != EFAULT) return -errno;
  }
}
