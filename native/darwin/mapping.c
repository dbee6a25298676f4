/* native: mappings on macOS, and the page faults in them. Built, not yet run by us. */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define VIEW(m) ((view *)(void *)(m))

/* ---- page faults ---------------------------------------------------------------------------------------
 * Touching a page that cannot be had (a hole of a sparse file on a full file system, or bytes beyond the end of a
 * file that a peer has cut) raises SIGBUS. The handler lays one private zero page over the place, counts it in the
 * mapping's fault word, and lets the access finish; TypeScript looks at the word and gives a coded error. A fault
 * outside our mappings goes to whoever had the signal before.
 *
 * The handler reads only this table: a region is published by its end (release) and withdrawn by it. */

typedef struct region {
  _Atomic uintptr_t start;
  _Atomic uintptr_t end; /* 0: unused */
} region;

static region regions[MAX_MAPPINGS];
static uint32_t faults[MAX_MAPPINGS] __attribute__((aligned(4096)));

uint32_t *fault_words(void) { return faults; }

/* A runtime may set a handler of its own after ours (JavaScriptCore does when WebAssembly starts), so each new mapping looks
 * whether ours is still there, and else goes in front again. What it then finds may know ours as the one to go on with. So every
 * installation is a function of its own, which remembers whom it found: the chain never leads back. A remembered action is
 * neither changed nor freed: a handler may be looking at it. */
#define INSTALLATIONS 8
static const struct sigaction standard_bus; /* SIG_DFL */
static const struct sigaction *_Atomic found[INSTALLATIONS];
static int installations;

static void on_bus(int installation, int signal_number, siginfo_t *info, void *context);

#define ENTRANCE(n) \
  static void entrance_##n(int signal_number, siginfo_t *info, void *context) { on_bus(n, signal_number, info, context); }
ENTRANCE(0) ENTRANCE(1) ENTRANCE(2) ENTRANCE(3) ENTRANCE(4) ENTRANCE(5) ENTRANCE(6) ENTRANCE(7)
static void (*const entrances[INSTALLATIONS])(int, siginfo_t *, void *) = {entrance_0, entrance_1, entrance_2, entrance_3,
                                                                            entrance_4, entrance_5, entrance_6, entrance_7};

static bool is_ours(const struct sigaction *action) {
  for (int i = 0; i < INSTALLATIONS; i++)
    if ((action->sa_flags & SA_SIGINFO) && action->sa_sigaction == entrances[i]) return true;
  return false;
}

static bool is_standard(const struct sigaction *action) { return !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_DFL; }

static void take_signal(int installation) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = entrances[installation];
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, NULL);
}

/* Lays a zero page where a mapping of ours has none. */
static bool mend(uintptr_t at) {
  for (uint32_t i = 0; i < MAX_MAPPINGS; i++) {
    uintptr_t end = atomic_load_explicit(&regions[i].end, memory_order_acquire);
    if (end == 0 || at >= end || at < atomic_load_explicit(&regions[i].start, memory_order_relaxed)) continue;
    void *page = (void *)(at & ~(uintptr_t)(page_size - 1));
    if (mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANON, -1, 0) == MAP_FAILED) return false;
    /* Closed meanwhile by another thread: the count may be another mapping's by now. */
    if (atomic_load_explicit(&regions[i].end, memory_order_acquire) == end) __atomic_fetch_add(&faults[i], 1, __ATOMIC_SEQ_CST);
    return true;
  }
  return false;
}

/* What the system does where nobody has set a handler. */
static void die(const siginfo_t *info) {
  sigaction(SIGBUS, &standard_bus, NULL);
  if (info->si_code <= 0) raise(SIGBUS); /* sent by kill(): the fault will not come again by itself */
}

