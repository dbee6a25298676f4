/* native: objects on Windows are files in a private folder of the user's, mapped shared: they can be listed, grown and locked by
 * ranges, and outlive their processes, which sections of the page file do not. MEMLANE_DIRECTORY names another folder.
 *
 * A file name is an object's name with `%` and two hexadecimal digits for what Windows does not allow or does not tell apart:
 * `memlane:web:Deploy` is `memlane%3Aweb%3A%44eploy`. A file that is unlinked while it is mapped is first renamed, so that its name
 * is free at once, and is deleted when that can be; what is left of it is swept when objects are listed. */
#include "system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <winioctl.h>

#define PATH_ROOM 1200
#define GONE L"%gone-"

int failed(DWORD error) {
  switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND: return FAILED_NOT_FOUND;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS: return FAILED_EXISTS;
    case ERROR_ACCESS_DENIED:
    case ERROR_WRITE_PROTECT: return FAILED_FORBIDDEN;
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION: return FAILED_BUSY;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_DISK_QUOTA_EXCEEDED: return FAILED_NO_SPACE;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
    case ERROR_COMMITMENT_LIMIT:
    case ERROR_NO_SYSTEM_RESOURCES: return FAILED_NO_MEMORY;
    case ERROR_TOO_MANY_OPEN_FILES: return FAILED_NO_HANDLES;
    case ERROR_NOT_ENOUGH_QUOTA: return FAILED_NO_MEMORY;
    case ERROR_FILE_TOO_LARGE: return FAILED_TOO_LARGE;
    case ERROR_FILENAME_EXCED_RANGE: return FAILED_NAME_TOO_LONG;
    case ERROR_MAPPED_ALIGNMENT:
    case ERROR_INVALID_NAME:
    case ERROR_INVALID_PARAMETER: return FAILED_INVALID;
    case ERROR_NOT_SUPPORTED:
    case ERROR_INVALID_FUNCTION: return FAILED_UNSUPPORTED;
    default: return FAILED_SYSTEM - (int)(error < 100000 ? error : 99999);
  }
}

/* ---- names */

static wchar_t folder[PATH_ROOM / 2];
static char folder_text[PATH_ROOM];
static INIT_ONCE folder_once = INIT_ONCE_STATIC_INIT;

/* With \\?\ before it no length but ours is the limit. */
static BOOL CALLBACK find_folder(PINIT_ONCE once, void *parameter, void **context) {
  (void)once;
  (void)parameter;
  (void)context;
  wchar_t given[PATH_ROOM / 2], full[PATH_ROOM / 2];
  DWORD length = GetEnvironmentVariableW(L"MEMLANE_DIRECTORY", given, PATH_ROOM / 4);
  if (length == 0 || length >= PATH_ROOM / 4) {
    length = GetEnvironmentVariableW(L"LOCALAPPDATA", given, PATH_ROOM / 4);
    if (length == 0 || length >= PATH_ROOM / 4) length = GetTempPathW(PATH_ROOM / 4, given);
    if (length == 0 || length >= PATH_ROOM / 4) return TRUE;
    wcscat(given, L"\\memlane");
  }
  length = GetFullPathNameW(given, PATH_ROOM / 2 - 8, full, NULL);
  if (length == 0 || length >= PATH_ROOM / 2 - 8) return TRUE;
  if (wcsncmp(full, L"\\\\", 2) != 0) wcscpy(folder, L"\\\\?\\");
  wcscat(folder, full);
  WideCharToMultiByte(CP_UTF8, 0, full, -1, folder_text, PATH_ROOM, NULL, NULL);
  /* The folder takes the rights of %LOCALAPPDATA%: this user's, administrators' and the system's. */
  CreateDirectoryW(folder, NULL);
  return TRUE;
}

static const wchar_t *objects_folder(void) {
  InitOnceExecuteOnce(&folder_once, find_folder, NULL, NULL);
  return folder;
}

const char *object_place(void) {
  objects_folder();
  return folder_text;
}

