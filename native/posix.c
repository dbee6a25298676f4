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
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY "/dev/shm"

static size_t page_size = 4096;

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

/* Opening and remembering, as forgetting and closing, are one step to a thread that forks. */
static void lock_descriptors(void) {
  pthread_once(&fork_once, install_fork_handlers);
  pthread_mutex_lock(&descriptors_lock);
}

static void unlock_descriptors(void) { pthread_mutex_unlock(&descriptors_lock); }

/* Makes room for one more. The caller holds descriptors_lock. */
static int prepare_descriptor(void) {
  if (descriptors_count < descriptors_room) return 0;
  size_t room = descriptors_room == 0 ? 64 : descriptors_room * 2;
  int *grown = realloc(descriptors, room * sizeof *grown);
  if (grown == NULL) return -ENOMEM;
  descriptors = grown;
  descriptors_room = room;
  return 0;
}

static void forget_descriptor(int fd) {
  for (size_t i = 0; i < descriptors_count; i++) {
    if (descriptors[i] == fd) {
      descriptors[i] = descriptors[--descriptors_count];
      break;
    }
  }
}

/* ---- objects ------------------------------------------------------------------------------------------- */

/* A descriptor of a regular file, or a negated errno. */
static int open_regular(const char *path, int how, unsigned flags, unsigned mode) {
  int fd;
  do fd = open(path, how, (mode_t)mode);
  while (fd < 0 && errno == EINTR);
  if (fd < 0) return -errno;
  struct stat s;
  int bad = fstat(fd, &s) < 0 ? -errno : S_ISREG(s.st_mode) ? 0 : -EBADF;
  if (bad < 0) {
    close(fd);
    return bad;
  }
  /* The process's umask must not narrow what the caller chose for an object that it has just made. */
  if ((flags & OPEN_EXCLUSIVE) && (s.st_mode & 07777u) != mode) (void)fchmod(fd, (mode_t)mode);
  return fd;
}

int object_open(const char *name, unsigned flags, unsigned mode) {
  char path[sizeof DIRECTORY + 260];
  int bad = object_path(name, path, sizeof path);
  if (bad < 0) return bad;
  int how = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | ((flags & OPEN_READ_ONLY) ? O_RDONLY : O_RDWR);
  if (flags & OPEN_CREATE) how |= O_CREAT;
  if (flags & OPEN_EXCLUSIVE) how |= O_EXCL;
  lock_descriptors();
  int result = prepare_descriptor();
  if (result == 0) result = open_regular(path, how, flags, mode);
  if (result >= 0) descriptors[descriptors_count++] = result;
  unlock_descriptors();
  return result;
}

int object_close(int fd) {
  lock_descriptors();
  forget_descriptor(fd);
  int result = close(fd) < 0 ? -errno : 0;
  unlock_descriptors();
  return result;
}

int object_unlink(const char *name) {
  char path[sizeof DIRECTORY + 260];
  int bad = object_path(name, path, sizeof path);
  if (bad < 0) return bad;
  return unlink(path) < 0 ? -errno : 0;
}

int object_publish(const char *name, const char *as, bool replace) {
  char from[sizeof DIRECTORY + 260], to[sizeof DIRECTORY + 260];
  int bad = object_path(name, from, sizeof from);
  if (bad == 0) bad = object_path(as, to, sizeof to);
  if (bad < 0) return bad;
  if (replace) return rename(from, to) < 0 ? -errno : 0;
  if (link(from, to) < 0) return -errno;
  /* It has both names now; should the first one stay, it is a name too many, and no harm. */
  (void)unlink(from);
  return 0;
}

int object_truncate(int fd, uint64_t size) {
  int r;
  do r = ftruncate(fd, (off_t)size);
  while (r < 0 && errno == EINTR);
  return r < 0 ? -errno : 0;
}

/* What is asked for at once after the kernel was interrupted: less at each further interruption, down to a page. */
#define COMMIT_STEP (1024u * 1024u)

/* Keeps the size: should a peer have cut the file, committing must not quietly make it longer again.
 *
 * In one call, which the kernel undoes when there is no room. Kernels before 6.15 also give up, and undo, at any signal that
 * comes meanwhile (a profiler's timer), so what was interrupted goes on in steps that are done before the next one. Should
 * one of these find no room, the pages of the earlier ones stay. */
