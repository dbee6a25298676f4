/* native: waits of one event loop, reported by the loop itself. See loop_waiter.c. */
#ifndef MEMLANE_LOOP_WAITER_H
#define MEMLANE_LOOP_WAITER_H

#include "posix.h"

typedef struct loop_waiter loop_waiter;
struct uv_loop_s;

/* NULL where the runtime has no libuv or the kernel no ring that waits. `done` is called by the event loop, never by one
 * of the functions below. All of them belong to the loop's thread. */
loop_waiter *loop_waiter_new(struct uv_loop_s *loop, void *owner, wait_done done);
/* As waiter_add, waiter_cancel and waiter_close_handle. */
int loop_waiter_add(loop_waiter *l, double id, int handle, mapping *m, uint32_t *word, uint32_t expected, double timeout_ms,
                    int watch_fd, uint64_t watch_byte);
bool loop_waiter_cancel(loop_waiter *l, double id, int place);
void loop_waiter_close_handle(loop_waiter *l, int handle);
/* Drops every wait without a report. `ended` is called by the loop once the waiter is gone. */
void loop_waiter_end(loop_waiter *l, void (*ended)(void *), void *context);

#endif
