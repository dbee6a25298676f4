/* native: objects on Linux are files of the tmpfs at /dev/shm, which is what shm_open names. They are opened without following
 * links (O_NOFOLLOW), closed on exec (O_CLOEXEC) and never block on a squatter's FIFO (O_NONBLOCK).
 */
#include "system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define DIRECTORY "/dev/shm"

const char *object_place(void) { return DIRECTORY; }

size_t page_size = 4096;

/* Before there is a thread that could read it. */
__attribute__((constructor)) static void find_page_size(void) { page_size = (size_t)sysconf(_SC_PAGESIZE); }

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
static bool fork_handled;

static void before_fork(void) { pthread_mutex_lock(&descriptors_lock); }
static void after_fork_parent(void) { pthread_mutex_unlock(&descriptors_lock); }
static void after_fork_child(void) {
  for (size_t i = 0; i < descriptors_count; i++) close(descriptors[i]);
  descriptors_count = 0;
  pthread_mutex_unlock(&descriptors_lock);
}

/* Opening and remembering, as forgetting and closing, are one step to a thread that forks. */
static void lock_descriptors(void) { pthread_mutex_lock(&descriptors_lock); }

static void unlock_descriptors(void) { pthread_mutex_unlock(&descriptors_lock); }

/* Makes room for one more. The caller holds descriptors_lock. */
static int prepare_descriptor(void) {
  if (!fork_handled && pthread_atfork(before_fork, after_fork_parent, after_fork_child) != 0) return -ENOMEM;
  fork_handled = true;
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

int object_open(const char *name, unsigned flags, unsigned mode, object **out) {
  char path[sizeof DIRECTORY + 260];
  int bad = object_path(name, path, sizeof path);
  if (bad < 0) return bad;
  int how = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | ((flags & OPEN_READ_ONLY) ? O_RDONLY : O_RDWR);
  if (flags & OPEN_CREATE) how |= O_CREAT;
  if (flags & OPEN_EXCLUSIVE) how |= O_EXCL;
  object *o = malloc(sizeof *o);
  if (o == NULL) return FAILED_NO_MEMORY;
  lock_descriptors();
  int result = prepare_descriptor();
  if (result == 0) result = open_regular(path, how, flags, mode);
  if (result >= 0) descriptors[descriptors_count++] = result;
  unlock_descriptors();
  if (result < 0) {
    free(o);
    return result;
  }
  o->fd = result;
  *out = o;
  return 0;
}

int object_close(object *o) {
  lock_descriptors();
  forget_descriptor(o->fd);
  int result = close(o->fd) < 0 ? -errno : 0;
  unlock_descriptors();
  free(o);
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

int object_truncate(object *o, uint64_t size) {
  int fd = o->fd;
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
int object_commit(object *o, uint64_t offset, uint64_t length) {
  int fd = o->fd;
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

int object_stat(object *o, double out[]) {
  int fd = o->fd;
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
  int result;
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(d);
    result = -errno;
    if (entry == NULL) break;
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) each(context, entry->d_name);
  }
  closedir(d);
  return result;
}