int object_commit(int fd, uint64_t offset, uint64_t length) {
  uint64_t end = offset + length, step = length;
  while (offset < end) {
    if (step > end - offset) step = end - offset;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)step) == 0) {
      offset += step;
      if (step < COMMIT_STEP) step *= 2;
    } else if (errno != EINTR) {
      return -errno;
    } else {
      step = step > COMMIT_STEP ? COMMIT_STEP : step / 2 < page_size ? page_size : step / 2;
    }
  }
  return 0;
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

int object_space(double out[]) {
  struct statfs v;
  if (statfs(DIRECTORY, &v) < 0) return -errno;
  out[SPACE_TOTAL] = (double)v.f_blocks * (double)v.f_bsize;
  out[SPACE_AVAILABLE] = (double)v.f_bavail * (double)v.f_bsize;
  out[SPACE_INODES] = (double)v.f_files;
  out[SPACE_INODES_FREE] = (double)v.f_ffree;
  out[SPACE_TYPE] = (double)(uint32_t)v.f_type;
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

uint32_t *fault_words(void) { return faults; }

/* A runtime may set a handler of its own after ours (JavaScriptCore does when WebAssembly starts), so each new mapping looks
 * whether ours is still there, and else goes in front again. What it then finds may know ours as the one to go on with. So every
 * installation is a function of its own, which remembers whom it found: the chain never leads back. A remembered action is
 * neither changed nor freed: a handler may be looking at it. */
#define INSTALLATIONS 8
static const struct sigaction standard_bus; /* SIG_DFL */
static const struct sigaction *_Atomic found[INSTALLATIONS];
static int installations;

static void on_bus(int installation, int signal_number, siginfo_t *info, void *context);

#define ENTRANCE(n) \
  static void entrance_##n(int signal_number, siginfo_t *info, void *context) { on_bus(n, signal_number, info, context); }
ENTRANCE(0) ENTRANCE(1) ENTRANCE(2) ENTRANCE(3) ENTRANCE(4) ENTRANCE(5) ENTRANCE(6) ENTRANCE(7)
static void (*const entrances[INSTALLATIONS])(int, siginfo_t *, void *) = {entrance_0, entrance_1, entrance_2, entrance_3,
                                                                            entrance_4, entrance_5, entrance_6, entrance_7};

static bool is_ours(const struct sigaction *action) {
  for (int i = 0; i < INSTALLATIONS; i++)
    if ((action->sa_flags & SA_SIGINFO) && action->sa_sigaction == entrances[i]) return true;
  return false;
}

static bool is_standard(const struct sigaction *action) { return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_DFL; }

static void take_signal(int installation) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = entrances[installation];
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, NULL);
}

/* Lays a zero page where a mapping of ours has none. */
static bool mend(uintptr_t at) {
  for (uint32_t i = 0; i < MAX_MAPPINGS; i++) {
    uintptr_t end = atomic_load_explicit(&regions[i].end, memory_order_acquire);
    if (end == 0 || at >= end || at < atomic_load_explicit(&regions[i].start, memory_order_relaxed)) continue;
    void *page = (void *)(at & ~(uintptr_t)(page_size - 1));
    if (mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) return false;
    /* Closed meanwhile by another thread: the count may be another mapping's by now. */
    if (atomic_load_explicit(&regions[i].end, memory_order_acquire) == end) __atomic_fetch_add(&faults[i], 1, __ATOMIC_SEQ_CST);
    return true;
  }
  return false;
}

/* What the system does where nobody has set a handler. */
static void die(const siginfo_t *info) {
  sigaction(SIGBUS, &standard_bus, NULL);
  if (info->si_code <= 0) raise(SIGBUS); /* sent by kill(): the fault will not come again by itself */
}