/* A fault of somebody else's goes to whom this installation found. */
static void go_on(int installation, int signal_number, siginfo_t *info, void *context) {
  const struct sigaction *next = atomic_load(&found[installation]);
  bool informed = (next->sa_flags & SA_SIGINFO) != 0;
  if (is_standard(next)) return die(info);
  if (!informed && next->sa_handler == SIG_IGN) {
    if (info->si_code > 0) die(info);
    return;
  }
  if ((unsigned)next->sa_flags & (unsigned)SA_RESETHAND) atomic_store(&found[installation], &standard_bus);
  if (informed) next->sa_sigaction(signal_number, info, context);
  else next->sa_handler(signal_number);
  /* Did it ask for the end, which comes when the access is tried again? The faults of our mappings stay ours even so. */
  struct sigaction now;
  if (sigaction(SIGBUS, NULL, &now) == 0 && is_standard(&now)) {
    atomic_store(&found[installation], &standard_bus);
    take_signal(installation);
  }
}

static void on_bus(int installation, int signal_number, siginfo_t *info, void *context) {
  int saved = errno;
  bool mended = info->si_code > 0 && mend((uintptr_t)info->si_addr);
  if (!mended) go_on(installation, signal_number, info, context);
  errno = saved;
}

/* Puts our handler in front. The caller holds the lock of installing. */
static void install_before(const struct sigaction *other) {
  struct sigaction *copy = installations < INSTALLATIONS ? malloc(sizeof *copy) : NULL;
  if (copy == NULL) return; /* the other one rules: see docs/security.md */
  *copy = *other;
  /* One that is set a second time may lead to the installation that found it the first time. */
  for (int i = 0; i < installations; i++) {
    const struct sigaction *before = atomic_load(&found[i]);
    if (!is_standard(before) && before->sa_sigaction == copy->sa_sigaction) atomic_store(&found[i], i == 0 ? &standard_bus : atomic_load(&found[i - 1]));
  }
  atomic_store(&found[installations], copy);
  take_signal(installations++);
}

/* At each new mapping: a runtime may have set a handler of its own since. */
static void faults_install(void) {
  static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&installing);
  struct sigaction now;
  if (sigaction(SIGBUS, NULL, &now) == 0 && !is_ours(&now)) install_before(&now);
  pthread_mutex_unlock(&installing);
}

/* ---- mappings ------------------------------------------------------------------------------------------
 * Who still holds addresses of a mapping after close() is not ours to know: a thread of the runtime that compresses a view, a
 * read of a file into one. So close() gives back the object and not the addresses: it lays zero pages, which belong to nobody,
 * over them. They are unmapped when the last user is gone, and the last one is the engine's finalizer of the buffer. */

static pthread_mutex_t mappings_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t next_region;

/* An entry of the handler's table that names no address yet. */
#define RESERVED 1u

static int reserve_region(uint32_t *slot) {
  for (uint32_t tried = 0; tried < MAX_MAPPINGS; tried++) {
    uint32_t i = (next_region + tried) % MAX_MAPPINGS;
    if (atomic_load_explicit(&regions[i].end, memory_order_relaxed) != 0) continue;
    next_region = i + 1;
    __atomic_store_n(&faults[i], 0, __ATOMIC_SEQ_CST);
    atomic_store_explicit(&regions[i].end, RESERVED, memory_order_relaxed);
    *slot = i;
    return 0;
  }
  return FAILED_NO_HANDLES;
}

static void publish_region(uint32_t slot, const unsigned char *address, size_t length) {
  atomic_store_explicit(&regions[slot].start, (uintptr_t)address, memory_order_relaxed);
  atomic_store_explicit(&regions[slot].end, (uintptr_t)address + length, memory_order_release);
}

static void withdraw_region(uint32_t slot) { atomic_store_explicit(&regions[slot].end, 0, memory_order_release); }

/* Maps bytes of the object, at the address if there is one. 0, or a negated errno.
 *
 * A read-only mapping is private and writable: a stray store from JavaScript lands in this process's own copy of the
 * page and neither reaches the object nor raises SIGSEGV. Pages not written to show what others write. */
