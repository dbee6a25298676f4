/* native: the door between JavaScript and platform.h. Numbers in, numbers out: a negative result is one of the FAILED_ numbers,
 * which src/native turns into coded errors. Handles are small integers of one environment (main thread or worker);
 * whatever an environment leaves open is closed when it ends.
 */
#include "../layout.h"
#include "../platform.h"

#include <math.h>
#include <node_api.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct handle {
  object *o; /* NULL: free */
  mapping *m;
  napi_ref place; /* keeps the memory of the engine's alive that the mapping lies over, if it does */
} handle;

static const handle NO_HANDLE = {.o = NULL};

/* How an environment's end is told before the finalizers of its buffers run. */
typedef enum end_of_buffers {
  BY_A_BUFFER, /* Node.js runs the finalizers first of all, the latest first: a last buffer that is kept until then */
  BY_A_HOOK,   /* Bun runs the clean-up hooks first, the latest first */
  NEVER_ENDS,  /* Deno runs no finalizers then */
} end_of_buffers;

typedef struct environment {
  napi_env env;
  handle *handles;
  int room;
  int free_hint;
  /* Who tells of waits that have ended: the event loop itself, or the waiter threads. */
  loop_waiter *loop;
  napi_ref on_wait_end;
  napi_async_cleanup_hook_handle leaving;
  napi_threadsafe_function reports;
  struct attachment *attachments;
  struct attachment *_Atomic gone; /* those whose finalizers ran, on any thread, since this thread looked */
  end_of_buffers buffers_end;
  bool hooked; /* on_buffers_end is registered */
  struct sentinel *_Atomic sentinel;
  bool ended;
} environment;

/* The tie between one external ArrayBuffer and its mapping, which it keeps: a request of the runtime's may go on with the bytes
 * after close(), and holds the buffer for as long as it does. The engine's finalizer, which may run on any thread, ends it.
 *
 * A buffer that was moved (transfer(), and from there to another thread) has its bytes elsewhere; Node.js and Bun run its finalizer
 * nevertheless when the environment that made it ends. So each buffer is looked at before that: the addresses of one that is no
 * longer here stay mapped for good. */
typedef struct attachment {
  environment *e;
  mapping *m;
  napi_ref buffer; /* weak */
  _Atomic bool released;
  bool listed;
  struct attachment *next, *previous; /* of its environment */
  struct attachment *next_gone;
} attachment;

/* A buffer whose finalizer tells of the end. */
typedef struct sentinel {
  environment *e;
  napi_ref buffer;
  unsigned char byte;
} sentinel;

typedef struct report {
  double id;
  int result;
} report;

/* Only Node.js has these; found at run time, so that the addon loads everywhere. */
static struct {
  napi_status (*get_loop)(napi_env env, struct uv_loop_s **loop);
  napi_status (*add_cleanup)(napi_env env, napi_async_cleanup_hook hook, void *data, napi_async_cleanup_hook_handle *handle);
  napi_status (*remove_cleanup)(napi_async_cleanup_hook_handle handle);
} node;

static bool find_on_loop(void) {
  void *found[] = {host_function("napi_get_uv_event_loop"), host_function("napi_add_async_cleanup_hook"),
                   host_function("napi_remove_async_cleanup_hook")};
  _Static_assert(sizeof node == sizeof found, "one name for each function");
  memcpy(&node, found, sizeof node);
  return found[0] != NULL && found[1] != NULL && found[2] != NULL;
}

/* NULL, which JavaScript sees as undefined, where the engine has no room for a number. */
static napi_value number(napi_env env, double value) {
  napi_value v;
  return napi_create_double(env, value, &v) == napi_ok ? v : NULL;
}

static napi_value integer(napi_env env, int32_t value) {
  napi_value v;
  return napi_create_int32(env, value, &v) == napi_ok ? v : NULL;
}

/* Takes the exception that a call has left, which would come out of whatever is called next. */
static napi_value take_exception(napi_env env) {
  bool pending = false;
  napi_value thrown = NULL;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending && napi_get_and_clear_last_exception(env, &thrown) == napi_ok) return thrown;
  return NULL;
}

/* For calls that no JavaScript stands above. What was thrown is the process's to hear, as from any other callback. */
static void after_callback(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  napi_value thrown = take_exception(env);
  if (thrown != NULL) napi_fatal_exception(env, thrown);
}

