/* native: objects, mappings, page faults and liveness locks on Linux.
 *
 * Objects are files of the tmpfs at /dev/shm, which is what shm_open names. They are opened without following
 * links (O_NOFOLLOW), closed on exec (O_CLOEXEC) and never block on a squatter's FIFO (O_NONBLOCK).
 */
#include "posix.h"
#include "layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY "/dev/shm"

static int object_path(const char *name, char *path, size_t room) {
  if (name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return -EINVAL;
  int length = snprintf(path, room, DIRECTORY "/%s", name);
  if (length < 0 || (size_t)length >= room || strlen(name) > 255) return -ENAMETOOLONG;
  return 0;
}

/* ---- descriptors that a forked child must not keep -------------------------------------------------------
 * An open-file-description lock lives as long as any copy of its descriptor. A child that forks and does not exec
 * would keep its dead parent's locks alive, so the child closes every descriptor of ours first thing. */

static pthread_mutex_t descriptors_lock = PTHREAD_MUTEX_INITIALIZER;
static int *descriptors;
static size_t descriptors_room;
static size_t descriptors_count;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void before_fork(void) { pthread_mutex_lock(&descriptors_lock); }
static void after_fork_parent(void) { pthread_mutex_unlock(&descriptors_lock); }
static void after_fork_child(void) {
  for (size_t i = 0; i < descriptors_count; i++) close(descriptors[i]);
  descriptors_count = 0;
  pthread_mutex_unlock(&descriptors_lock);
}
static void install_fork_handlers(void) { pthread_atfork(before_fork, after_fork_parent, after_fork_child); }

static int remember_descriptor(int fd) {
  int result = 0;
  pthread_once(&fork_once, install_fork_handlers);
  pthread_mutex_lock(&descriptors_lock);
  if (descriptors_count == descriptors_room) {
    size_t room = descriptors_room == 0 ? 64 : descriptors_room * 2;
    int *grown = realloc(descriptors, room * sizeof *grown);
    if (grown == NULL) {
      result = -ENOMEM;
    } else {
      descriptors = grown;
      descriptors_room = room;
    }
  }
  if (result == 0) descriptors[descriptors_count++] = fd;
  pthread_mutex_unlock(&descriptors_lock);
  return result;
}

static void forget_descriptor(int fd) {
  pthread_mutex_lock(&descriptors_lock);
  for (size_t i = 0; i < descriptors_count; i++) {
    if (descriptors[i] == fd) {
      descriptors[i] = descriptors[--descriptors_count];
      break;
    }
  }
  pthread_mutex_unlock(&descriptors_lock);
}

/* ---- objects ------------------------------------------------------------------------------------------- */

int object_open(const char *name, unsigned flags, unsigned mode) {
  char path[sizeof DIRECTORY + 260];
  int bad = object_path(name, path, sizeof path);
  if (bad < 0) return bad;
  int how = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | ((flags & OPEN_READ_ONLY) ? O_RDONLY : O_RDWR);
  if (flags & OPEN_CREATE) how |= O_CREAT;
  if (flags & OPEN_EXCLUSIVE) how |= O_EXCL;
  int fd;
  do fd = open(path, how, (mode_t)mode);
  while (fd < 0 && errno == EINTR);
  if (fd < 0) return -errno;
  struct stat s;
  if (fstat(fd, &s) < 0) {
    int e = errno;
    close(fd);
    return -e;
  }
  if (!S_ISREG(s.st_mode)) {
    close(fd);
    return -EBADF;
  }
  /* The process's umask must not narrow what the caller chose for an object that it has just made. */
  if ((flags & OPEN_EXCLUSIVE) && (s.st_mode & 07777u) != mode) (void)fchmod(fd, (mode_t)mode);
  int kept = remember_descriptor(fd);
  if (kept < 0) {
    close(fd);
    return kept;
  }
  return fd;
}

int object_close(int fd) {
  forget_descriptor(fd);
  return close(fd) < 0 ? -errno : 0;
}

int object_unlink(const char *name) {
  char path[sizeof DIRECTORY + 260];
  int bad = object_path(name, path, sizeof path);
  if (bad < 0) return bad;
  return unlink(path) < 0 ? -errno : 0;
}

int object_truncate(int fd, uint64_t size) {
  int r;
  do r = ftruncate(fd, (off_t)size);
  while (r < 0 && errno == EINTR);
  return r < 0 ? -errno : 0;
}

/* Keeps the size: should a peer have cut the file, committing must not quietly make it longer again. */
int object_commit(int fd, uint64_t offset, uint64_t length) {
  if (length == 0) return 0;
  int r;
  do r = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length);
  while (r < 0 && errno == EINTR);
  return r < 0 ? -errno : 0;
}

