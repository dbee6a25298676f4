/* native: see small_loop.h. One poll handle and one timer at a time. */
#include "small_loop.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

typedef struct handle {
  void *data;
  void (*on_poll)(void *handle, int status, int events);
  void (*on_timer)(void *handle);
  void (*on_closed)(void *handle);
  struct uv_loop_s *loop;
  int fd;
  uint64_t due; /* UINT64_MAX: the timer does not run */
} handle;

struct uv_loop_s {
  handle *poll, *timer;
  handle *closing[2];
  int closing_count;
};

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

small_loop *small_loop_new(void) { return calloc(1, sizeof(small_loop)); }
void small_loop_free(small_loop *loop) { free(loop); }

void small_loop_turn(small_loop *loop) {
  uint64_t now = now_ms();
  int patience = 1000;
  if (loop->timer != NULL && loop->timer->due != UINT64_MAX) patience = loop->timer->due <= now ? 0 : (int)(loop->timer->due - now);
  if (loop->closing_count > 0) patience = 0;
  struct pollfd one = {.fd = loop->poll == NULL ? -1 : loop->poll->fd, .events = POLLIN};
  poll(&one, 1, patience);
  if (loop->timer != NULL && loop->timer->due <= now_ms()) {
    loop->timer->due = UINT64_MAX;
    loop->timer->on_timer(loop->timer);
  }
  if ((one.revents & POLLIN) && loop->poll != NULL) loop->poll->on_poll(loop->poll, 0, 1);
  int count = loop->closing_count;
  handle *closing[2] = {loop->closing[0], loop->closing[1]};
  loop->closing_count = 0;
  for (int i = 0; i < count; i++) closing[i]->on_closed(closing[i]);
}

/* ---- what loop_waiter.c finds */

size_t uv_handle_size(int type);
void uv_handle_set_data(void *h, void *data);
void *uv_handle_get_data(const void *h);
void uv_unref(void *h);
void uv_close(void *h, void (*closed)(void *handle));
int uv_poll_init(struct uv_loop_s *loop, void *h, int fd);
int uv_poll_start(void *h, int events, void (*callback)(void *handle, int status, int events));
int uv_timer_init(struct uv_loop_s *loop, void *h);
int uv_timer_start(void *h, void (*callback)(void *handle), uint64_t timeout, uint64_t repeat);
void uv_update_time(struct uv_loop_s *loop);
int uv_poll_init_fails(void);

size_t uv_handle_size(int type) {
  (void)type;
  return sizeof(handle);
}
void uv_handle_set_data(void *h, void *data) { ((handle *)h)->data = data; }
void *uv_handle_get_data(const void *h) { return ((const handle *)h)->data; }
void uv_unref(void *h) { (void)h; }
void uv_close(void *h, void (*closed)(void *handle)) {
  handle *one = h;
  struct uv_loop_s *loop = one->loop;
  if (loop->poll == one) loop->poll = NULL;
  if (loop->timer == one) loop->timer = NULL;
  one->on_closed = closed;
  loop->closing[loop->closing_count++] = one;
}
int uv_poll_init(struct uv_loop_s *loop, void *h, int fd) {
  int bad = uv_poll_init_fails();
  if (bad < 0) return bad;
  *(handle *)h = (handle){.loop = loop, .fd = fd};
  return 0;
}
int uv_poll_start(void *h, int events, void (*callback)(void *handle, int status, int events)) {
  (void)events;
  handle *one = h;
  one->on_poll = callback;
  one->loop->poll = one;
  return 0;
}
int uv_timer_init(struct uv_loop_s *loop, void *h) {
  *(handle *)h = (handle){.loop = loop, .fd = -1, .due = UINT64_MAX};
  loop->timer = h;
  return 0;
}
int uv_timer_start(void *h, void (*callback)(void *handle), uint64_t timeout, uint64_t repeat) {
  (void)repeat;
  handle *one = h;
  one->on_timer = callback;
  one->due = now_ms() + timeout;
  return 0;
}
void uv_update_time(struct uv_loop_s *loop) { (void)loop; }
