/* native: waits across processes on Windows, whose own WaitOnAddress ends at the process.
 *
 * Beside each object that is mapped lies a table of who sleeps on its words: a section of the page file, named after the file's
 * identity, which is gone with the last process that has the object mapped; nobody sleeps then.
 *
 *            0        4        8        12       16                24
 *            +--------+--------+--------+--------+-----------------+
 *  header    | high   | unused                                     |   entries from here on that were ever used
 *  entry i   | state  | pid    | number | unused | offset of word  |   ENTRY = 24
 *            +--------+--------+--------+--------+-----------------+
 *
 * state    FREE → CLAIMED → WAITING → FREE, or WAITING → WOKEN → FREE. The waker alone makes it WOKEN, all the rest is the
 *          sleeper's. pid and number name the sleeper's event, and are written in CLAIMED.
 *
 * SYNC: "who changes the word sees who waits for it": the sleeper enters, then looks at the word; the waker changes the word, then
 * looks at the table; both with full fences between, so one of the two sees the other.
 *
 * Crash windows: a sleeper that is killed leaves its entry, which may take one wake with it; every sleeper looks at its word again
 * after RELOOK_MS. Entries of dead processes are freed when the table is full. Where it stays full, or where two sessions of one
 * user share an object (their names for events differ), sleepers look every millisecond, or wake by looking again. */
#include "system.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FREE, CLAIMED, WAITING, WOKEN };

typedef struct entry {
  volatile LONG state;
  volatile uint32_t pid, number, unused;
  volatile uint64_t offset;
} entry;

#define ENTRIES 5400

typedef struct table {
  volatile LONG high;
  uint32_t unused[5];
  entry entries[ENTRIES];
} table;

_Static_assert(sizeof(entry) == 24 && sizeof(table) == 24 + 24 * ENTRIES, "one layout for every process");

struct sleepers {
  struct sleepers *next;
  file_id id;
  HANDLE section;
  table *table;
  uint32_t users;
  volatile LONG hint; /* no entry below is free, as far as this process knows */
};

static SRWLOCK guard = SRWLOCK_INIT;
static sleepers *all;

/* ---- time */

double now_ms(void) {
  static LARGE_INTEGER frequency;
  LARGE_INTEGER now;
  if (frequency.QuadPart == 0) QueryPerformanceFrequency(&frequency);
  QueryPerformanceCounter(&now);
  return (double)now.QuadPart * 1e3 / (double)frequency.QuadPart;
}

double deadline_ms(double timeout_ms) { return timeout_ms < 0 ? INFINITY : now_ms() + timeout_ms; }

/* ---- tables */

sleepers *sleepers_open(const file_id *id) {
  AcquireSRWLockExclusive(&guard);
  sleepers *s = all;
  while (s != NULL && (s->id.volume != id->volume || s->id.index != id->index)) s = s->next;
  if (s != NULL) {
    s->users++;
  } else if ((s = calloc(1, sizeof *s)) != NULL) {
    wchar_t name[80];
    swprintf(name, 80, L"Local\\memlane-sleepers-%llx-%llx", (unsigned long long)id->volume, (unsigned long long)id->index);
    s->section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof(table), name);
    s->table = s->section == NULL ? NULL : MapViewOfFile(s->section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, sizeof(table));
    if (s->table == NULL) {
      if (s->section != NULL) CloseHandle(s->section);
      free(s);
      s = NULL;
    } else {
      s->id = *id;
      s->users = 1;
      s->next = all;
      all = s;
    }
  }
  ReleaseSRWLockExclusive(&guard);
  return s;
}

void sleepers_retain(sleepers *s) {
  AcquireSRWLockExclusive(&guard);
  s->users++;
  ReleaseSRWLockExclusive(&guard);
}

void sleepers_release(sleepers *s) {
  AcquireSRWLockExclusive(&guard);
  if (--s->users == 0) {
    sleepers **p = &all;
    while (*p != s) p = &(*p)->next;
    *p = s->next;
    UnmapViewOfFile(s->table);
    CloseHandle(s->section);
    free(s);
  }
  ReleaseSRWLockExclusive(&guard);
}

/* ---- bells */

static void bell_name(wchar_t name[64], uint32_t pid, uint32_t number) { swprintf(name, 64, L"Local\\memlane-bell-%lx-%lx", (unsigned long)pid, (unsigned long)number); }

bool bell_make(bell *b) {
  static volatile LONG count;
  wchar_t name[64];
  b->number = (uint32_t)InterlockedIncrement(&count);
  bell_name(name, GetCurrentProcessId(), b->number);
  b->event = CreateEventW(NULL, FALSE, FALSE, name);
  return b->event != NULL;
}

/* Events of others that were rung before. A handle keeps the event of a process that has ended: whoever gets that pid later
 * opens the same event by its name. */
#define KNOWN_BELLS 256
static struct {
  uint32_t pid, number;
  HANDLE event;
} known[KNOWN_BELLS];
static SRWLOCK known_guard = SRWLOCK_INIT;

static void ring(uint32_t pid, uint32_t number) {
  uint32_t i = (pid * 31 + number) % KNOWN_BELLS;
  AcquireSRWLockExclusive(&known_guard);
  if (known[i].event == NULL || known[i].pid != pid || known[i].number != number) {
    wchar_t name[64];
    bell_name(name, pid, number);
    HANDLE event = OpenEventW(EVENT_MODIFY_STATE, FALSE, name);
    if (event != NULL) {
      if (known[i].event != NULL) CloseHandle(known[i].event);
      known[i].pid = pid;
      known[i].number = number;
      known[i].event = event;
    }
  }
  if (known[i].event != NULL && known[i].pid == pid && known[i].number == number) SetEvent(known[i].event);
  ReleaseSRWLockExclusive(&known_guard);
}