static void fill_stat(const struct stat *s, double out[]) {
  out[STAT_SIZE] = (double)s->st_size;
  out[STAT_COMMITTED] = (double)s->st_blocks * 512.0;
  out[STAT_UID] = (double)s->st_uid;
  out[STAT_GID] = (double)s->st_gid;
  out[STAT_MODE] = (double)s->st_mode;
  out[STAT_LINKS] = (double)s->st_nlink;
  out[STAT_INODE] = (double)s->st_ino;
  out[STAT_DEVICE] = (double)s->st_dev;
  out[STAT_CHANGED_MS] = (double)s->st_mtim.tv_sec * 1e3 + (double)(s->st_mtim.tv_nsec / 1000000);
}

int object_stat(int fd, double out[]) {
  struct stat s;
  if (fstat(fd, &s) < 0) return -errno;
  fill_stat(&s, out);
  return 0;
}

int object_stat_name(const char *name, double out[]) {
  char path[sizeof DIRECTORY + 260];
  int bad = object_path(name, path, sizeof path);
  if (bad < 0) return bad;
  struct stat s;
  if (lstat(path, &s) < 0) return -errno;
  fill_stat(&s, out);
  return 0;
}

int object_space(double *total, double *available) {
  struct statvfs v;
  if (statvfs(DIRECTORY, &v) < 0) return -errno;
  *total = (double)v.f_blocks * (double)v.f_frsize;
  *available = (double)v.f_bavail * (double)v.f_frsize;
  return 0;
}

int object_list(void (*each)(void *context, const char *name), void *context) {
  DIR *d = opendir(DIRECTORY);
  if (d == NULL) return -errno;
  struct dirent *entry;
  while ((entry = readdir(d)) != NULL) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) each(context, entry->d_name);
  }
  closedir(d);
  return 0;
}

/* ---- page faults ---------------------------------------------------------------------------------------
 * Touching a page that cannot be had (a hole of a sparse file on a full file system, or bytes beyond the end of a
 * file that a peer has cut) raises SIGBUS. The handler lays one private zero page over the place, counts it in the
 * mapping's fault word, and lets the access finish; TypeScript looks at the word and gives a coded error. A fault
 * outside our mappings goes to whoever had the signal before.
 *
 * The handler reads only this table: a region is published by its end (release) and withdrawn by it. */

typedef struct region {
  _Atomic uintptr_t start;
  _Atomic uintptr_t end; /* 0: unused */
} region;

static region regions[MAX_MAPPINGS];
static uint32_t faults[MAX_MAPPINGS] __attribute__((aligned(4096)));
static struct sigaction previous_bus;
static size_t page_size = 4096;

uint32_t *fault_words(void) { return faults; }

static void on_bus(int signal_number, siginfo_t *info, void *context) {
  int saved = errno;
  uintptr_t at = (uintptr_t)info->si_addr;
  if (info->si_code > 0) {
    for (uint32_t i = 0; i < MAX_MAPPINGS; i++) {
      uintptr_t end = atomic_load_explicit(&regions[i].end, memory_order_acquire);
      if (end == 0 || at >= end || at < atomic_load_explicit(&regions[i].start, memory_order_relaxed)) continue;
      void *page = (void *)(at & ~(uintptr_t)(page_size - 1));
      if (mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) break;
      __atomic_fetch_add(&faults[i], 1, __ATOMIC_SEQ_CST);
      errno = saved;
      return;
    }
  }
  errno = saved;
  if ((previous_bus.sa_flags & SA_SIGINFO) && previous_bus.sa_sigaction != NULL) {
    previous_bus.sa_sigaction(signal_number, info, context);
    return;
  }
  if (previous_bus.sa_handler == SIG_IGN && info->si_code <= 0) return;
  if (previous_bus.sa_handler != SIG_DFL && previous_bus.sa_handler != SIG_IGN) {
    previous_bus.sa_handler(signal_number);
    return;
  }
  struct sigaction standard;
  memset(&standard, 0, sizeof standard);
  standard.sa_handler = SIG_DFL;
  sigaction(SIGBUS, &standard, NULL);
  if (info->si_code <= 0) raise(SIGBUS); /* sent by kill(): the fault will not come again by itself */
}

static pthread_once_t bus_once = PTHREAD_ONCE_INIT;
static void install_bus(void) {
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_bus;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous_bus);
}

