/* native: who a process is, on Windows; and what else the binding asks of the process. */
#include "system.h"

#include <string.h>

double process_start(int64_t pid) {
  if (pid <= 0 || pid > UINT32_MAX) return 0;
  HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)pid);
  if (process == NULL) return 0;
  FILETIME start, end, kernel, user;
  double result = 0;
  DWORD code = 0;
  if (GetProcessTimes(process, &start, &end, &kernel, &user) && GetExitCodeProcess(process, &code) && code == STILL_ACTIVE)
    result = (double)(((uint64_t)start.dwHighDateTime << 32 | start.dwLowDateTime) / 10000); /* milliseconds since 1601 */
  CloseHandle(process);
  return result;
}

double process_namespace(void) { return 0; }

/* The page that the kernel shares with every process has the number of this start of the machine. */
#define SHARED_DATA 0x7FFE0000u
#define BOOT_NUMBER 0x2C4

void boot_id(unsigned char out[16]) {
  memset(out, 0, 16);
  uint32_t number = *(volatile uint32_t *)(uintptr_t)(SHARED_DATA + BOOT_NUMBER);
  memcpy(out, "boot", 4);
  memcpy(out + 4, &number, sizeof number);
}

void give_way(void) { SwitchToThread(); }

void stay_loaded(void) {
  HMODULE self;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN, (LPCWSTR)(void *)&stay_loaded, &self);
}

void *host_function(const char *name) {
  void *found = (void *)(uintptr_t)GetProcAddress(GetModuleHandleW(NULL), name);
  /* Some programs keep Node.js in a library. */
  HMODULE library = found == NULL ? GetModuleHandleW(L"libnode.dll") : NULL;
  if (library != NULL) found = (void *)(uintptr_t)GetProcAddress(library, name);
  return found;
}