/* A fault of somebody else's goes to whom this installation found. */
static void go_on(int installation, int signal_number, siginfo_t *info, void *context) {
  const struct sigaction *next = atomic_load(&found[installation]);
  bool informed = (next->sa_flags & SA_SIGINFO) != 0;
  if (is_standard(next)) return die(info);
  if (!informed && next->sa_handler == SIG_IGN) {
    if (info->si_code > 0) die(info);
    return;
  }
  if ((unsigned)next->sa_flags & (unsigned)SA_RESETHAND) atomic_store(&found[installation], &standard_bus);
  if (informed) next->sa_sigaction(signal_number, info, context);
  else next->sa_handler(signal_number);
  /* Did it ask for the end, which comes when the access is tried again? The faults of our mappings stay ours even so. */
  struct sigaction now;
  if (sigaction(SIGBUS, NULL, &now) == 0 && is_standard(&now)) {
    atomic_store(&found[installation], &standard_bus);
    take_signal(installation);
  }
}

static void on_bus(int installation, int signal_number, siginfo_t *info, void *context) {
  int saved = errno;
  bool mended = info->si_code > 0 && mend((uintptr_t)info->si_addr);
  if (!mended) go_on(installation, signal_number, info, context);
  errno = saved;
}

/* Puts our handler in front. The caller holds the lock of installing. */
static void install_before(const struct sigaction *other) {
  struct sigaction *copy = installations < INSTALLATIONS ? malloc(sizeof *copy) : NULL;
  if (copy == NULL) return; /* the other one rules: see docs/security.md */
  *copy = *other;
  /* One that is set a second time may lead to the installation that found it the first time. */
  for (int i = 0; i < installations; i++) {
    const struct sigaction *before = atomic_load(&found[i]);
    if (!is_standard(before) && before->sa_sigaction == copy->sa_sigaction) atomic_store(&found[i], i == 0 ? &standard_bus : atomic_load(&found[i - 1]));
  }
  atomic_store(&found[installations], copy);
  take_signal(installations++);
}

void faults_install(void) {
  static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&installing);
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  struct sigaction now;
  if (sigaction(SIGBUS, NULL, &now) == 0 && !is_ours(&now)) install_before(&now);
  pthread_mutex_unlock(&installing);
}

/* ---- mappings ------------------------------------------------------------------------------------------
 * Who still holds addresses of a mapping after close() is not ours to know: a thread of the runtime that compresses a view, a
 * read of a file into one. So close() gives back the object and not the addresses: it lays zero pages, which belong to nobody,
 * over them. They are unmapped when the last user is gone, and the last one is the engine's finalizer of the buffer. */

static pthread_mutex_t mappings_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t next_region;

/* An entry of the handler's table that names no address yet. */
#define RESERVED 1u

static int reserve_region(uint32_t *slot) {
  for (uint32_t tried = 0; tried < MAX_MAPPINGS; tried++) {
    uint32_t i = (next_region + tried) % MAX_MAPPINGS;
    if (atomic_load_explicit(&regions[i].end, memory_order_relaxed) != 0) continue;
    next_region = i + 1;
    __atomic_store_n(&faults[i], 0, __ATOMIC_SEQ_CST);
    atomic_store_explicit(&regions[i].end, RESERVED, memory_order_relaxed);
    *slot = i;
    return 0;
  }
  return -EMFILE;
}

static void publish_region(uint32_t slot, const unsigned char *address, size_t length) {
  atomic_store_explicit(&regions[slot].start, (uintptr_t)address, memory_order_relaxed);
  atomic_store_explicit(&regions[slot].end, (uintptr_t)address + length, memory_order_release);
}

static void withdraw_region(uint32_t slot) { atomic_store_explicit(&regions[slot].end, 0, memory_order_release); }

/* The same object through a description of its own. A mapping keeps the description that it was made from, and so its
 * locks, for as long as it lives: in a child that forked, in whoever reads /proc/PID/maps while the process dies. So
 * nothing is ever mapped from a description that holds locks. Where /proc is not mounted there is no other way to the
 * object, and the given descriptor must do. */
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

