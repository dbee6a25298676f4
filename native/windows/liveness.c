/* native: liveness on Windows. LockFileEx on one byte, far beyond any data, of the object's own handle: the system frees it when
 * the handle is closed or the process ends, however it ended.
 *
 * Windows has no way to ask for a lock. Who wants to know takes a shared lock for a moment, which is in the way of nobody who asks
 * and of one who claims in that very moment: so a claim that fails is tried a few times. */
#include "system.h"

#define CLAIM_TRIES 8

static OVERLAPPED at_byte(uint64_t byte) {
  OVERLAPPED where = {0};
  where.Offset = (DWORD)byte;
  where.OffsetHigh = (DWORD)(byte >> 32);
  return where;
}

static int try_lock(object *o, uint64_t byte, DWORD kind) {
  OVERLAPPED where = at_byte(byte);
  if (LockFileEx(o->file, kind | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &where)) return 0;
  DWORD error = GetLastError();
  return error == ERROR_IO_PENDING ? FAILED_BUSY : failed(error);
}

static int unlock(object *o, uint64_t byte) {
  OVERLAPPED where = at_byte(byte);
  return UnlockFileEx(o->file, 0, 1, 0, &where) ? 0 : failed(GetLastError());
}

/* The caller holds the guard. */
static uint32_t held_at(const object *o, uint64_t byte) {
  uint32_t i = 0;
  while (i < o->held_count && o->held[i] != byte) i++;
  return i;
}

int byte_lock(object *o, uint64_t byte) {
  int result = 0;
  AcquireSRWLockExclusive(&o->guard);
  if (held_at(o, byte) == o->held_count) {
    result = o->held_count == HELD_LOCKS ? FAILED_NO_LOCKS : FAILED_BUSY;
    for (int i = 0; i < CLAIM_TRIES && result == FAILED_BUSY; i++) {
      if (i > 0) SwitchToThread();
      result = try_lock(o, byte, LOCKFILE_EXCLUSIVE_LOCK);
    }
    if (result == 0) o->held[o->held_count++] = byte;
  }
  ReleaseSRWLockExclusive(&o->guard);
  return result;
}

int byte_unlock(object *o, uint64_t byte) {
  int result = 0;
  AcquireSRWLockExclusive(&o->guard);
  uint32_t i = held_at(o, byte);
  if (i < o->held_count) {
    o->held[i] = o->held[--o->held_count];
    result = unlock(o, byte);
  }
  ReleaseSRWLockExclusive(&o->guard);
  return result;
}

int byte_held(object *o, uint64_t byte) {
  AcquireSRWLockExclusive(&o->guard);
  int result = 0;
  if (held_at(o, byte) == o->held_count) {
    result = try_lock(o, byte, 0);
    if (result == 0) unlock(o, byte);
    else if (result == FAILED_BUSY) result = 1;
  }
  ReleaseSRWLockExclusive(&o->guard);
  return result;
}
