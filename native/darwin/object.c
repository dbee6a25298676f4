/* native: objects on macOS are files in a private folder of the user's, mapped shared: shm_open's take one size for good, 31 bytes of
 * name, and cannot be listed. MEMLANE_DIRECTORY names another folder. A file name is an object's name with `%` and two hexadecimal
 * digits for capital letters, which many volumes do not tell from small ones.
 *
 * Built and its symbols checked; not yet run by us. */
#include "system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/mount.h>
#include <sys/param.h>
#include <unistd.h>

size_t page_size = 16384;

/* Before there is a thread that could read it. */
__attribute__((constructor)) static void find_page_size(void) { page_size = (size_t)sysconf(_SC_PAGESIZE); }

static char folder[700];
static pthread_once_t folder_once = PTHREAD_ONCE_INIT;

/* TMPDIR is the user's own on macOS, mode 0700. What is not a folder of this user's alone is not used. */
static void find_folder(void) {
  const char *given = getenv("MEMLANE_DIRECTORY");
  char own[512];
  if (given == NULL || *given == 0) {
    if (confstr(_CS_DARWIN_USER_TEMP_DIR, own, sizeof own) == 0) strcpy(own, "/tmp");
    snprintf(folder, sizeof folder, "%s/memlane", own);
  } else {
    snprintf(folder, sizeof folder, "%s", given);
  }
  struct stat s;
  mkdir(folder, 0700);
  if (lstat(folder, &s) < 0 || !S_ISDIR(s.st_mode) || s.st_uid != geteuid() || (s.st_mode & 022) != 0) folder[0] = 0;
}

const char *object_place(void) {
  pthread_once(&folder_once, find_folder);
  return folder;
}

#define PATH_ROOM 1500

