/* native: system calls that fail on demand. The linker puts these in the place of every call that the files of linux/ make
 * and of no others (--wrap when these are put together; scripts/test-native.mjs does it, and sees to it that no call is left out). */
#ifndef MEMLANE_INJECTOR_H
#define MEMLANE_INJECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A call, and the errors that it is made to fail with: those that a machine short of something gives, and those that the
 * layer treats in a way of their own. */
#define CALLS(_)                                        \
  _(open, EINTR, EMFILE, ENOMEM, ENOSPC, EACCES)        \
  _(close, EINTR, EIO)                                  \
  _(fstat, EIO)                                         \
  _(lstat, EACCES)                                      \
  _(fchmod, EPERM)                                      \
  _(unlink, EACCES)                                     \
  _(rename, ENOSPC)                                     \
  _(link, ENOSPC)                                       \
  _(ftruncate, EINTR, EFBIG)                            \
  _(fallocate, EINTR, ENOSPC, EOPNOTSUPP)               \
  _(statfs, EIO)                                        \
  _(opendir, EMFILE)                                    \
  _(readdir, EIO)                                       \
  _(fcntl, EINTR, ENOLCK, EINVAL)                       \
  _(mmap, ENOMEM)                                       \
  _(malloc, ENOMEM)                                     \
  _(calloc, ENOMEM)                                     \
  _(realloc, ENOMEM)                                    \
  _(pthread_atfork, ENOMEM)                             \
  _(pthread_create, EAGAIN)                             \
  _(eventfd, EMFILE)                                    \
  _(read, EAGAIN)                                       \
  _(nanosleep, EINTR)                                   \
  _(fopen, EMFILE)                                      \
  _(fread, EIO)                                         \
  _(readlink, EACCES)                                   \
  _(dlsym, ENOENT)                                      \
  _(uv_poll_init, EMFILE)                               \
  _(futex_wait, EINTR, ETIMEDOUT, EAGAIN, EFAULT, ENOMEM) \
  _(futex_wake, EFAULT)                                 \
  _(futex_waitv, EINTR, ETIMEDOUT, EFAULT, ENOMEM, ENOSYS) \
  _(io_uring_setup, ENOSYS, EPERM, EMFILE, ENOMEM)      \
  _(io_uring_enter, EINTR, EAGAIN, EBUSY, ENOMEM)       \
  _(io_uring_register, ENOMEM)

typedef enum call {
#define NUMBER(name, ...) CALL_##name,
  CALLS(NUMBER)
#undef NUMBER
  CALL_COUNT
} call;

typedef struct call_facts {
  const char *name;
  int errors[6]; /* 0: no further one */
} call_facts;
extern const call_facts calls[CALL_COUNT];

/* The nth call from now on fails once. */
void inject(call which, int nth, int error);
/* No call fails any more. Was there one that did? */
bool injected(void);
/* How often each was called since the last inject. */
int calls_of(call which);

/* What the layer holds at this moment. */
typedef struct holdings {
  long allocations;
  long descriptors;   /* open in this process */
  long long mapped;   /* bytes of address space, by mmap and munmap */
  long streams;       /* of opendir and fopen */
} holdings;
holdings held_now(void);

/* A kernel whose fallocate gives up, and undoes, at any signal: it never gets further than so many bytes at once. 0: as it is. */
void interrupt_fallocate(uint64_t most_bytes);
/* The most bytes that were asked for after an interruption, and how many calls there were. */
uint64_t largest_step(void);
int fallocate_calls(void);

/* Called when a descriptor of ours has been opened, and before one is closed. NULL: nobody. */
extern void (*after_open)(int fd);
extern void (*before_close)(int fd);

#endif
