// heap/blocks: size classes. Four steps per doubling, so that a block wastes at most a fifth; 16 bytes to 32 KiB.
//
// A span is a run of pages carved into blocks of one class. Its length is the shortest that wastes little at its end.
// 2064 stands where 2048 would: 256 values and a header are what a list chunk needs.

import { HEAP_PAGE } from '../heap.layout.js'

const BYTES: readonly number[] = [
  16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536,
  1792, 2064, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192, 10_240, 12_288, 14_336, 16_384, 20_480, 24_576, 28_672,
  32_768,
]

export const CLASSES: number = BYTES.length
/** Units of 8 bytes in the largest block of a class; larger blocks own pages. */
export const SMALL_MAX: number = 32_768 / 8

/** Units per block. */
export const CLASS_UNITS: Int32Array = new Int32Array(CLASSES)
/** Pages per span. */
export const CLASS_PAGES: Int32Array = new Int32Array(CLASSES)
/** Blocks per span. */
export const CLASS_COUNT: Int32Array = new Int32Array(CLASSES)
/** Words of the bitmap; more than one lie at the span's start, a single one in its descriptor. */
export const CLASS_WORDS: Int32Array = new Int32Array(CLASSES)
/** Units from the span's start to its first block. */
export const CLASS_FIRST: Int32Array = new Int32Array(CLASSES)
/** Size class of a number of units, 0 to SMALL_MAX. */
export const CLASS_OF: Uint8Array = new Uint8Array(SMALL_MAX + 1)

/** Blocks of `bytes` in `pages` pages, with the bitmap they need. */
function carve(bytes: number, pages: number): { count: number; words: number; first: number } {
  const span = pages * HEAP_PAGE
  let count = Math.floor(span / bytes)
  if (count <= 32) return { count, words: 1, first: 0 }
  for (;;) {
    const words = Math.ceil(count / 32)
    const first = Math.ceil(words / 2)
    if (first * 8 + count * bytes <= span) return { count, words, first }
    count--
  }
}

for (let index = 0, units = 0; index < CLASSES; index++) {
  const bytes = BYTES[index]!
  let pages = 1
  let best = 1
  let least = Number.POSITIVE_INFINITY
  for (; pages <= 8; pages++) {
    const { count } = carve(bytes, pages)
    const waste = 1 - (count * bytes) / (pages * HEAP_PAGE)
    if (waste < least - 0.03) {
      least = waste
      best = pages
    }
    if (waste < 0.07) break
  }
  const { count, words, first } = carve(bytes, best)
  CLASS_UNITS[index] = bytes / 8
  CLASS_PAGES[index] = best
  CLASS_COUNT[index] = count
  CLASS_WORDS[index] = words
  CLASS_FIRST[index] = first
  for (; units <= bytes / 8; units++) CLASS_OF[units] = index
}
