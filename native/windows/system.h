/* native: what the files of windows/ share. */
#ifndef MEMLANE_WINDOWS_SYSTEM_H
#define MEMLANE_WINDOWS_SYSTEM_H

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#include <windows.h>

#include "../layout.h"
#include "../platform.h"

/* Liveness locks that one opening of an object holds: a participant's, and the creation lock for a while. */
#define HELD_LOCKS 8

struct object {
  HANDLE file;
  bool read_only;
  SRWLOCK guard;
  uint32_t held_count;
  uint64_t held[HELD_LOCKS];
};

/* What identifies the file behind an object, whatever its name. */
typedef struct file_id {
  uint64_t volume, index;
} file_id;

bool file_identity(HANDLE file, file_id *out);

/* One of the FAILED_ numbers for an error of the system. */
int failed(DWORD error);

/* Who sleeps on words of one object, in all processes of the session. */
typedef struct sleepers sleepers;
sleepers *sleepers_open(const file_id *id);
void sleepers_retain(sleepers *s);
void sleepers_release(sleepers *s);

/* One mapping. `shared` comes first: that is what a platform.h mapping points to. */
typedef struct view {
  mapping shared;
  sleepers *sleepers; /* NULL: read-only, or no room for one */
  volatile LONG users;
  bool lent, closed, placeholder;
} view;

/* Of a clock that only goes on. */
double now_ms(void);
/* When so many milliseconds are over; INFINITY, which is never, below 0. */
double deadline_ms(double timeout_ms);

/* ---- sleepers: wait.c */

#define NO_ENTRY UINT32_MAX
/* An event that wakers in every process can find. */
typedef struct bell {
  HANDLE event;
  uint32_t number;
} bell;
bool bell_make(bell *b);
/* Enters who waits on the word at an offset: an entry, or NO_ENTRY when the table is full. */
uint32_t sleepers_enter(sleepers *s, uint64_t offset, const bell *b);
bool sleepers_is_woken(const sleepers *s, uint32_t entry);
/* Leaves the table. true: a wake had come. */
bool sleepers_leave(sleepers *s, uint32_t entry);
int sleepers_wake(sleepers *s, uint64_t offset, int count);

#endif
