/* native: what every platform does for us, in our words. linux/, darwin/ and windows/ keep this contract, in files of the same
 * names; napi/ and TypeScript know nothing else of an operating system. Without a word of JavaScript.
 *
 * Every function that can fail gives 0 or more, or one of the FAILED_ numbers of layout.h. */
#ifndef MEMLANE_PLATFORM_H
#define MEMLANE_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- objects: named pieces of memory that outlive whoever made them */

/* An object that this process has open. Liveness locks belong to it: they are free when it is closed, and when the process ends,
 * however that ended. A child process has no part in it. */
typedef struct object object;

int object_open(const char *name, unsigned flags, unsigned mode, object **out);
int object_close(object *o);
/* Takes the name away. Who has the object open keeps it. */
int object_unlink(const char *name);
/* Gives an object another name, in one step; without `replace`, FAILED_EXISTS when that name is taken. */
int object_publish(const char *name, const char *as, bool replace);
/* What is added is a hole. */
int object_truncate(object *o, uint64_t size);
/* Gives bytes room of their own, so that touching them cannot fail. Never makes the object longer. */
int object_commit(object *o, uint64_t offset, uint64_t length);
/* STAT_FIELDS numbers. */
int object_stat(object *o, double out[]);
int object_stat_name(const char *name, double out[]);
/* SPACE_FIELDS numbers about the place where objects are. */
int object_space(double out[]);
/* Where objects are, for people to read. */
const char *object_place(void);
/* Calls `each` with every name. */
int object_list(void (*each)(void *context, const char *name), void *context);

/* ---- mappings */

/* Bytes of one object, for one handle. Each platform's own struct begins with these fields. */
typedef struct mapping {
  unsigned char *address;
  size_t length;
  uint32_t fault_slot; /* ours until closed */
  bool read_only;      /* stores reach nobody, and nothing may wait on its words in the kernel */
} mapping;

/* With a place (page-aligned memory of the engine's, which outlives the handle) the bytes are laid over it; FAILED_UNSUPPORTED
 * where that cannot be. */
int mapping_open(object *o, uint64_t offset, size_t length, bool read_only, unsigned char *place, mapping **out);
void mapping_retain(mapping *m);
/* The last one gives back the addresses. */
void mapping_release(mapping *m);
/* Zero pages take the place of the object's, which is given back. Once, before the handle's release. */
void mapping_close(mapping *m, object *o);
/* MAX_MAPPINGS words; a word other than 0 counts the pages that a fault replaced by zeros. */
uint32_t *fault_words(void);

/* ---- liveness: a lock on one number of an object */

int byte_lock(object *o, uint64_t byte);
int byte_unlock(object *o, uint64_t byte);
/* 1 when somebody else holds it, 0 when nobody does or this very object. */
int byte_held(object *o, uint64_t byte);

/* ---- waits, keyed by an object and a word of it: processes map one object at different addresses */

int word_wake(mapping *m, uint32_t *word, int count);
/* Blocks the calling thread: one of the WAIT_ numbers. watched NULL: nobody's life is watched. timeout_ms < 0: for ever. */
int word_wait(mapping *m, uint32_t *word, uint32_t expected, double timeout_ms, object *watched, uint64_t watch_byte);

/* Waits that end in a call instead: on a thread of the platform's, once for each that was not cancelled. Gives the place where
 * the wait is: whoever cancels says it. (Only Linux finds by it; the others give 0 and find by the id.) */
typedef void (*wait_done)(void *owner, double id, int result);
int waiter_add(void *owner, wait_done done, double id, int handle, mapping *m, uint32_t *word, uint32_t expected,
               double timeout_ms, object *watched, uint64_t watch_byte);
/* true when the wait was still pending; it will not be reported. */
bool waiter_cancel(void *owner, double id, int place);
/* Drops every wait of an owner without a report; when it returns no report is under way. */
void waiter_drop_owner(void *owner);
/* Ends every wait that was started through this handle with WAIT_CLOSED. */
void waiter_close_handle(void *owner, int handle);

/* Waits that the event loop itself reports. NULL where the runtime has no such loop or the system no such wait. All of them
 * belong to the loop's thread; `done` is called by the loop, never by one of these. */
typedef struct loop_waiter loop_waiter;
struct uv_loop_s;
loop_waiter *loop_waiter_new(struct uv_loop_s *loop, void *owner, wait_done done);
int loop_waiter_add(loop_waiter *l, double id, int handle, mapping *m, uint32_t *word, uint32_t expected, double timeout_ms,
                    object *watched, uint64_t watch_byte);
bool loop_waiter_cancel(loop_waiter *l, double id, int place);
void loop_waiter_close_handle(loop_waiter *l, int handle);
/* Drops every wait without a report. `ended` is called by the loop once the waiter is gone. */
void loop_waiter_end(loop_waiter *l, void (*ended)(void *), void *context);

/* ---- identity: for people and tools; liveness never trusts it */

/* A number that the system keeps for a process from its start on, so that a pid which was given again is told from the one
 * before; 0 when there is no such process or it cannot be seen. */
double process_start(int64_t pid);
/* Where pids are counted for themselves; 0 where there is but one such place. */
double process_namespace(void);
/* 16 bytes that change with every start of the machine; zeros where they cannot be had. */
void boot_id(unsigned char out[16]);

/* ---- the process */

/* Lets a thread that waits for this very processor go first. */
void give_way(void);
/* The addon's code stays in memory for the life of the process: threads and handlers of ours go on running it. */
void stay_loaded(void);
/* A function of the runtime that loaded the addon, or NULL. */
void *host_function(const char *name);

#endif