static int map_object(int fd, uint64_t offset, size_t length, bool read_only, unsigned char **address) {
  int flags = (read_only ? MAP_PRIVATE : MAP_SHARED) | MAP_NORESERVE | (*address == NULL ? 0 : MAP_FIXED);
  void *mapped = mmap(*address, length, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);
  int result = mapped == MAP_FAILED ? failed(errno) : 0;
  if (result == 0) *address = mapped;
  return result;
}

static bool lay_zeros(unsigned char *address, size_t length) {
  return mmap(address, length, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

int mapping_open(object *o, uint64_t offset, size_t length, bool read_only, unsigned char *place, mapping **out) {
  int fd = o->fd;
  faults_install();
  if (length == 0 || offset % page_size != 0 || (uintptr_t)place % page_size != 0) return FAILED_INVALID;
  view *v = calloc(1, sizeof *v);
  if (v == NULL) return FAILED_NO_MEMORY;
  mapping *m = &v->shared;
  *m = (mapping){.address = place, .length = length, .read_only = read_only};
  v->offset = offset;
  v->lent = place != NULL;
  v->users = 1;
  pthread_mutex_lock(&mappings_lock);
  int result = reserve_region(&m->fault_slot);
  pthread_mutex_unlock(&mappings_lock);
  if (result == 0) {
    result = map_object(fd, offset, length, read_only, &m->address);
    if (result == 0) publish_region(m->fault_slot, m->address, length);
    else withdraw_region(m->fault_slot);
  }
  if (result < 0) free(v);
  else *out = m;
  return result;
}

void mapping_retain(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  VIEW(m)->users++;
  pthread_mutex_unlock(&mappings_lock);
}

/* The caller holds mappings_lock. */
static void drop_user(mapping *m) {
  if (--VIEW(m)->users > 0) return;
  /* First out of the handler's table: once unmapped, the addresses may be anybody's. */
  if (!VIEW(m)->closed) withdraw_region(m->fault_slot);
  if (!VIEW(m)->lent) munmap(m->address, m->length);
  else if (!VIEW(m)->closed) lay_zeros(m->address, m->length);
  free(VIEW(m));
}

void mapping_release(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  drop_user(m);
  pthread_mutex_unlock(&mappings_lock);
}

void mapping_close(mapping *m, object *o) {
  pthread_mutex_lock(&mappings_lock);
  /* Without it a wake that such a wait takes with it is lost, and whoever should have had it looks again by itself. */
  if (VIEW(m)->waits > 0 && map_object(o->fd, VIEW(m)->offset, m->length, m->read_only, &VIEW(m)->behind) < 0) VIEW(m)->behind = NULL;
  /* Zero pages raise no SIGBUS. Should there be no room for them (vm.max_map_count), the object stays until the end. */
  if (lay_zeros(m->address, m->length)) {
    withdraw_region(m->fault_slot);
    VIEW(m)->closed = true;
  }
  pthread_mutex_unlock(&mappings_lock);
}

void mapping_begin_wait(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  VIEW(m)->users++;
  VIEW(m)->waits++;
  pthread_mutex_unlock(&mappings_lock);
}

void mapping_end_wait(mapping *m) {
  pthread_mutex_lock(&mappings_lock);
  if (--VIEW(m)->waits == 0 && VIEW(m)->behind != NULL) {
    munmap(VIEW(m)->behind, m->length);
    VIEW(m)->behind = NULL;
  }
  drop_user(m);
  pthread_mutex_unlock(&mappings_lock);
}

void mapping_pass_on(mapping *m, uint32_t *word) {
  pthread_mutex_lock(&mappings_lock);
  if (VIEW(m)->behind != NULL) wake_word((uint32_t *)(void *)(VIEW(m)->behind + ((unsigned char *)word - m->address)), 1);
  else if (!VIEW(m)->closed) wake_word(word, 1);
  pthread_mutex_unlock(&mappings_lock);
}
