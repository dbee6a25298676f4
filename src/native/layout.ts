// native: numbers that C and TypeScript both know. native/layout.h says the same; `npm run check` compares them.

export const OPEN_READ_ONLY: number = 1
export const OPEN_CREATE: number = 2
export const OPEN_EXCLUSIVE: number = 4

export const WAIT_WOKEN: number = 0
export const WAIT_CHANGED: number = 1
export const WAIT_TIMED_OUT: number = 2
export const WAIT_DEAD: number = 3
export const WAIT_CLOSED: number = 4

export const WATCH_SLICE_MS: number = 5
export const RELOOK_MS: number = 100
export const MAX_MAPPINGS: number = 8192

export const STAT_SIZE: number = 0
export const STAT_COMMITTED: number = 1
export const STAT_UID: number = 2
export const STAT_GID: number = 3
export const STAT_MODE: number = 4
export const STAT_LINKS: number = 5
export const STAT_INODE: number = 6
export const STAT_DEVICE: number = 7
export const STAT_CHANGED_MS: number = 8
export const STAT_FIELDS: number = 9

export const SPACE_TOTAL: number = 0
export const SPACE_AVAILABLE: number = 1
export const SPACE_INODES: number = 2
export const SPACE_INODES_FREE: number = 3
export const SPACE_TYPE: number = 4
export const SPACE_FIELDS: number = 5