#define ARGUMENTS(n)                                                      \
  size_t argc = (n);                                                      \
  napi_value argv[(n) > 0 ? (n) : 1];                                     \
  environment *e;                                                         \
  if (napi_get_cb_info(env, info, &argc, argv, NULL, (void **)&e) != napi_ok || argc < (n)) return integer(env, FAILED_INVALID)

#define NO_ARGUMENTS(info) (void)(info)

static bool get_u64(napi_env env, napi_value v, uint64_t *out) {
  double d;
  if (napi_get_value_double(env, v, &d) != napi_ok || !(d >= 0) || d > 9007199254740991.0) return false;
  *out = (uint64_t)d;
  return true;
}

static handle *get_handle(napi_env env, environment *e, napi_value v) {
  int32_t i;
  if (napi_get_value_int32(env, v, &i) != napi_ok || i < 0 || i >= e->room || e->handles[i].o == NULL) return NULL;
  return &e->handles[i];
}

/* The address of an aligned word inside the handle's mapping, or NULL. */
static uint32_t *get_word(napi_env env, const handle *h, napi_value v) {
  uint64_t offset;
  if (h == NULL || h->m == NULL || !get_u64(env, v, &offset)) return NULL;
  if ((offset & 3) != 0 || offset + 4 > h->m->length) return NULL;
  return (uint32_t *)(void *)(h->m->address + offset);
}

static bool get_name(napi_env env, napi_value v, char *out, size_t room) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, v, NULL, 0, &length) != napi_ok || length >= room) return false;
  if (napi_get_value_string_utf8(env, v, out, room, &length) != napi_ok) return false;
  return strlen(out) == length; /* no NUL inside */
}

static int new_handle(environment *e, object *o) {
  int i = e->free_hint;
  while (i < e->room && e->handles[i].o != NULL) i++;
  if (i == e->room) {
    int room = e->room == 0 ? 16 : e->room * 2;
    handle *grown = realloc(e->handles, (size_t)room * sizeof *grown);
    if (grown == NULL) return FAILED_NO_MEMORY;
    for (int k = e->room; k < room; k++) grown[k] = NO_HANDLE;
    e->handles = grown;
    e->room = room;
  }
  e->handles[i] = (handle){.o = o};
  e->free_hint = i + 1;
  return i;
}

/* ---- objects */

static napi_value f_open(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  char name[512];
  uint32_t flags, mode;
  if (!get_name(env, argv[0], name, sizeof name)) return integer(env, FAILED_NAME_TOO_LONG);
  if (napi_get_value_uint32(env, argv[1], &flags) != napi_ok || napi_get_value_uint32(env, argv[2], &mode) != napi_ok) return integer(env, FAILED_INVALID);
  object *o;
  int i = object_open(name, flags, mode & 0777u, &o);
  if (i < 0) return integer(env, i);
  i = new_handle(e, o);
  if (i < 0) object_close(o);
  return integer(env, i);
}

static napi_value f_unlink(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  char name[512];
  if (!get_name(env, argv[0], name, sizeof name)) return integer(env, FAILED_NAME_TOO_LONG);
  return integer(env, object_unlink(name));
}

static napi_value f_publish(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  (void)e;
  char name[512], as[512];
  bool replace;
  if (!get_name(env, argv[0], name, sizeof name) || !get_name(env, argv[1], as, sizeof as)) return integer(env, FAILED_NAME_TOO_LONG);
  if (napi_get_value_bool(env, argv[2], &replace) != napi_ok) return integer(env, FAILED_INVALID);
  return integer(env, object_publish(name, as, replace));
}

static double *get_doubles(napi_env env, napi_value v, size_t at_least) {
  napi_typedarray_type type;
  size_t length;
  void *data;
  if (napi_get_typedarray_info(env, v, &type, &length, &data, NULL, NULL) != napi_ok) return NULL;
  return type == napi_float64_array && length >= at_least ? data : NULL;
}

static napi_value f_stat(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  handle *h = get_handle(env, e, argv[0]);
  double *out = get_doubles(env, argv[1], STAT_FIELDS);
  if (h == NULL || out == NULL) return integer(env, FAILED_INVALID);
  return integer(env, object_stat(h->o, out));
}

