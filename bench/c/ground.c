/* bench: what the operating system and C cost for the work that src/bench/ground measures. Prints JSON lines.
 *
 *   ground CASE RUNS PLACE      CASE: segment | futex | memcpy; PLACE: the processor of futex's second process
 */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *shared(size_t size) { return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); }

/* Nanoseconds of one shm_open + ftruncate + posix_fallocate + mmap, first touch, munmap + close + shm_unlink. */
static double segment_cycle(int times) {
  double start = now();
  for (int i = 0; i < times; i++) {
    int fd = shm_open("/memlane-bench-c", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 65536) < 0 || posix_fallocate(fd, 0, 65536) != 0) exit(1);
    char *bytes = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    bytes[0] = 1;
    munmap(bytes, 65536);
    close(fd);
    shm_unlink("/memlane-bench-c");
  }
  return (now() - start) / times;
}

static void wait_for(_Atomic uint32_t *word, uint32_t value) {
  uint32_t seen;
  while ((seen = atomic_load(word)) != value) syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static void pin(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  sched_setaffinity(0, sizeof set, &set);
}

/* Nanoseconds from one parked process to the other, half a round trip. */
static double futex_handover(int times, int other) {
  _Atomic uint32_t *word = shared(4096);
  pid_t child = fork();
  pin(child == 0 ? other : 0);
  for (int i = 0; i < times; i++) {
    if (child == 0) {
      wait_for(word, (uint32_t)(2 * i + 1));
      atomic_store(word, (uint32_t)(2 * i + 2));
      syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
    } else {
      static double start;
      if (i == 0) start = now();
      atomic_store(word, (uint32_t)(2 * i + 1));
      syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
      wait_for(word, (uint32_t)(2 * i + 2));
      if (i == times - 1) {
        double took = (now() - start) / times / 2;
        waitpid(child, NULL, 0);
        return took;
      }
    }
  }
  _exit(0);
}

static double copy(int times, size_t size) {
  char *a = shared(size), *b = malloc(size);
  memset(b, 1, size);
  memcpy(a, b, size);
  double start = now();
  for (int i = 0; i < times; i++) {
    memcpy(a, b, size);
    __asm__ volatile("" ::: "memory");
  }
  return (double)size * times / (now() - start);
}

static void line(const char *group, const char *metric, const char *peer, const char *unit, const double *runs, int count, const char *note) {
  printf("{\"case\":\"%s\",\"metric\":\"%s\",\"peer\":\"%s\",\"unit\":\"%s\",\"runs\":[", group, metric, peer, unit);
  for (int i = 0; i < count; i++) printf("%s%.4g", i ? "," : "", runs[i]);
  printf("],\"note\":\"%s\"}\n", note);
}

int main(int argc, char **argv) {
  int count = argc > 2 ? atoi(argv[2]) : 5;
  const char *which = argc > 1 ? argv[1] : "";
  double runs[100];
  if (count > 100) count = 100;
  for (int i = 0; i < count; i++) {
    if (!strcmp(which, "segment")) runs[i] = segment_cycle(2000) / 1000;
    else if (!strcmp(which, "futex")) runs[i] = futex_handover(3000, argc > 3 ? atoi(argv[3]) : 1) / 1000;
    else if (!strcmp(which, "memcpy")) runs[i] = copy(2000, 1 << 20);
    else return 2;
  }
  if (!strcmp(which, "segment")) line("segment", "create, open, close of 64 KiB", "C: shm_open, ftruncate, fallocate, mmap", "us", runs, count, "unlink included");
  if (!strcmp(which, "futex")) line("mutex", "hand-over between two parked processes", "C: futex ping-pong", "us", runs, count, "half a round trip");
  if (!strcmp(which, "memcpy")) line("copy", "1 MiB", "C: memcpy", "GB/s", runs, count, "into shared memory");
  return 0;
}
