/* native: what the files of darwin/ share. */
#ifndef MEMLANE_DARWIN_SYSTEM_H
#define MEMLANE_DARWIN_SYSTEM_H

#include "../layout.h"
#include "../platform.h"

struct object {
  int fd;
};

extern size_t page_size;

/* One of the FAILED_ numbers for an errno. */
int failed(int error);

/* One mapping. `shared` comes first: that is what a platform.h mapping points to. */
typedef struct view {
  mapping shared;
  uint64_t offset;
  unsigned char *behind; /* the object's bytes once more, after close and for as long as there are waits; NULL: none */
  uint32_t users;        /* the handle, its buffer, and every wait */
  uint32_t waits;        /* waits that may still take a wake from the kernel */
  bool lent;             /* the addresses are somebody else's, who gives them back */
  bool closed;           /* zero pages lie there */
} view;

/* A user that may take a wake from the kernel, and passes it on when it came too late: also after close. */
void mapping_begin_wait(mapping *m);
void mapping_end_wait(mapping *m);
void mapping_pass_on(mapping *m, uint32_t *word);

int wake_word(uint32_t *word, int count);
uint64_t now_ns(void);
/* When so many milliseconds are over; UINT64_MAX, which is never, below 0 and beyond what a clock will see. */
uint64_t deadline_ns(double timeout_ms);

#endif