/* ---- entries */

static bool is_alive(uint32_t pid) {
  if (pid == GetCurrentProcessId()) return true;
  HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, pid);
  if (process == NULL) return GetLastError() != ERROR_INVALID_PARAMETER;
  bool alive = WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
  CloseHandle(process);
  return alive;
}

static void free_dead(sleepers *s) {
  uint32_t last = 0;
  bool alive = true;
  for (LONG i = 0; i < ENTRIES; i++) {
    entry *e = &s->table->entries[i];
    LONG state = e->state;
    if (state == FREE) continue;
    uint32_t pid = e->pid;
    if (pid != last) alive = is_alive(pid);
    last = pid;
    if (!alive && InterlockedCompareExchange(&e->state, FREE, state) == state && i < s->hint) s->hint = i;
  }
}

static uint32_t claim(sleepers *s) {
  LONG start = s->hint;
  for (LONG n = 0; n < ENTRIES; n++) {
    LONG i = (start + n) % ENTRIES;
    if (s->table->entries[i].state != FREE || InterlockedCompareExchange(&s->table->entries[i].state, CLAIMED, FREE) != FREE) continue;
    s->hint = i + 1 < ENTRIES ? i + 1 : 0;
    for (LONG high = s->table->high; high <= i; high = s->table->high) InterlockedCompareExchange(&s->table->high, i + 1, high);
    return (uint32_t)i;
  }
  return NO_ENTRY;
}

uint32_t sleepers_enter(sleepers *s, uint64_t offset, const bell *b) {
  if (s == NULL) return NO_ENTRY;
  uint32_t i = claim(s);
  if (i == NO_ENTRY) {
    free_dead(s);
    i = claim(s);
  }
  if (i == NO_ENTRY) return NO_ENTRY;
  entry *e = &s->table->entries[i];
  e->pid = GetCurrentProcessId();
  e->number = b->number;
  e->offset = offset;
  InterlockedExchange(&e->state, WAITING); /* SYNC: "who changes the word sees who waits for it" */
  return i;
}

bool sleepers_is_woken(const sleepers *s, uint32_t i) { return i != NO_ENTRY && __atomic_load_n(&s->table->entries[i].state, __ATOMIC_SEQ_CST) == WOKEN; }

bool sleepers_leave(sleepers *s, uint32_t i) {
  if (i == NO_ENTRY) return false;
  bool woken = InterlockedExchange(&s->table->entries[i].state, FREE) == WOKEN;
  if ((LONG)i < s->hint) s->hint = (LONG)i;
  return woken;
}

int sleepers_wake(sleepers *s, uint64_t offset, int count) {
  int woken = 0;
  MemoryBarrier(); /* SYNC: "who changes the word sees who waits for it" */
  LONG high = s->table->high;
  for (LONG i = 0; i < high && i < ENTRIES && woken < count; i++) {
    entry *e = &s->table->entries[i];
    if (e->state != WAITING || e->offset != offset || InterlockedCompareExchange(&e->state, WOKEN, WAITING) != WAITING) continue;
    /* Whose entry it was may have seen it and gone: then this rings for its next owner, who looks and sleeps on. */
    ring(e->pid, e->number);
    woken++;
  }
  return woken;
}

/* ---- blocking waits */

static uint64_t offset_of(const mapping *m, const uint32_t *word) { return (uint64_t)((const unsigned char *)word - m->address); }

int word_wake(mapping *m, uint32_t *word, int count) {
  view *v = (view *)m;
  return v->sleepers == NULL ? 0 : sleepers_wake(v->sleepers, offset_of(m, word), count);
}

/* Bells of waits that are over, for the next ones. */
static bell spare[64];
static uint32_t spares;
static SRWLOCK spares_guard = SRWLOCK_INIT;

static bool take_bell(bell *b) {
  bool taken = false;
  AcquireSRWLockExclusive(&spares_guard);
  if (spares > 0) {
    *b = spare[--spares];
    taken = true;
  }
  ReleaseSRWLockExclusive(&spares_guard);
  return taken || bell_make(b);
}

static void give_bell(const bell *b) {
  bool kept = false;
  AcquireSRWLockExclusive(&spares_guard);
  if (spares < sizeof spare / sizeof *spare) {
    spare[spares++] = *b;
    kept = true;
  }
  ReleaseSRWLockExclusive(&spares_guard);
  if (!kept) CloseHandle(b->event);
}

int word_wait(mapping *m, uint32_t *word, uint32_t expected, double timeout_ms, object *watched, uint64_t watch_byte) {
  double deadline = deadline_ms(timeout_ms);
  view *v = (view *)m;
  bell b;
  if (!take_bell(&b)) return FAILED_NO_HANDLES;
  int result = -1;
  while (result < 0) {
    double now = now_ms();
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) result = WAIT_CHANGED;
    else if (now >= deadline) result = WAIT_TIMED_OUT;
    else if (watched != NULL && byte_held(watched, watch_byte) == 0) result = WAIT_DEAD;
    if (result >= 0) break;
    uint32_t i = m->read_only ? NO_ENTRY : sleepers_enter(v->sleepers, offset_of(m, word), &b);
    double span = i == NO_ENTRY ? 1 : watched != NULL ? WATCH_SLICE_MS : RELOOK_MS;
    if (span > deadline - now) span = deadline - now;
    if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == expected) WaitForSingleObject(b.event, (DWORD)ceil(span));
    /* A bell may still ring for a wait before this one: only the entry says that a wake came. */
    if (sleepers_leave(v->sleepers, i)) result = WAIT_WOKEN;
  }
  give_bell(&b);
  return result;
}