static bool is_plain(unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~' || c == '+'; }

/* CON, COM1 and their like are devices in every folder. */
static bool looks_like_device(const char *name) {
  static const char *const devices[] = {"con", "prn", "aux", "nul", "com", "lpt"};
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
    if (strncmp(name, devices[i], 3) == 0) return true;
  return false;
}

static int file_path(const char *name, wchar_t path[PATH_ROOM]) {
  size_t length = strlen(name);
  if (length == 0 || strchr(name, '/') != NULL || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return FAILED_INVALID;
  if (length > 255) return FAILED_NAME_TOO_LONG;
  size_t at = wcslen(objects_folder());
  if (at == 0) return FAILED_NOT_FOUND;
  wcscpy(path, folder);
  path[at++] = L'\\';
  size_t start = at;
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)name[i];
    bool plain = is_plain(c) && !(i == 0 && looks_like_device(name)) && !(i + 1 == length && c == '.');
    if (plain) path[at++] = c;
    else {
      static const wchar_t digits[] = L"0123456789ABCDEF";
      path[at++] = L'%';
      path[at++] = digits[c >> 4];
      path[at++] = digits[c & 15];
    }
  }
  path[at] = 0;
  return at - start > 255 ? FAILED_NAME_TOO_LONG : 0;
}

static int digit(wchar_t c) { return c >= L'0' && c <= L'9' ? c - L'0' : c >= L'A' && c <= L'F' ? c - L'A' + 10 : -1; }

/* The object's name of a file; false for what is none. */
static bool object_name(const wchar_t *file, char name[260]) {
  size_t n = 0;
  for (; *file != 0; file++) {
    if (n >= 256) return false;
    if (*file == L'%') {
      int high = digit(file[1]), low = high < 0 ? -1 : digit(file[2]);
      if (low < 0) return false;
      name[n++] = (char)(high << 4 | low);
      file += 2;
    } else if (*file < 128 && is_plain((unsigned char)*file)) {
      name[n++] = (char)*file;
    } else {
      return false;
    }
  }
  name[n] = 0;
  return n > 0;
}

/* ---- opening */

bool file_identity(HANDLE file, file_id *out) {
  BY_HANDLE_FILE_INFORMATION info;
  if (!GetFileInformationByHandle(file, &info)) return false;
  out->volume = info.dwVolumeSerialNumber;
  out->index = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow;
  return true;
}

int object_open(const char *name, unsigned flags, unsigned mode, object **out) {
  (void)mode; /* the folder says who may come in */
  wchar_t path[PATH_ROOM];
  int bad = file_path(name, path);
  if (bad < 0) return bad;
  DWORD access = GENERIC_READ | ((flags & OPEN_READ_ONLY) ? 0 : GENERIC_WRITE);
  DWORD how = !(flags & OPEN_CREATE) ? OPEN_EXISTING : (flags & OPEN_EXCLUSIVE) ? CREATE_NEW : OPEN_ALWAYS;
  /* Links are never followed. Not inherited: no security attributes. */
  HANDLE file = CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, how,
                            FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  if (file == INVALID_HANDLE_VALUE) {
    DWORD error = GetLastError();
    DWORD attributes = GetFileAttributesW(path);
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY)) return FAILED_IS_FOLDER;
    return failed(error);
  }
  DWORD made = GetLastError();
  BY_HANDLE_FILE_INFORMATION info;
  bool regular = GetFileType(file) == FILE_TYPE_DISK && GetFileInformationByHandle(file, &info);
  object *o = regular && !(info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) ? calloc(1, sizeof *o) : NULL;
  if (o == NULL) {
    CloseHandle(file);
    return !regular ? FAILED_NOT_A_FILE : (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) ? FAILED_IS_LINK : FAILED_NO_MEMORY;
  }
  /* Holes cost no room until they are committed. Where files have no holes, their size is their room. */
  if ((flags & OPEN_CREATE) && made != ERROR_ALREADY_EXISTS) {
    DWORD returned;
    DeviceIoControl(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &returned, NULL);
  }
  o->file = file;
  o->read_only = (flags & OPEN_READ_ONLY) != 0;
  InitializeSRWLock(&o->guard);
  *out = o;
  return 0;
}

