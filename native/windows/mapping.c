/* native: mappings on Windows.
 *
 * What platform.h promises of close(), zero pages in the very place of the object's, needs placeholders (Windows 10, version 1803):
 * a range that stays reserved between two uses. Where there are none, somebody else may take the addresses in between; then a
 * late access of the runtime faults, as it would have without us.
 *
 * Pages of a closed mapping are reserved, and come to be at the first touch: a vectored handler looks at faults in our ranges and
 * at no others. The same handler meets a page that cannot be had (EXCEPTION_IN_PAGE_ERROR: a full disk under a hole, a disk that
 * failed): zeros take the place of the whole view, the mapping's fault word counts it, and the access finishes. Nobody can cut a
 * file that is mapped, so there is no fault for that. */
#include "system.h"

#include <stdlib.h>

#ifndef MEM_RESERVE_PLACEHOLDER
#define MEM_RESERVE_PLACEHOLDER 0x00040000
#endif
#ifndef MEM_REPLACE_PLACEHOLDER
#define MEM_REPLACE_PLACEHOLDER 0x00004000
#endif
#ifndef MEM_PRESERVE_PLACEHOLDER
#define MEM_PRESERVE_PLACEHOLDER 0x00000002
#endif

static PVOID(WINAPI *virtual_alloc2)(HANDLE, PVOID, SIZE_T, ULONG, ULONG, void *, ULONG);
static PVOID(WINAPI *map_view3)(HANDLE, HANDLE, PVOID, ULONG64, SIZE_T, ULONG, ULONG, void *, ULONG);
static BOOL(WINAPI *unmap_view2)(HANDLE, PVOID, ULONG);

/* ---- the table that the handler reads: a range is published by its end and withdrawn by it */

enum { OPEN, REPLACING, CLOSED };

typedef struct range {
  volatile uintptr_t start, end; /* end 0: unused; 1: reserved, no address yet */
  volatile LONG state;
} range;

static range ranges[MAX_MAPPINGS];
static uint32_t faults[MAX_MAPPINGS];
static SRWLOCK guard = SRWLOCK_INIT;
static uint32_t next_range;

uint32_t *fault_words(void) { return faults; }

static size_t page_size(void) {
  static size_t known;
  if (known == 0) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    known = info.dwPageSize;
  }
  return known;
}

static size_t whole_pages(size_t length) { return (length + page_size() - 1) & ~(page_size() - 1); }

/* Reserved pages in place of the object's. */
static bool lay_zeros(unsigned char *address, size_t length, bool placeholder) {
  if (placeholder) {
    if (!unmap_view2(GetCurrentProcess(), address, MEM_PRESERVE_PLACEHOLDER)) return false;
    return virtual_alloc2(GetCurrentProcess(), address, length, MEM_RESERVE | MEM_REPLACE_PLACEHOLDER, PAGE_READWRITE, NULL, 0) != NULL;
  }
  return UnmapViewOfFile(address) && VirtualAlloc(address, length, MEM_RESERVE, PAGE_READWRITE) == address;
}

static bool mend(uintptr_t at, DWORD code) {
  for (uint32_t i = 0; i < MAX_MAPPINGS; i++) {
    range *r = &ranges[i];
    uintptr_t end = __atomic_load_n(&r->end, __ATOMIC_ACQUIRE);
    if (end <= 1 || at >= end || at < r->start) continue;
    LONG state = __atomic_load_n(&r->state, __ATOMIC_ACQUIRE);
    if (state == CLOSED) return VirtualAlloc((void *)(at & ~(uintptr_t)(page_size() - 1)), page_size(), MEM_COMMIT, PAGE_READWRITE) != NULL;
    if (state == REPLACING) {
      SwitchToThread(); /* then the access is tried again */
      return true;
    }
    if (code != (DWORD)EXCEPTION_IN_PAGE_ERROR) return false;
    if (InterlockedCompareExchange(&r->state, REPLACING, OPEN) != OPEN) return true;
    __atomic_fetch_add(&faults[i], 1, __ATOMIC_SEQ_CST);
    bool laid = lay_zeros((unsigned char *)r->start, end - r->start, virtual_alloc2 != NULL);
    __atomic_store_n(&r->state, laid ? CLOSED : OPEN, __ATOMIC_RELEASE);
    return laid;
  }
  return false;
}

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *e) {
  DWORD code = e->ExceptionRecord->ExceptionCode;
  if ((code != (DWORD)EXCEPTION_IN_PAGE_ERROR && code != (DWORD)EXCEPTION_ACCESS_VIOLATION) || e->ExceptionRecord->NumberParameters < 2)
    return EXCEPTION_CONTINUE_SEARCH;
  DWORD error = GetLastError();
  bool mended = mend((uintptr_t)e->ExceptionRecord->ExceptionInformation[1], code);
  SetLastError(error);
  return mended ? EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH;
}

static BOOL CALLBACK prepare(PINIT_ONCE once, void *parameter, void **context) {
  (void)once;
  (void)parameter;
  (void)context;
  HMODULE base = GetModuleHandleW(L"kernelbase.dll");
  void *found[] = {(void *)(uintptr_t)GetProcAddress(base, "VirtualAlloc2"), (void *)(uintptr_t)GetProcAddress(base, "MapViewOfFile3"),
                   (void *)(uintptr_t)GetProcAddress(base, "UnmapViewOfFile2")};
  if (found[0] != NULL && found[1] != NULL && found[2] != NULL) {
    map_view3 = (PVOID(WINAPI *)(HANDLE, HANDLE, PVOID, ULONG64, SIZE_T, ULONG, ULONG, void *, ULONG))(uintptr_t)found[1];
    unmap_view2 = (BOOL(WINAPI *)(HANDLE, PVOID, ULONG))(uintptr_t)found[2];
    virtual_alloc2 = (PVOID(WINAPI *)(HANDLE, PVOID, SIZE_T, ULONG, ULONG, void *, ULONG))(uintptr_t)found[0];
  }
  AddVectoredExceptionHandler(1, on_exception);
  return TRUE;
}

