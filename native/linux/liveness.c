/* native: liveness on Linux is an open-file-description lock on one byte. */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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

int byte_lock(object *o, uint64_t byte) {
  int fd = o->fd;
  struct flock range = byte_range(F_WRLCK, byte);
  int r;
  do r = fcntl(fd, F_OFD_SETLK, &range);
  while (r < 0 && errno == EINTR);
  return r < 0 ? lock_error() : 0;
}

int byte_unlock(object *o, uint64_t byte) {
  int fd = o->fd;
  struct flock range = byte_range(F_UNLCK, byte);
  return fcntl(fd, F_OFD_SETLK, &range) < 0 ? lock_error() : 0;
}

int byte_held(object *o, uint64_t byte) {
  int fd = o->fd;
  /* Asked as a reader: only the lock of a living participant is in the way, not a read lock, which whoever may read the file
   * can take. */
  struct flock range = byte_range(F_RDLCK, byte);
  int r;
  do r = fcntl(fd, F_OFD_GETLK, &range);
  while (r < 0 && errno == EINTR);
  if (r < 0) return lock_error();
  return range.l_type == F_UNLCK ? 0 : 1;
}