static napi_value f_stat_name(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  char name[512];
  double *out = get_doubles(env, argv[1], STAT_FIELDS);
  if (out == NULL) return integer(env, FAILED_INVALID);
  if (!get_name(env, argv[0], name, sizeof name)) return integer(env, FAILED_NAME_TOO_LONG);
  return integer(env, object_stat_name(name, out));
}

static napi_value f_space(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  (void)e;
  double *out = get_doubles(env, argv[0], SPACE_FIELDS);
  if (out == NULL) return integer(env, FAILED_INVALID);
  return integer(env, object_space(out));
}

typedef struct listing {
  napi_env env;
  napi_value array;
  uint32_t count;
  napi_status status;
} listing;

static void list_one(void *context, const char *name) {
  listing *l = context;
  napi_value text;
  if (l->status == napi_ok) l->status = napi_create_string_utf8(l->env, name, NAPI_AUTO_LENGTH, &text);
  if (l->status == napi_ok) l->status = napi_set_element(l->env, l->array, l->count++, text);
}

static napi_value f_list(napi_env env, napi_callback_info info) {
  NO_ARGUMENTS(info);
  listing l = {env, NULL, 0, napi_ok};
  if (napi_create_array(env, &l.array) != napi_ok) return integer(env, FAILED_NO_MEMORY);
  int r = object_list(list_one, &l);
  if (r >= 0 && l.status != napi_ok) r = FAILED_NO_MEMORY;
  return r < 0 ? integer(env, r) : l.array;
}

static napi_value f_truncate(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  handle *h = get_handle(env, e, argv[0]);
  uint64_t size;
  if (h == NULL || !get_u64(env, argv[1], &size)) return integer(env, FAILED_INVALID);
  return integer(env, object_truncate(h->o, size));
}

static napi_value f_commit(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  handle *h = get_handle(env, e, argv[0]);
  uint64_t offset, length;
  if (h == NULL || !get_u64(env, argv[1], &offset) || !get_u64(env, argv[2], &length)) return integer(env, FAILED_INVALID);
  return integer(env, object_commit(h->o, offset, length));
}

/* ---- mapping */

static void release_once(attachment *a) {
  if (!atomic_exchange(&a->released, true)) mapping_release(a->m);
}

static void on_buffer_gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  attachment *a = hint;
  environment *e = a->e;
  release_once(a);
  a->next_gone = atomic_load(&e->gone);
  while (!atomic_compare_exchange_weak(&e->gone, &a->next_gone, a)) {
  }
}

/* Forgets the buffers that are gone: a weak reference is given back by its own thread only, outside the collector. */
static void sweep_attachments(napi_env env, environment *e) {
  attachment *next, *a = atomic_exchange(&e->gone, NULL);
  for (; a != NULL; a = next) {
    next = a->next_gone;
    if (a->buffer != NULL) napi_delete_reference(env, a->buffer);
    if (a->next != NULL) a->next->previous = a->previous;
    if (a->previous != NULL) a->previous->next = a->next;
    else if (a->listed) e->attachments = a->next;
    free(a);
  }
}

static bool is_here(napi_env env, const attachment *a) {
  napi_value buffer = NULL;
  bool detached = true;
  return a->buffer != NULL && napi_get_reference_value(env, a->buffer, &buffer) == napi_ok && buffer != NULL &&
         napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok && !detached;
}

/* Before the engine runs the finalizers of the environment's buffers. */
static void on_buffers_end(void *data) {
  environment *e = data;
  napi_handle_scope scope;
  bool looking = napi_open_handle_scope(e->env, &scope) == napi_ok;
  for (attachment *a = e->attachments; a != NULL; a = a->next) {
    /* Its user is never dropped: the addresses are nobody else's for the life of the process. */
    if (!looking || !is_here(e->env, a)) atomic_store(&a->released, true);
  }
  if (looking) napi_close_handle_scope(e->env, scope);
}

static void on_sentinel_gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  sentinel *s = hint;
  if (atomic_load(&s->e->sentinel) == s) on_buffers_end(s->e);
  else free(s);
}

/* The first of the ends that will be told is the latest that was asked for, so it is asked for anew after each buffer. */
static bool hear_end_by_hook(napi_env env, environment *e) {
  if (e->hooked) (void)napi_remove_env_cleanup_hook(env, on_buffers_end, e);
  e->hooked = napi_add_env_cleanup_hook(env, on_buffers_end, e) == napi_ok;
  return e->hooked;
}