static int object_path(const char *name, char *path, size_t room) {
  size_t length = strlen(name), at = strlen(object_place());
  if (length == 0 || strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return FAILED_INVALID;
  if (length > 255 || at + 3 * length + 2 > room) return FAILED_NAME_TOO_LONG;
  if (at == 0) return FAILED_NOT_FOUND;
  memcpy(path, folder, at);
  path[at++] = '/';
  size_t start = at;
  for (const char *c = name; *c != 0; c++) {
    if ((*c >= 'A' && *c <= 'Z') || *c == '%' || (unsigned char)*c >= 128) at += (size_t)snprintf(path + at, 4, "%%%02X", (unsigned char)*c);
    else path[at++] = *c;
  }
  path[at] = 0;
  return at - start > 255 ? FAILED_NAME_TOO_LONG : 0;
}

static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

static void object_name(const char *file, char name[260]) {
  size_t n = 0;
  for (; *file != 0 && n < 255; file++) {
    int high = *file == '%' ? digit(file[1]) : -1, low = high < 0 ? -1 : digit(file[2]);
    name[n++] = low < 0 ? *file : (char)(high << 4 | low);
    if (low >= 0) file += 2;
  }
  name[n] = 0;
}

/* The numbers of layout.h are Linux's; the lowest ones are the same everywhere. */
int failed(int error) {
  switch (error) {
    case EAGAIN: return FAILED_BUSY;
    case ENAMETOOLONG: return FAILED_NAME_TOO_LONG;
    case ENOLCK: return FAILED_NO_LOCKS;
    case ELOOP: return FAILED_IS_LINK;
    case ENOTSUP:
    case EOPNOTSUPP: return FAILED_UNSUPPORTED;
    case EDQUOT: return FAILED_QUOTA;
    default: return error <= 34 ? -error : FAILED_SYSTEM - error;
  }
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
  if (!fork_handled && pthread_atfork(before_fork, after_fork_parent, after_fork_child) != 0) return FAILED_NO_MEMORY;
  fork_handled = true;
  if (descriptors_count < descriptors_room) return 0;
  size_t room = descriptors_room == 0 ? 64 : descriptors_room * 2;
  int *grown = realloc(descriptors, room * sizeof *grown);
  if (grown == NULL) return FAILED_NO_MEMORY;
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
  if (fd < 0) return failed(errno);
  struct stat s;
  int bad = fstat(fd, &s) < 0 ? failed(errno) : S_ISREG(s.st_mode) ? 0 : FAILED_NOT_A_FILE;
  if (bad < 0) {
    close(fd);
    return bad;
  }
  /* The process's umask must not narrow what the caller chose for an object that it has just made. */
  if ((flags & OPEN_EXCLUSIVE) && (s.st_mode & 07777u) != mode) (void)fchmod(fd, (mode_t)mode);
  return fd;
}

int object_open(const char *name, unsigned flags, unsigned mode, object **out) {
  char path[PATH_ROOM];
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
  int result = close(o->fd) < 0 ? failed(errno) : 0;
  unlock_descriptors();
  free(o);
  return result;
}

int object_unlink(const char *name) {
  char path[PATH_ROOM];
  int bad = object_path(name, path, sizeof path);
  if (bad < 0) return bad;
  return unlink(path) < 0 ? failed(errno) : 0;
}

int object_publish(const char *name, const char *as, bool replace) {
  char from[PATH_ROOM], to[PATH_ROOM];
  int bad = object_path(name, from, sizeof from);
  if (bad == 0) bad = object_path(as, to, sizeof to);
  if (bad < 0) return bad;
  if (replace) return rename(from, to) < 0 ? failed(errno) : 0;
  if (link(from, to) < 0) return failed(errno);
  /* It has both names now; should the first one stay, it is a name too many, and no harm. */
  (void)unlink(from);
  return 0;
}

int object_truncate(object *o, uint64_t size) {
  int fd = o->fd;
  int r;
  do r = ftruncate(fd, (off_t)size);
  while (r < 0 && errno == EINTR);
  return r < 0 ? failed(errno) : 0;
}

/* F_PREALLOCATE gives room from the end of what has some, so it is asked for what the range lacks at most; what is mapped later
 * finds it. It never makes the file longer. */
int object_commit(object *o, uint64_t offset, uint64_t length) {
  struct stat s;
  if (fstat(o->fd, &s) < 0) return failed(errno);
  uint64_t room = (uint64_t)s.st_blocks * 512, end = offset + length;
  if (end > (uint64_t)s.st_size) end = (uint64_t)s.st_size;
  if (end <= room) return 0;
  fstore_t more = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, (off_t)(end - room), 0};
  if (fcntl(o->fd, F_PREALLOCATE, &more) < 0 && errno != ENOTSUP) return failed(errno);
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
  out[STAT_CHANGED_MS] = (double)s->st_mtimespec.tv_sec * 1e3 + (double)(s->st_mtimespec.tv_nsec / 1000000);
}

int object_stat(object *o, double out[]) {
  int fd = o->fd;
  struct stat s;
  if (fstat(fd, &s) < 0) return failed(errno);
  fill_stat(&s, out);
  return 0;
}

int object_stat_name(const char *name, double out[]) {
  char path[PATH_ROOM];
  int bad = object_path(name, path, sizeof path);
  if (bad < 0) return bad;
  struct stat s;
  if (lstat(path, &s) < 0) return failed(errno);
  fill_stat(&s, out);
  return 0;
}

int object_space(double out[]) {
  struct statfs v;
  if (statfs(object_place(), &v) < 0) return failed(errno);
  for (int i = 0; i < SPACE_FIELDS; i++) out[i] = 0;
  out[SPACE_TOTAL] = (double)v.f_blocks * (double)v.f_bsize;
  out[SPACE_AVAILABLE] = (double)v.f_bavail * (double)v.f_bsize;
  return 0;
}

int object_list(void (*each)(void *context, const char *name), void *context) {
  DIR *d = opendir(object_place());
  if (d == NULL) return failed(errno);
  int result;
  for (;;) {
    errno = 0;
    const struct dirent *entry = readdir(d);
    result = errno == 0 ? 0 : failed(errno);
    if (entry == NULL) break;
    char name[260];
    if (entry->d_name[0] == '.') continue;
    object_name(entry->d_name, name);
    each(context, name);
  }
  closedir(d);
  return result;
}
