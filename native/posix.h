/* native: what the operating system does for us, without a word of JavaScript. posix.c has it for Linux. */
#ifndef MEMLANE_POSIX_H
#define MEMLANE_POSIX_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

/* One mapping of one object, shared by every handle and worker of the process that asked for the same bytes. */
typedef struct mapping {
  struct mapping *next;
  uint64_t device, inode;
  uint64_t offset;
  size_t length;
  unsigned char *address;
  uint32_t references;
  uint32_t fault_slot;
  bool read_only;
} mapping;

/* The bytes of a mapping once more, laid over memory that the engine has reserved and will free. */
typedef struct overlay {
  unsigned char *address; /* NULL: none */
  size_t length;
  uint32_t fault_slot;
} overlay;

/* Objects: every function gives 0 or more, or a negated errno. */
int object_open(const char *name, unsigned flags, unsigned mode);
int object_close(int fd);
int object_unlink(const char *name);
int object_truncate(int fd, uint64_t size);
int object_commit(int fd, uint64_t offset, uint64_t length);
int object_stat(int fd, double out[]);
int object_stat_name(const char *name, double out[]);
int object_space(double *total, double *available);
/* Calls `each` with every name in the directory of objects. */
int object_list(void (*each)(void *context, const char *name), void *context);

/* Mappings. */
int mapping_acquire(int fd, uint64_t offset, size_t length, bool read_only, mapping **out);
void mapping_retain(mapping *m);
void mapping_release(mapping *m);
/* Lays zero pages over the whole mapping, for a buffer that cannot be detached; nothing when other handles use it too. */
void mapping_blank(mapping *m);
int overlay_lay(overlay *o, const mapping *m, int fd, unsigned char *address);
/* Puts zero pages in its place: the engine's memory is the engine's again. */
void overlay_lift(overlay *o);
/* MAX_MAPPINGS words; a word other than 0 counts the pages that a fault replaced. */
uint32_t *fault_words(void);
int faults_install(void);

/* Liveness: an open-file-description lock on one byte. */
int byte_lock(int fd, uint64_t byte);
int byte_unlock(int fd, uint64_t byte);
/* 1 when somebody else holds the byte, 0 when nobody does. */
int byte_held(int fd, uint64_t byte);

/* Futex. */
int word_wake(uint32_t *word, int count);
/* Blocks the calling thread. watch_fd < 0: nobody's life is watched. timeout_ms < 0: for ever. poll: looks every
 * millisecond instead of sleeping on the word, as a wait on a private mapping would make the page a copy of its own. */
int word_wait(uint32_t *word, uint32_t expected, double timeout_ms, int watch_fd, uint64_t watch_byte, bool poll);
uint64_t now_ns(void);

/* The waiter threads. `done` is called on a waiter thread, once for each wait that was not cancelled. */
typedef void (*wait_done)(void *owner, double id, int result);
int waiter_add(void *owner, wait_done done, double id, int handle, mapping *m, uint32_t *word, uint32_t expected,
               double timeout_ms, int watch_fd, uint64_t watch_byte);
/* true when the wait was still pending; it will not be reported. */
bool waiter_cancel(void *owner, double id);
/* Drops every wait of an owner without a report; when it returns no report is under way. */
void waiter_drop_owner(void *owner);
/* Ends every wait that was started through this handle with WAIT_CLOSED. */
void waiter_close_handle(void *owner, int handle);

#endif
