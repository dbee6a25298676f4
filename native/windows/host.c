/* native: the functions of Node-API on Windows, found in whatever program loads the addon. An ordinary import would name node.exe,
 * and Bun, Deno and whoever renames their program would not find them. The headers call them through pointers of these names, as
 * they do everything that comes from another file. */
#include <stdint.h>

#include "system.h"

#define FUNCTIONS(_)                                                                                                     \
  _(napi_add_env_cleanup_hook) _(napi_call_function) _(napi_call_threadsafe_function) _(napi_close_handle_scope)         \
  _(napi_create_array) _(napi_create_double) _(napi_create_external_arraybuffer) _(napi_create_function)                 \
  _(napi_create_int32) _(napi_create_object) _(napi_create_reference) _(napi_create_string_utf8)                         \
  _(napi_create_threadsafe_function) _(napi_delete_reference) _(napi_fatal_exception) _(napi_get_and_clear_last_exception) \
  _(napi_get_cb_info) _(napi_get_global) _(napi_get_reference_value) _(napi_get_typedarray_info) _(napi_get_undefined)   \
  _(napi_get_value_bool) _(napi_get_value_double) _(napi_get_value_int32) _(napi_get_value_string_utf8)                  \
  _(napi_get_value_uint32) _(napi_release_threadsafe_function) _(napi_is_exception_pending) _(napi_make_callback)            \
  _(napi_open_handle_scope) _(napi_throw_error) _(napi_set_element) _(napi_set_named_property)               \
  _(napi_has_named_property)                                                                                             \
  _(napi_is_detached_arraybuffer) _(napi_remove_env_cleanup_hook) _(napi_typeof) _(napi_unref_threadsafe_function)

#define DEFINE(name) void *__imp_##name;
FUNCTIONS(DEFINE)

BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, void *reserved) {
  (void)self;
  (void)reserved;
  if (reason != DLL_PROCESS_ATTACH) return TRUE;
#define FIND(name) \
  if ((__imp_##name = host_function(#name)) == NULL) return FALSE;
  FUNCTIONS(FIND)
  return TRUE;
}
