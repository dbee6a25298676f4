// interop/membridge: an object used as a ring.
//
//            0               8               16              24                    size        end of the page
//            +---------------+---------------+---------------+---------------------+ - - - - - - - +
//            | head u64      | tail u64      | capacity u64  | data                | slack         |
//            +---------------+---------------+---------------+---------------------+ - - - - - - - +
//
// head      bytes consumed since the beginning, modulo 2^64. Only the consumer writes it.
// tail      bytes produced since the beginning, modulo 2^64. Only the producer writes it.
// capacity  0 until the creator has initialised the ring, then size - 24: a power of two.
// data      the byte of position p is at 24 + (p AND (capacity - 1)).
//
// A message is one frame, at any position, and may wrap at any byte:
//
//            +----------------+-------------------+
//            | length n u32   | n bytes           |
//            +----------------+-------------------+
//
// The slack is no part of the object: a mapping is made of whole pages, so the bytes of the last page behind the
// object's end are shared memory too. 24 + 2^k is never a multiple of a page, so there is always room for two words,
// which Memlane's processes use to tell each other that they sleep. Programs with the package never see them, and a
// program that does not set them is served by looking again from time to time.
//
//            size, rounded up to 4
//            +---------------------+---------------------+
//            | consumer sleeps u32 | producer sleeps u32 |   0 or 1; set by who sleeps, cleared by who wakes
//            +---------------------+---------------------+
//
// Two kernel locks (not in memory) tell whether a Memlane process is the producer or consumer: a second one is refused,
// and a sleeper knows whether it will be woken.
//
// Crash windows of the producer: killed before its store of tail, the frame was never there; after it, the frame is
// whole. Of the consumer: killed before its store of head, the next consumer sees the message again; after it, never.

const U64 = 8
const WORD = 4

/** Byte offsets. */
export const HEAD = 0
export const TAIL: number = HEAD + U64
export const CAPACITY: number = TAIL + U64
/** Where the data begins. */
export const RING: number = CAPACITY + U64

/** The same as indices of 32-bit words; the low word of a u64 comes first. */
export const HEAD_WORD: number = HEAD / WORD
export const TAIL_WORD: number = TAIL / WORD
export const CAPACITY_WORD: number = CAPACITY / WORD

/** Bytes before each message. */
export const PREFIX = 4

/** Positions are compared by their lower 32 bits, so a ring ends here. */
export const CAPACITY_LIMIT: number = 2 ** 31

/** Index of the word that says the consumer sleeps; the producer's is the next. */
export function slackWord(size: number): number {
  return Math.ceil(size / WORD)
}

/** Kernel locks. */
export const PRODUCER_LOCK = 1024
export const CONSUMER_LOCK = 1025