int object_close(object *o) {
  int result = CloseHandle(o->file) ? 0 : failed(GetLastError());
  free(o);
  return result;
}

/* ---- unlinking */

typedef struct rename_information {
  DWORD flags;
  HANDLE root;
  DWORD length;
  wchar_t name[PATH_ROOM];
} rename_information;

static void set_aside(HANDLE file) {
  static volatile LONG count;
  rename_information r;
  memset(&r, 0, sizeof r);
  int n = swprintf(r.name, PATH_ROOM, L"%ls\\%ls%lx-%lx-%llx", folder, GONE, GetCurrentProcessId(), (unsigned long)InterlockedIncrement(&count),
                   (unsigned long long)GetTickCount64());
  if (n <= 0) return;
  r.length = (DWORD)n * sizeof(wchar_t);
  SetFileInformationByHandle(file, FileRenameInfo, &r, (DWORD)(offsetof(rename_information, name) + ((size_t)n + 1) * sizeof(wchar_t)));
}

static BOOL delete_open(HANDLE file) {
  FILE_DISPOSITION_INFO info = {TRUE};
  return SetFileInformationByHandle(file, FileDispositionInfo, &info, sizeof info);
}

int object_unlink(const char *name) {
  wchar_t path[PATH_ROOM];
  int bad = file_path(name, path);
  if (bad < 0) return bad;
  HANDLE file = CreateFileW(path, DELETE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                            FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  if (file == INVALID_HANDLE_VALUE) return failed(GetLastError());
  set_aside(file);
  /* Windows keeps a file that is mapped, and then it is swept later. Its name is free all the same. */
  BOOL gone = delete_open(file);
  DWORD error = GetLastError();
  CloseHandle(file);
  return gone || GetFileAttributesW(path) == INVALID_FILE_ATTRIBUTES ? 0 : failed(error);
}

static void sweep_one(const wchar_t *file) {
  wchar_t path[PATH_ROOM];
  if (swprintf(path, PATH_ROOM, L"%ls\\%ls", folder, file) > 0) DeleteFileW(path);
}

int object_list(void (*each)(void *context, const char *name), void *context) {
  wchar_t pattern[PATH_ROOM];
  if (objects_folder()[0] == 0) return FAILED_NOT_FOUND;
  swprintf(pattern, PATH_ROOM, L"%ls\\*", folder);
  WIN32_FIND_DATAW found;
  HANDLE search = FindFirstFileW(pattern, &found);
  if (search == INVALID_HANDLE_VALUE) return GetLastError() == ERROR_FILE_NOT_FOUND ? 0 : failed(GetLastError());
  do {
    char name[260];
    if (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) continue;
    if (wcsncmp(found.cFileName, GONE, wcslen(GONE)) == 0) sweep_one(found.cFileName);
    else if (object_name(found.cFileName, name)) each(context, name);
  } while (FindNextFileW(search, &found));
  FindClose(search);
  return 0;
}

int object_publish(const char *name, const char *as, bool replace) {
  wchar_t from[PATH_ROOM], to[PATH_ROOM];
  int bad = file_path(name, from);
  if (bad == 0) bad = file_path(as, to);
  if (bad < 0) return bad;
  if (MoveFileExW(from, to, replace ? MOVEFILE_REPLACE_EXISTING : 0)) return 0;
  DWORD error = GetLastError();
  /* A file that is open is replaced by none: its name is taken away first, and for a moment there is none. */
  if (!replace || error != ERROR_ACCESS_DENIED || object_unlink(as) < 0) return failed(error);
  return MoveFileExW(from, to, 0) ? 0 : failed(GetLastError());
}

/* ---- sizes */

int object_truncate(object *o, uint64_t size) {
  FILE_END_OF_FILE_INFO info;
  info.EndOfFile.QuadPart = (LONGLONG)size;
  return SetFileInformationByHandle(o->file, FileEndOfFileInfo, &info, sizeof info) ? 0 : failed(GetLastError());
}

static int fill(HANDLE file, uint64_t from, uint64_t to) {
  static const unsigned char zeros[65536];
  while (from < to) {
    OVERLAPPED where = {0};
    DWORD part = to - from > sizeof zeros ? (DWORD)sizeof zeros : (DWORD)(to - from), written = 0;
    where.Offset = (DWORD)from;
    where.OffsetHigh = (DWORD)(from >> 32);
    if (!WriteFile(file, zeros, part, &written, &where)) return failed(GetLastError());
    from += written;
  }
  return 0;
}

/* Zeros are written into the holes of the range, and only there: what has room may be in use. */
int object_commit(object *o, uint64_t offset, uint64_t length) {
  FILE_ALLOCATED_RANGE_BUFFER ask, holds[64];
  LARGE_INTEGER size;
  if (length == 0) return 0;
  if (!GetFileSizeEx(o->file, &size)) return failed(GetLastError());
  uint64_t end = offset + length < (uint64_t)size.QuadPart ? offset + length : (uint64_t)size.QuadPart;
  while (offset < end) {
    DWORD returned = 0;
    ask.FileOffset.QuadPart = (LONGLONG)offset;
    ask.Length.QuadPart = (LONGLONG)(end - offset);
    BOOL all = DeviceIoControl(o->file, FSCTL_QUERY_ALLOCATED_RANGES, &ask, sizeof ask, holds, sizeof holds, &returned, NULL);
    /* A file system without holes has given room for every byte when the size was set. */
    if (!all && GetLastError() != ERROR_MORE_DATA) return 0;
    DWORD count = returned / (DWORD)sizeof *holds;
    for (DWORD i = 0; i < count; i++) {
      uint64_t from = (uint64_t)holds[i].FileOffset.QuadPart;
      int result = from > offset ? fill(o->file, offset, from < end ? from : end) : 0;
      if (result < 0) return result;
      offset = from + (uint64_t)holds[i].Length.QuadPart;
    }
    if (all) return offset < end ? fill(o->file, offset, end) : 0;
  }
  return 0;
}

/* Milliseconds from 1601, where Windows begins to count, to 1970. */
#define EPOCH_MS 11644473600000.0

int object_stat(object *o, double out[]) {
  BY_HANDLE_FILE_INFORMATION info;
  FILE_STANDARD_INFO standard;
  if (!GetFileInformationByHandle(o->file, &info)) return failed(GetLastError());
  if (!GetFileInformationByHandleEx(o->file, FileStandardInfo, &standard, sizeof standard)) return failed(GetLastError());
  uint64_t index = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow;
  uint64_t changed = (uint64_t)info.ftLastWriteTime.dwHighDateTime << 32 | info.ftLastWriteTime.dwLowDateTime;
  out[STAT_SIZE] = (double)standard.EndOfFile.QuadPart;
  out[STAT_COMMITTED] = (double)standard.AllocationSize.QuadPart;
  out[STAT_UID] = 0; /* the folder is one user's */
  out[STAT_GID] = 0;
  out[STAT_MODE] = 0600;
  out[STAT_LINKS] = standard.DeletePending ? 0 : (double)standard.NumberOfLinks;
  out[STAT_INODE] = (double)(index & ((UINT64_C(1) << 53) - 1));
  out[STAT_DEVICE] = (double)info.dwVolumeSerialNumber;
  out[STAT_CHANGED_MS] = (double)(changed / 10000) - EPOCH_MS;
  return 0;
}

int object_stat_name(const char *name, double out[]) {
  wchar_t path[PATH_ROOM];
  int bad = file_path(name, path);
  if (bad < 0) return bad;
  object o = {.file = CreateFileW(path, FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                                  FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS, NULL)};
  if (o.file == INVALID_HANDLE_VALUE) return failed(GetLastError());
  int result = object_stat(&o, out);
  CloseHandle(o.file);
  return result;
}

int object_space(double out[]) {
  ULARGE_INTEGER mine, all;
  if (!GetDiskFreeSpaceExW(objects_folder(), &mine, &all, NULL)) return failed(GetLastError());
  for (int i = 0; i < SPACE_FIELDS; i++) out[i] = 0;
  out[SPACE_TOTAL] = (double)all.QuadPart;
  out[SPACE_AVAILABLE] = (double)mine.QuadPart;
  return 0;
}
