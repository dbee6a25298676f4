/* native: what an addon that came with the package was built from: a digest of these files, which scripts/build-platforms.mjs
 * gives it and looks for in its bytes. What `npm run build` builds has none: it keeps its stamp beside it. */
#include "layout.h"

#ifdef MEMLANE_SOURCES
#ifdef _WIN32
__declspec(dllexport)
#else
__attribute__((visibility("default")))
#endif
extern const char memlane_sources[];
const char memlane_sources[] = MEMLANE_SOURCES;
#endif
