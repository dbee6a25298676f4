/* native: who a process is, on Linux; and what else the binding asks of the process. Where /proc is hidden, nothing is known. */
#include "system.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_text(const char *path, char *out, size_t room) {
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  size_t length = fread(out, 1, room - 1, file);
  fclose(file);
  out[length] = 0;
  return length > 0;
}

/* Clock ticks since the machine started. */
double process_start(int64_t pid) {
  char path[40], text[1024];
  snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
  if (pid <= 0 || !read_text(path, text, sizeof text)) return 0;
  /* The second field is the program's name in brackets and may hold anything: count from the last bracket. */
  char *at = strrchr(text, ')');
  for (int field = 2; at != NULL && field < 22; field++) at = strchr(at + 1, ' ');
  return at == NULL ? 0 : strtod(at, NULL);
}

double process_namespace(void) {
  char text[64];
  ssize_t length = readlink("/proc/self/ns/pid", text, sizeof text - 1);
  if (length <= 0) return 0;
  text[length] = 0;
  const char *number = strchr(text, '[');
  return number == NULL ? 0 : strtod(number + 1, NULL);
}

void boot_id(unsigned char out[16]) {
  char text[64];
  memset(out, 0, 16);
  if (!read_text("/proc/sys/kernel/random/boot_id", text, sizeof text)) return;
  size_t digits = 0;
  for (const char *c = text; *c != 0 && digits < 32; c++) {
    int value = *c >= '0' && *c <= '9' ? *c - '0' : *c >= 'a' && *c <= 'f' ? *c - 'a' + 10 : -1;
    if (value < 0) continue;
    out[digits / 2] = (unsigned char)(out[digits / 2] << 4 | value);
    digits++;
  }
}

void give_way(void) { sched_yield(); }

void stay_loaded(void) {
  Dl_info self;
  if (dladdr((void *)(uintptr_t)&stay_loaded, &self) != 0) (void)dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

void *host_function(const char *name) { return dlsym(RTLD_DEFAULT, name); }