/* A runtime may set its own handler after ours (JavaScriptCore does when WebAssembly starts): look at each new mapping. */
int faults_install(void) {
  pthread_once(&bus_once, install_bus);
  return 0;
}

/* ---- mappings ------------------------------------------------------------------------------------------ */

static pthread_mutex_t mappings_lock = PTHREAD_MUTEX_INITIALIZER;
static mapping *mappings;
static uint32_t next_region;

static int claim_region(unsigned char *address, size_t length, uint32_t *slot) {
  for (uint32_t tried = 0; tried < MAX_MAPPINGS; tried++) {
    uint32_t i = (next_region + tried) % MAX_MAPPINGS;
    if (atomic_load_explicit(&regions[i].end, memory_order_relaxed) != 0) continue;
    next_region = i + 1;
    __atomic_store_n(&faults[i], 0, __ATOMIC_SEQ_CST);
    atomic_store_explicit(&regions[i].start, (uintptr_t)address, memory_order_relaxed);
    atomic_store_explicit(&regions[i].end, (uintptr_t)address + length, memory_order_release);
    *slot = i;
    return 0;
  }
  return -EMFILE;
}

/* The same object through a description of its own. A mapping keeps the description that it was made from, and so its
 * locks, for as long as it lives: in a child that forked, in another thread that shares the mapping, in whoever reads
 * /proc/PID/maps while the process dies. So nothing is ever mapped from a description that holds locks. Where /proc is
 * not mounted there is no other way to the object, and the given descriptor must do. */
static int reopen(int fd) {
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int how = fcntl(fd, F_GETFL);
  if (how < 0) return -errno;
  int again;
  do again = open(path, (how & O_ACCMODE) | O_CLOEXEC | O_NONBLOCK);
  while (again < 0 && errno == EINTR);
  if (again >= 0) return again;
  return errno == EMFILE || errno == ENFILE ? -errno : fd;
}

/* Maps bytes of the object, at the address if there is one. 0, or a negated errno.
 *
 * A read-only mapping is private and writable: a stray store from JavaScript lands in this process's own copy of the
 * page and neither reaches the object nor raises SIGSEGV. Pages not written to show what others write. */
static int map_object(int fd, uint64_t offset, size_t length, bool read_only, unsigned char **address) {
  int source = reopen(fd);
  if (source < 0) return source;
  int flags = (read_only ? MAP_PRIVATE : MAP_SHARED) | MAP_NORESERVE | (*address == NULL ? 0 : MAP_FIXED);
  void *mapped = mmap(*address, length, PROT_READ | PROT_WRITE, flags, source, (off_t)offset);
  int result = mapped == MAP_FAILED ? -errno : 0;
  if (source != fd) close(source);
  if (result == 0) *address = mapped;
  return result;
}

int mapping_acquire(int fd, uint64_t offset, size_t length, bool read_only, mapping **out) {
  struct stat s;
  if (length == 0 || offset % page_size != 0) return -EINVAL;
  if (fstat(fd, &s) < 0) return -errno;
  faults_install();
  pthread_mutex_lock(&mappings_lock);
  for (mapping *m = mappings; m != NULL; m = m->next) {
    if (m->device == (uint64_t)s.st_dev && m->inode == (uint64_t)s.st_ino && m->offset == offset && m->length == length &&
        m->read_only == read_only && __atomic_load_n(&faults[m->fault_slot], __ATOMIC_SEQ_CST) == 0) {
      m->references++;
      pthread_mutex_unlock(&mappings_lock);
      *out = m;
      return 0;
    }
  }
  int result = 0;
  mapping *m = calloc(1, sizeof *m);
  if (m == NULL) {
    result = -ENOMEM;
    goto done;
  }
  result = map_object(fd, offset, length, read_only, &m->address);
  if (result < 0) {
    free(m);
    goto done;
  }
  result = claim_region(m->address, length, &m->fault_slot);
  if (result < 0) {
    munmap(m->address, length);
    free(m);
    goto done;
  }
  m->device = (uint64_t)s.st_dev;
  m->inode = (uint64_t)s.st_ino;
  m->offset = offset;
  m->length = length;
  m->read_only = read_only;
  m->references = 1;
  m->next = mappings;
  mappings = m;
  *out = m;
done:
  pthread_mutex_unlock(&mappings_lock);
  return result;
}

void mapping_retain(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  m->references++;
  pthread_mutex_unlock(&mappings_lock);
}