/* ---- opening */

static int reserve_range(uint32_t *slot) {
  AcquireSRWLockExclusive(&guard);
  int result = FAILED_NO_HANDLES;
  for (uint32_t tried = 0; tried < MAX_MAPPINGS && result < 0; tried++) {
    uint32_t i = (next_range + tried) % MAX_MAPPINGS;
    if (ranges[i].end != 0) continue;
    next_range = i + 1;
    faults[i] = 0;
    ranges[i].end = 1;
    *slot = i;
    result = 0;
  }
  ReleaseSRWLockExclusive(&guard);
  return result;
}

static int map(object *o, uint64_t offset, size_t length, view *v) {
  HANDLE section = CreateFileMappingW(o->file, NULL, v->shared.read_only ? PAGE_WRITECOPY : PAGE_READWRITE, 0, 0, NULL);
  if (section == NULL) return GetLastError() == ERROR_FILE_INVALID ? FAILED_INVALID : failed(GetLastError());
  void *address = NULL;
  if (virtual_alloc2 != NULL) {
    void *place = virtual_alloc2(GetCurrentProcess(), NULL, whole_pages(length), MEM_RESERVE | MEM_RESERVE_PLACEHOLDER, PAGE_NOACCESS, NULL, 0);
    if (place != NULL) {
      ULONG protection = v->shared.read_only ? PAGE_WRITECOPY : PAGE_READWRITE;
      address = map_view3(section, GetCurrentProcess(), place, offset, whole_pages(length), MEM_REPLACE_PLACEHOLDER, protection, NULL, 0);
      v->placeholder = address != NULL;
      if (address == NULL) VirtualFree(place, 0, MEM_RELEASE);
    }
  }
  if (address == NULL)
    address = MapViewOfFile(section, v->shared.read_only ? FILE_MAP_COPY : FILE_MAP_READ | FILE_MAP_WRITE, (DWORD)(offset >> 32), (DWORD)offset, length);
  int result = address == NULL ? failed(GetLastError()) : 0;
  CloseHandle(section);
  v->shared.address = address;
  return result;
}

int mapping_open(object *o, uint64_t offset, size_t length, bool read_only, unsigned char *place, mapping **out) {
  static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
  InitOnceExecuteOnce(&once, prepare, NULL, NULL);
  if (length == 0 || offset % page_size() != 0) return FAILED_INVALID;
  if (place != NULL) return FAILED_UNSUPPORTED;
  LARGE_INTEGER size;
  if (!GetFileSizeEx(o->file, &size)) return failed(GetLastError());
  if (offset + length > (uint64_t)size.QuadPart) return FAILED_INVALID;
  view *v = calloc(1, sizeof *v);
  if (v == NULL) return FAILED_NO_MEMORY;
  v->shared.length = length;
  v->shared.read_only = read_only;
  v->users = 1;
  int result = reserve_range(&v->shared.fault_slot);
  if (result < 0) {
    free(v);
    return result;
  }
  range *r = &ranges[v->shared.fault_slot];
  result = map(o, offset, length, v);
  if (result < 0) {
    __atomic_store_n(&r->end, 0, __ATOMIC_RELEASE);
    free(v);
    return result;
  }
  r->state = OPEN;
  r->start = (uintptr_t)v->shared.address;
  __atomic_store_n(&r->end, r->start + whole_pages(length), __ATOMIC_RELEASE);
  file_id id;
  if (!read_only && file_identity(o->file, &id)) v->sleepers = sleepers_open(&id);
  *out = &v->shared;
  return 0;
}

/* ---- closing */

void mapping_retain(mapping *m) { InterlockedIncrement(&((view *)m)->users); }

void mapping_close(mapping *m, object *o) {
  (void)o;
  view *v = (view *)m;
  range *r = &ranges[m->fault_slot];
  while (InterlockedCompareExchange(&r->state, REPLACING, OPEN) == REPLACING) SwitchToThread();
  if (r->state == REPLACING) {
    bool laid = lay_zeros(m->address, whole_pages(m->length), v->placeholder);
    __atomic_store_n(&r->state, laid ? CLOSED : OPEN, __ATOMIC_RELEASE);
  }
  v->closed = true;
}

void mapping_release(mapping *m) {
  view *v = (view *)m;
  if (InterlockedDecrement(&v->users) > 0) return;
  range *r = &ranges[m->fault_slot];
  if (v->lent) {
    /* The addresses stay, and so does their entry: zeros come at the first touch. */
    if (!v->closed) mapping_close(m, NULL);
  } else {
    LONG state = r->state;
    /* First out of the handler's table: once unmapped, the addresses may be anybody's. */
    __atomic_store_n(&r->end, 0, __ATOMIC_RELEASE);
    if (state == CLOSED) VirtualFree(m->address, 0, MEM_RELEASE);
    else UnmapViewOfFile(m->address);
  }
  if (v->sleepers != NULL) sleepers_release(v->sleepers);
  free(v);
}