static bool hear_end_by_buffer(napi_env env, environment *e) {
  sentinel *s = calloc(1, sizeof *s), *before = atomic_load(&e->sentinel);
  napi_value buffer;
  if (s == NULL) return false;
  s->e = e;
  /* Where this fails the small thing stays: whether its finalizer runs, the engine does not say. */
  if (napi_create_external_arraybuffer(env, &s->byte, 1, on_sentinel_gone, s, &buffer) != napi_ok) return false;
  if (napi_create_reference(env, buffer, 1, &s->buffer) != napi_ok) return false;
  atomic_store(&e->sentinel, s);
  if (before != NULL) napi_delete_reference(env, before->buffer);
  return true;
}

static bool hear_end_of_buffers(napi_env env, environment *e) {
  return e->buffers_end == NEVER_ENDS || (e->buffers_end == BY_A_HOOK ? hear_end_by_hook(env, e) : hear_end_by_buffer(env, e));
}

static void list_attachment(napi_env env, attachment *a, napi_value buffer) {
  environment *e = a->e;
  if (napi_create_reference(env, buffer, 0, &a->buffer) != napi_ok) a->buffer = NULL;
  /* Nobody will look at it at the end. */
  if (!hear_end_of_buffers(env, e)) atomic_store(&a->released, true);
  a->listed = true;
  a->next = e->attachments;
  if (a->next != NULL) a->next->previous = a;
  e->attachments = a;
}

