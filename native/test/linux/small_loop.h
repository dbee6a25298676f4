/* native: an event loop of some fifty lines, with the functions of libuv that loop_waiter.c looks up in its host. */
#ifndef MEMLANE_SMALL_LOOP_H
#define MEMLANE_SMALL_LOOP_H

typedef struct uv_loop_s small_loop;

small_loop *small_loop_new(void);
void small_loop_free(small_loop *loop);
/* Waits for the bell or the timer, and calls whom it concerns. */
void small_loop_turn(small_loop *loop);

#endif