void mapping_release(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  if (--m->references == 0) {
    for (mapping **p = &mappings; *p != NULL; p = &(*p)->next) {
      if (*p == m) {
        *p = m->next;
        break;
      }
    }
    /* First out of the handler's table: once unmapped, the addresses may be anybody's. */
    atomic_store_explicit(&regions[m->fault_slot].end, 0, memory_order_release);
    munmap(m->address, m->length);
    free(m);
  }
  pthread_mutex_unlock(&mappings_lock);
}

void mapping_blank(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  if (m->references <= 2) { /* the handle that closes and its buffer */
    mmap(m->address, m->length, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    m->inode = UINT64_MAX; /* nobody may come to share it */
  }
  pthread_mutex_unlock(&mappings_lock);
}

int overlay_lay(overlay *o, const mapping *m, int fd, unsigned char *address) {
  if ((uintptr_t)address % page_size != 0) return -EINVAL;
  uint32_t slot;
  pthread_mutex_lock(&mappings_lock);
  int result = claim_region(address, m->length, &slot);
  pthread_mutex_unlock(&mappings_lock);
  if (result < 0) return result;
  result = map_object(fd, m->offset, m->length, m->read_only, &address);
  if (result < 0) {
    atomic_store_explicit(&regions[slot].end, 0, memory_order_release);
    return result;
  }
  *o = (overlay){address, m->length, slot};
  return 0;
}

void overlay_lift(overlay *o) {
  if (o->address == NULL) return;
  mmap(o->address, o->length, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  atomic_store_explicit(&regions[o->fault_slot].end, 0, memory_order_release);
  o->address = NULL;
}

/* ---- liveness ------------------------------------------------------------------------------------------ */

static struct flock byte_range(short type, uint64_t byte) {
  struct flock range;
  memset(&range, 0, sizeof range);
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = (off_t)byte;
  range.l_len = 1;
  return range;
}

int byte_lock(int fd, uint64_t byte) {
  struct flock range = byte_range(F_WRLCK, byte);
  int r;
  do r = fcntl(fd, F_OFD_SETLK, &range);
  while (r < 0 && errno == EINTR);
  return r < 0 ? -errno : 0;
}

int byte_unlock(int fd, uint64_t byte) {
  struct flock range = byte_range(F_UNLCK, byte);
  return fcntl(fd, F_OFD_SETLK, &range) < 0 ? -errno : 0;
}

int byte_held(int fd, uint64_t byte) {
  /* Asked as a reader: only the lock of a living participant is in the way, not a read lock, which whoever may read the file
   * can take. */
  struct flock range = byte_range(F_RDLCK, byte);
  int r;
  do r = fcntl(fd, F_OFD_GETLK, &range);
  while (r < 0 && errno == EINTR);
  if (r < 0) return -errno;
  return range.l_type == F_UNLCK ? 0 : 1;
}

/* ---- futex --------------------------------------------------------------------------------------------- */

uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int word_wake(uint32_t *word, int count) {
  long r = syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
  return r < 0 ? -errno : (int)r;
}

int word_wait(uint32_t *word, uint32_t expected, double timeout_ms, int watch_fd, uint64_t watch_byte, bool poll) {
  uint64_t start = now_ns();
  uint64_t deadline = timeout_ms < 0 || timeout_ms > 1e15 ? UINT64_MAX : start + (uint64_t)(timeout_ms * 1e6);
  for (;;) {
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) return WAIT_CHANGED;
    uint64_t now = now_ns();
    if (now >= deadline) return WAIT_TIMED_OUT;
    if (watch_fd >= 0 && byte_held(watch_fd, watch_byte) == 0) return WAIT_DEAD;
    if (poll) {
      struct timespec tick = {0, deadline - now < 1000000u ? (long)(deadline - now) : 1000000};
      nanosleep(&tick, NULL);
      continue;
    }
    uint64_t slice = (watch_fd >= 0 ? WATCH_SLICE_MS : RELOOK_MS) * 1000000u;
    uint64_t span = deadline - now < slice ? deadline - now : slice;
    struct timespec limit = {(time_t)(span / 1000000000u), (long)(span % 1000000000u)};
    long r = syscall(SYS_futex, word, FUTEX_WAIT, expected, &limit, NULL, 0);
    if (r == 0) return WAIT_WOKEN;
    if (errno == EAGAIN) return WAIT_CHANGED;
    /* EFAULT: a peer has cut the file below the word; the next look mends the page. */
    if (errno != EINTR && errno != ETIMEDOUT && errno != EFAULT) return -errno;
  }
}
