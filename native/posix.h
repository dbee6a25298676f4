/* native: what the operating system does for us, without a word of JavaScript. posix.c has it for Linux. */
#ifndef MEMLANE_POSIX_H
#define MEMLANE_POSIX_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

/* One mapping of one object, for one handle. */
typedef struct mapping {
  uint64_t offset;
  size_t length;
  unsigned char *address;
  unsigned char *behind; /* the object's bytes once more, after close and for as long as there are waits; NULL: none */
  uint32_t users;        /* the handle, its buffer, and every wait */
  uint32_t waits;        /* waits that may still take a wake from the kernel */
  uint32_t fault_slot;   /* ours until closed */
  bool read_only;
  bool lent;   /* the addresses are somebody else's, who gives them back */
  bool closed; /* zero pages lie there */
} mapping;

/* Objects: every function gives 0 or more, or a negated errno. */
int object_open(const char *name, unsigned flags, unsigned mode);
int object_close(int fd);
int object_unlink(const char *name);
/* Gives an object another name, in one step; without `replace`, -EEXIST when that name is taken. */
int object_publish(const char *name, const char *as, bool replace);
int object_truncate(int fd, uint64_t size);
int object_commit(int fd, uint64_t offset, uint64_t length);
int object_stat(int fd, double out[]);
int object_stat_name(const char *name, double out[]);
/* Of the file system of the objects. */
int object_space(double out[]);
/* Calls `each` with every name in the directory of objects. */
int object_list(void (*each)(void *context, const char *name), void *context);

/* Mappings. With a place (page-aligned memory of the engine's, which outlives the handle) the bytes are laid over it. */
int mapping_open(int fd, uint64_t offset, size_t length, bool read_only, unsigned char *place, mapping **out);
void mapping_retain(mapping *m);
/* The last one gives back the addresses. */
void mapping_release(mapping *m);
/* Zero pages take the place of the object's, which is given back; fd is the object's. Once, before the handle's release. */
void mapping_close(mapping *m, int fd);
/* A user that may take a wake from the kernel, and passes it on when it came too late: also after close. */
void mapping_begin_wait(mapping *m);
void mapping_end_wait(mapping *m);
void mapping_pass_on(mapping *m, uint32_t *word);
/* MAX_MAPPINGS words; a word other than 0 counts the pages that a fault replaced. */
uint32_t *fault_words(void);
/* At each new mapping: a runtime may have set a handler of its own since. */
void faults_install(void);

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
/* When so many milliseconds are over; UINT64_MAX, which is never, below 0 and beyond what a clock will see. */
uint64_t deadline_ns(double timeout_ms);

/* The waiter threads. `done` is called on a waiter thread, once for each wait that was not cancelled. The place where the wait
 * is, or a negated errno: whoever cancels says it. */
typedef void (*wait_done)(void *owner, double id, int result);
int waiter_add(void *owner, wait_done done, double id, int handle, mapping *m, uint32_t *word, uint32_t expected,
               double timeout_ms, int watch_fd, uint64_t watch_byte);
/* true when the wait was still pending; it will not be reported. */
bool waiter_cancel(void *owner, double id, int place);
/* Drops every wait of an owner without a report; when it returns no report is under way. */
void waiter_drop_owner(void *owner);
/* Ends every wait that was started through this handle with WAIT_CLOSED. */
void waiter_close_handle(void *owner, int handle);

#endif