static bool lay_zeros(unsigned char *address, size_t length) {
  return mmap(address, length, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

int mapping_open(int fd, uint64_t offset, size_t length, bool read_only, unsigned char *place, mapping **out) {
  faults_install();
  if (length == 0 || offset % page_size != 0 || (uintptr_t)place % page_size != 0) return -EINVAL;
  mapping *m = calloc(1, sizeof *m);
  if (m == NULL) return -ENOMEM;
  *m = (mapping){.offset = offset, .length = length, .address = place, .read_only = read_only, .lent = place != NULL, .users = 1};
  pthread_mutex_lock(&mappings_lock);
  int result = reserve_region(&m->fault_slot);
  pthread_mutex_unlock(&mappings_lock);
  if (result == 0) {
    result = map_object(fd, offset, length, read_only, &m->address);
    if (result == 0) publish_region(m->fault_slot, m->address, length);
    else withdraw_region(m->fault_slot);
  }
  if (result < 0) free(m);
  else *out = m;
  return result;
}

void mapping_retain(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  m->users++;
  pthread_mutex_unlock(&mappings_lock);
}

/* The caller holds mappings_lock. */
static void drop_user(mapping *m) {
  if (--m->users > 0) return;
  /* First out of the handler's table: once unmapped, the addresses may be anybody's. */
  if (!m->closed) withdraw_region(m->fault_slot);
  if (!m->lent) munmap(m->address, m->length);
  else if (!m->closed) lay_zeros(m->address, m->length);
  free(m);
}

void mapping_release(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  drop_user(m);
  pthread_mutex_unlock(&mappings_lock);
}

void mapping_close(mapping *m, int fd) {
  pthread_mutex_lock(&mappings_lock);
  /* Without it a wake that such a wait takes with it is lost, and whoever should have had it looks again by itself. */
  if (m->waits > 0 && map_object(fd, m->offset, m->length, m->read_only, &m->behind) < 0) m->behind = NULL;
  /* Zero pages raise no SIGBUS. Should there be no room for them (vm.max_map_count), the object stays until the end. */
  if (lay_zeros(m->address, m->length)) {
    withdraw_region(m->fault_slot);
    m->closed = true;
  }
  pthread_mutex_unlock(&mappings_lock);
}

void mapping_begin_wait(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  m->users++;
  m->waits++;
  pthread_mutex_unlock(&mappings_lock);
}

void mapping_end_wait(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  if (--m->waits == 0 && m->behind != NULL) {
    munmap(m->behind, m->length);
    m->behind = NULL;
  }
  drop_user(m);
  pthread_mutex_unlock(&mappings_lock);
}

void mapping_pass_on(mapping *m, uint32_t *word) {
  pthread_mutex_lock(&mappings_lock);
  if (m->behind != NULL) word_wake((uint32_t *)(void *)(m->behind + ((unsigned char *)word - m->address)), 1);
  else if (!m->closed) word_wake(word, 1);
  pthread_mutex_unlock(&mappings_lock);
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

/* A system that does not know these locks (gVisor, WSL1, Linux before 3.15) says EINVAL, as it does to any unknown command. */
static int lock_error(void) { return errno == EINVAL ? -ENOTSUP : -errno; }

int byte_lock(int fd, uint64_t byte) {
  struct flock range = byte_range(F_WRLCK, byte);
  int r;
  do r = fcntl(fd, F_OFD_SETLK, &range);
  while (r < 0 && errno == EINTR);
  return r < 0 ? lock_error() : 0;
}

int byte_unlock(int fd, uint64_t byte) {
  struct flock range = byte_range(F_UNLCK, byte);
  return fcntl(fd, F_OFD_SETLK, &range) < 0 ? lock_error() : 0;
}

int byte_held(int fd, uint64_t byte) {
  /* Asked as a reader: only the lock of a living participant is in the way, not a read lock, which whoever may read the file
   * can take. */
  struct flock range = byte_range(F_RDLCK, byte);
  int r;
  do r = fcntl(fd, F_OFD_GETLK, &range);
  while (r < 0 && errno == EINTR);
  if (r < 0) return lock_error();
  return range.l_type == F_UNLCK ? 0 : 1;
}

/* ---- futex --------------------------------------------------------------------------------------------- */

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

int word_wake(uint32_t *word, int count) {
  long r = syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
  return r < 0 ? -errno : (int)r;
}

int word_wait(uint32_t *word, uint32_t expected, double timeout_ms, int watch_fd, uint64_t watch_byte, bool poll) {
  uint64_t deadline = deadline_ns(timeout_ms);
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