/* Maps over the bytes of a typed array. 0, or a FAILED_ number. */
static int map_over(napi_env env, handle *h, napi_value array, uint64_t offset, uint64_t wanted, bool read_only) {
  napi_typedarray_type type;
  size_t length;
  void *data;
  if (napi_get_typedarray_info(env, array, &type, &length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array || length < wanted) return FAILED_INVALID;
  if (napi_create_reference(env, array, 1, &h->place) != napi_ok) return FAILED_NO_MEMORY;
  int r = mapping_open(h->o, offset, (size_t)wanted, read_only, data, &h->m);
  if (r < 0) {
    napi_delete_reference(env, h->place);
    h->place = NULL;
  }
  return r;
}

/* map(handle, offset, length, readOnly, place): an external ArrayBuffer; or, with a place (a Uint8Array over memory of
 * the engine's that it neither moves nor shares), undefined, and the bytes are there. */
static napi_value f_map(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  handle *h = get_handle(env, e, argv[0]);
  uint64_t offset, length;
  bool read_only;
  if (h == NULL || h->m != NULL || !get_u64(env, argv[1], &offset) || !get_u64(env, argv[2], &length) ||
      napi_get_value_bool(env, argv[3], &read_only) != napi_ok)
    return integer(env, FAILED_INVALID);
  napi_valuetype type;
  if (napi_typeof(env, argv[4], &type) == napi_ok && type == napi_object) {
    int r = map_over(env, h, argv[4], offset, length, read_only);
    return r < 0 ? integer(env, r) : NULL;
  }
  mapping *m;
  int r = mapping_open(h->o, offset, (size_t)length, read_only, NULL, &m);
  if (r < 0) return integer(env, r);
  attachment *a = calloc(1, sizeof *a);
  if (a == NULL) {
    mapping_release(m);
    return integer(env, FAILED_NO_MEMORY);
  }
  sweep_attachments(env, e);
  *a = (attachment){.e = e, .m = m};
  napi_value buffer;
  napi_status status = napi_create_external_arraybuffer(env, m->address, m->length, on_buffer_gone, a, &buffer);
  if (status != napi_ok) {
    /* An engine that refuses may or may not run the finalizer, at once or later: where it does not, the small tie stays. */
    (void)take_exception(env);
    release_once(a);
    return integer(env, status == napi_no_external_buffers_allowed ? FAILED_UNSUPPORTED : FAILED_TOO_LARGE);
  }
  /* The engine may collect the buffer, and with it the tie, while the handle is still open. */
  mapping_retain(m);
  h->m = m;
  list_attachment(env, a, buffer);
  return buffer;
}

static napi_value f_fault_slot(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  handle *h = get_handle(env, e, argv[0]);
  if (h == NULL || h->m == NULL) return integer(env, FAILED_INVALID);
  return integer(env, (int32_t)h->m->fault_slot);
}

static void nothing(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  (void)hint;
}

static napi_value f_fault_words(napi_env env, napi_callback_info info) {
  NO_ARGUMENTS(info);
  napi_value buffer;
  if (napi_create_external_arraybuffer(env, fault_words(), MAX_MAPPINGS * sizeof(uint32_t), nothing, NULL, &buffer) != napi_ok)
    return integer(env, FAILED_UNSUPPORTED);
  return buffer;
}

/* Gives back what a handle holds. Its waits have ended. */
static int release_handle(napi_env env, handle *h) {
  if (h->m != NULL) {
    mapping_close(h->m, h->o);
    mapping_release(h->m);
  }
  if (h->place != NULL) napi_delete_reference(env, h->place);
  int r = object_close(h->o);
  *h = NO_HANDLE;
  return r;
}

/* close(handle): ends waits, gives back the object and its descriptor. What the buffer showed is zeros from now on. */
static napi_value f_close(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  handle *h = get_handle(env, e, argv[0]);
  if (h == NULL) return integer(env, FAILED_INVALID);
  int index = (int)(h - e->handles);
  if (e->loop != NULL) loop_waiter_close_handle(e->loop, index);
  else waiter_close_handle(e, index);
  if (index < e->free_hint) e->free_hint = index;
  return integer(env, release_handle(env, h));
}

/* ---- liveness */

/* (handle, byte) to what `work` says of it. */
static napi_value on_byte(napi_env env, napi_callback_info info, int (*work)(object *o, uint64_t byte)) {
  ARGUMENTS(2);
  handle *h = get_handle(env, e, argv[0]);
  uint64_t byte;
  if (h == NULL || !get_u64(env, argv[1], &byte)) return integer(env, FAILED_INVALID);
  return integer(env, work(h->o, byte));
}

static napi_value f_lock_byte(napi_env env, napi_callback_info info) { return on_byte(env, info, byte_lock); }

static napi_value f_unlock_byte(napi_env env, napi_callback_info info) { return on_byte(env, info, byte_unlock); }

static napi_value f_byte_held(napi_env env, napi_callback_info info) { return on_byte(env, info, byte_held); }

/* ---- waiting */

static napi_value f_wake(napi_env env, napi_callback_info info) {
  ARGUMENTS(3);
  handle *h = get_handle(env, e, argv[0]);
  uint32_t *word = get_word(env, h, argv[1]);
  int32_t count;
  if (word == NULL || napi_get_value_int32(env, argv[2], &count) != napi_ok || count < 0) return integer(env, FAILED_INVALID);
  return integer(env, word_wake(h->m, word, count));
}

typedef struct wait_arguments {
  handle *h;
  uint32_t *word;
  uint32_t expected;
  double timeout;
  object *watched;
  uint64_t watch_byte;
} wait_arguments;

/* (handle, offset, expected, timeout ms or < 0, byte to watch or < 0) */
static bool get_wait(napi_env env, environment *e, napi_value argv[], wait_arguments *w) {
  double watch;
  int32_t expected;
  w->h = get_handle(env, e, argv[0]);
  w->word = get_word(env, w->h, argv[1]);
  if (w->word == NULL || napi_get_value_int32(env, argv[2], &expected) != napi_ok ||
      napi_get_value_double(env, argv[3], &w->timeout) != napi_ok || napi_get_value_double(env, argv[4], &watch) != napi_ok ||
      isnan(w->timeout) || isnan(watch) || watch > 9007199254740991.0)
    return false;
  w->expected = (uint32_t)expected;
  w->watched = watch < 0 ? NULL : w->h->o;
  w->watch_byte = watch < 0 ? 0 : (uint64_t)watch;
  return true;
}

static napi_value f_wait(napi_env env, napi_callback_info info) {
  ARGUMENTS(5);
  wait_arguments w;
  if (!get_wait(env, e, argv, &w)) return integer(env, FAILED_INVALID);
  return integer(env, word_wait(w.h->m, w.word, w.expected, w.timeout, w.watched, w.watch_byte));
}

static void post_report(void *owner, double id, int result) {
  environment *e = owner;
  report *r = malloc(sizeof *r);
  if (r == NULL) return;
  r->id = id;
  r->result = result;
  if (napi_call_threadsafe_function(e->reports, r, napi_tsfn_nonblocking) != napi_ok) free(r);
}

static void deliver(napi_env env, napi_value callback, void *context, void *data) {
  (void)context;
  report *r = data;
  if (env != NULL && callback != NULL) {
    napi_value undefined, argv[2] = {number(env, r->id), integer(env, r->result)};
    napi_status status = napi_get_undefined(env, &undefined);
    if (status == napi_ok) status = napi_call_function(env, undefined, callback, 2, argv, NULL);
    after_callback(env, status);
  }
  free(r);
}

/* On the loop's own thread, outside JavaScript. */
static void call_back(void *owner, double id, int result) {
  environment *e = owner;
  napi_handle_scope scope;
  napi_value global, callback;
  if (e->ended || napi_open_handle_scope(e->env, &scope) != napi_ok) return;
  if (napi_get_global(e->env, &global) == napi_ok && napi_get_reference_value(e->env, e->on_wait_end, &callback) == napi_ok) {
    napi_value argv[2] = {number(e->env, id), integer(e->env, result)};
    /* It also runs what was queued for the next tick, and all that awaited the wait: any of it may throw. */
    after_callback(e->env, napi_make_callback(e->env, NULL, global, callback, 2, argv, NULL));
  }
  napi_close_handle_scope(e->env, scope);
}

static void close_everything(environment *e) {
  e->ended = true;
  for (int i = 0; i < e->room; i++) {
    if (e->handles[i].o != NULL) release_handle(e->env, &e->handles[i]);
  }
  free(e->handles);
  e->handles = NULL;
  e->room = 0;
  /* e itself stays: a late call of an engine that is shutting down finds an empty table instead of freed memory. */
}

/* Before the function that reports is gone. */
static void on_reports_end(void *data) {
  environment *e = data;
  e->ended = true;
  waiter_drop_owner(e);
}

static void on_environment_end(void *data) { close_everything(data); }

static void on_loop_waiter_ended(void *data) {
  environment *e = data;
  node.remove_cleanup(e->leaving);
}

static void on_loop_waiter_unwanted(void *data) { (void)data; }

static void on_loop_end(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;
  environment *e = data;
  loop_waiter *l = e->loop;
  e->loop = NULL;
  e->ended = true;
  loop_waiter_end(l, on_loop_waiter_ended, e);
}

static bool wait_on_loop(napi_env env, environment *e, napi_value callback) {
  struct uv_loop_s *loop;
  if (!find_on_loop() || node.get_loop(env, &loop) != napi_ok) return false;
  if (napi_create_reference(env, callback, 1, &e->on_wait_end) != napi_ok) return false;
  e->loop = loop_waiter_new(loop, e, call_back);
  if (e->loop == NULL || node.add_cleanup(env, on_loop_end, e, &e->leaving) != napi_ok) {
    if (e->loop != NULL) loop_waiter_end(e->loop, on_loop_waiter_unwanted, e);
    e->loop = NULL;
    napi_delete_reference(env, e->on_wait_end);
    return false;
  }
  return true;
}

static bool wait_on_threads(napi_env env, environment *e, napi_value callback) {
  napi_value name;
  if (napi_create_string_utf8(env, "memlane waits", NAPI_AUTO_LENGTH, &name) != napi_ok) return false;
  if (napi_create_threadsafe_function(env, callback, NULL, name, 0, 1, NULL, NULL, NULL, deliver, &e->reports) != napi_ok) return false;
  /* Registered after the function's own hook, so it runs before it: no report can come once the function is gone. */
  if (napi_unref_threadsafe_function(env, e->reports) == napi_ok && napi_add_env_cleanup_hook(env, on_reports_end, e) == napi_ok) return true;
  napi_release_threadsafe_function(e->reports, napi_tsfn_abort);
  e->reports = NULL;
  return false;
}

/* onWaitEnd(callback(id, result), on the event loop if it can be): once per environment, before the first waitStart.
 * 1: on the event loop, 0: by the waiter threads. */
static napi_value f_on_wait_end(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  bool on_loop;
  if (e->reports != NULL || e->loop != NULL) return integer(env, FAILED_EXISTS);
  if (napi_get_value_bool(env, argv[1], &on_loop) != napi_ok) return integer(env, FAILED_INVALID);
  if (on_loop && wait_on_loop(env, e, argv[0])) return integer(env, 1);
  if (take_exception(env) != NULL || !wait_on_threads(env, e, argv[0])) return integer(env, FAILED_NO_MEMORY);
  return integer(env, 0);
}

/* waitStart(handle, offset, expected, timeout, watch, id): the place to name when it is cancelled. */
static napi_value f_wait_start(napi_env env, napi_callback_info info) {
  ARGUMENTS(6);
  wait_arguments w;
  double id;
  if ((e->reports == NULL && e->loop == NULL) || e->ended || !get_wait(env, e, argv, &w) || napi_get_value_double(env, argv[5], &id) != napi_ok) return integer(env, FAILED_INVALID);
  int handle = (int)(w.h - e->handles);
  if (e->loop != NULL) return integer(env, loop_waiter_add(e->loop, id, handle, w.h->m, w.word, w.expected, w.timeout, w.watched, w.watch_byte));
  return integer(env, waiter_add(e, post_report, id, handle, w.h->m, w.word, w.expected, w.timeout, w.watched, w.watch_byte));
}

static napi_value f_wait_cancel(napi_env env, napi_callback_info info) {
  ARGUMENTS(2);
  double id;
  int32_t place;
  if (napi_get_value_double(env, argv[0], &id) != napi_ok || napi_get_value_int32(env, argv[1], &place) != napi_ok) return integer(env, FAILED_INVALID);
  if (e->loop != NULL) return integer(env, loop_waiter_cancel(e->loop, id, place) ? 1 : 0);
  return integer(env, waiter_cancel(e, id, place) ? 1 : 0);
}

static napi_value f_fence(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  atomic_thread_fence(memory_order_seq_cst);
  return NULL;
}

/* Whoever was woken on this processor runs now, not when this thread has used up its time. */
static napi_value f_give_way(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  give_way();
  return NULL;
}

/* ---- identity */

static napi_value f_place(napi_env env, napi_callback_info info) {
  NO_ARGUMENTS(info);
  napi_value text;
  return napi_create_string_utf8(env, object_place(), NAPI_AUTO_LENGTH, &text) == napi_ok ? text : NULL;
}

static napi_value f_process_start(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  (void)e;
  uint64_t pid;
  return number(env, get_u64(env, argv[0], &pid) ? process_start((int64_t)pid) : 0);
}

static napi_value f_process_namespace(napi_env env, napi_callback_info info) {
  NO_ARGUMENTS(info);
  return number(env, process_namespace());
}

/* bootId(a Uint8Array of 16 bytes) */
static napi_value f_boot_id(napi_env env, napi_callback_info info) {
  ARGUMENTS(1);
  (void)e;
  napi_typedarray_type type;
  size_t length;
  void *data;
  if (napi_get_typedarray_info(env, argv[0], &type, &length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array || length < 16)
    return integer(env, FAILED_INVALID);
  boot_id(data);
  return integer(env, 0);
}

/* ---- the module */

static bool define(napi_env env, napi_value exports, const char *name, napi_callback callback, environment *e) {
  napi_value function;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, e, &function) == napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

static bool constant(napi_env env, napi_value object, const char *name, double value) {
  napi_value v = number(env, value);
  return v != NULL && napi_set_named_property(env, object, name, v) == napi_ok;
}

/* What the module exports. */
static const struct {
  const char *name;
  napi_callback callback;
} functions[] = {
  {"open", f_open},
  {"unlink", f_unlink},
  {"publish", f_publish},
  {"stat", f_stat},
  {"statName", f_stat_name},
  {"space", f_space},
  {"list", f_list},
  {"truncate", f_truncate},
  {"commit", f_commit},
  {"map", f_map},
  {"faultSlot", f_fault_slot},
  {"faultWords", f_fault_words},
  {"close", f_close},
  {"lockByte", f_lock_byte},
  {"unlockByte", f_unlock_byte},
  {"byteHeld", f_byte_held},
  {"wake", f_wake},
  {"wait", f_wait},
  {"onWaitEnd", f_on_wait_end},
  {"waitStart", f_wait_start},
  {"waitCancel", f_wait_cancel},
  {"fence", f_fence},
  {"giveWay", f_give_way},
  {"place", f_place},
  {"processStart", f_process_start},
  {"processNamespace", f_process_namespace},
  {"bootId", f_boot_id},
};

#define CONSTANT(name) {#name, name}
static const struct {
  const char *name;
  double value;
} constants[] = {
  CONSTANT(OPEN_READ_ONLY),
  CONSTANT(OPEN_CREATE),
  CONSTANT(OPEN_EXCLUSIVE),
  CONSTANT(FAILED_FORBIDDEN),
  CONSTANT(FAILED_NOT_PERMITTED),
  CONSTANT(FAILED_NOT_FOUND),
  CONSTANT(FAILED_DEVICE),
  CONSTANT(FAILED_IS_DEVICE),
  CONSTANT(FAILED_NOT_A_FILE),
  CONSTANT(FAILED_BUSY),
  CONSTANT(FAILED_NO_MEMORY),
  CONSTANT(FAILED_EXISTS),
  CONSTANT(FAILED_IS_FOLDER),
  CONSTANT(FAILED_INVALID),
  CONSTANT(FAILED_NO_MORE_HANDLES),
  CONSTANT(FAILED_NO_HANDLES),
  CONSTANT(FAILED_TOO_LARGE),
  CONSTANT(FAILED_NO_SPACE),
  CONSTANT(FAILED_READ_ONLY),
  CONSTANT(FAILED_NAME_TOO_LONG),
  CONSTANT(FAILED_NO_LOCKS),
  CONSTANT(FAILED_IS_LINK),
  CONSTANT(FAILED_UNSUPPORTED),
  CONSTANT(FAILED_QUOTA),
  CONSTANT(FAILED_SYSTEM),
  CONSTANT(WAIT_WOKEN),
  CONSTANT(WAIT_CHANGED),
  CONSTANT(WAIT_TIMED_OUT),
  CONSTANT(WAIT_DEAD),
  CONSTANT(WAIT_CLOSED),
  CONSTANT(WATCH_SLICE_MS),
  CONSTANT(RELOOK_MS),
  CONSTANT(MAX_MAPPINGS),
  CONSTANT(STAT_SIZE),
  CONSTANT(STAT_COMMITTED),
  CONSTANT(STAT_UID),
  CONSTANT(STAT_GID),
  CONSTANT(STAT_MODE),
  CONSTANT(STAT_LINKS),
  CONSTANT(STAT_INODE),
  CONSTANT(STAT_DEVICE),
  CONSTANT(STAT_CHANGED_MS),
  CONSTANT(STAT_FIELDS),
  CONSTANT(SPACE_TOTAL),
  CONSTANT(SPACE_AVAILABLE),
  CONSTANT(SPACE_INODES),
  CONSTANT(SPACE_INODES_FREE),
  CONSTANT(SPACE_TYPE),
  CONSTANT(SPACE_FIELDS),
};

static bool fill(napi_env env, napi_value exports, environment *e) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (!define(env, exports, functions[i].name, functions[i].callback, e)) return false;
  napi_value layout;
  if (napi_create_object(env, &layout) != napi_ok) return false;
  for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
    if (!constant(env, layout, constants[i].name, constants[i].value)) return false;
  return napi_set_named_property(env, exports, "layout", layout) == napi_ok;
}

static bool has_global(napi_env env, const char *name) {
  napi_value global;
  bool there = false;
  return napi_get_global(env, &global) == napi_ok && napi_has_named_property(env, global, name, &there) == napi_ok && there;
}

NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  stay_loaded(); /* a worker that was the only one to load the addon would unload it at its end */
  environment *e = calloc(1, sizeof *e);
  if (e != NULL) *e = (environment){.env = env, .buffers_end = has_global(env, "Deno") ? NEVER_ENDS : has_global(env, "Bun") ? BY_A_HOOK : BY_A_BUFFER};
  /* First, so that it runs last: whatever way the environment takes to its end, its descriptors and locks are given back. */
  if (e == NULL || napi_add_env_cleanup_hook(env, on_environment_end, e) != napi_ok || !fill(env, exports, e)) {
    /* What was defined refers to e, which therefore stays. */
    if (take_exception(env) == NULL) napi_throw_error(env, NULL, "the runtime has no memory for the addon's functions");
    return NULL;
  }
  return exports;
}

NAPI_MODULE_EXPORT int32_t node_api_module_get_api_version_v1(void) { return 8; }
