// native: numbers that C and TypeScript both know. native/layout.h says the same; `npm run check` compares them.

export const OPEN_READ_ONLY: number = 1
export const OPEN_CREATE: number = 2
export const OPEN_EXCLUSIVE: number = 4

export const FAILED_FORBIDDEN: number = -13
export const FAILED_NOT_PERMITTED: number = -1
export const FAILED_NOT_FOUND: number = -2
export const FAILED_DEVICE: number = -5
export const FAILED_IS_DEVICE: number = -6
export const FAILED_NOT_A_FILE: number = -9
export const FAILED_BUSY: number = -11
export const FAILED_NO_MEMORY: number = -12
export const FAILED_EXISTS: number = -17
export const FAILED_IS_FOLDER: number = -21
export const FAILED_INVALID: number = -22
export const FAILED_NO_MORE_HANDLES: number = -23
export const FAILED_NO_HANDLES: number = -24
export const FAILED_TOO_LARGE: number = -27
export const FAILED_NO_SPACE: number = -28
export const FAILED_READ_ONLY: number = -30
export const FAILED_NAME_TOO_LONG: number = -36
export const FAILED_NO_LOCKS: number = -37
export const FAILED_IS_LINK: number = -40
export const FAILED_UNSUPPORTED: number = -95
export const FAILED_QUOTA: number = -122
export const FAILED_SYSTEM: number = -1000

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
