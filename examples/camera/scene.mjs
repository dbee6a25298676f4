// The schema that all programs of this example share, and the picture: a pattern that moves with the frame number, so
// that a reader can tell of every byte which frame it belongs to.

import { array, f64, i32, record, str } from 'memlane/record'

export const WIDTH = 640
export const HEIGHT = 480

export const Camera = record({
  frame: i32(),
  sent: f64(), // milliseconds of the machine's monotonic clock, the same in every process
  label: str(32),
  image: array('u8', [HEIGHT, WIDTH, 3]),
})

export const now = () => Number(process.hrtime.bigint()) / 1e6

// One period of the pattern in each direction, made once: a row of any frame is a piece of it.
const ROW = WIDTH * 3
const pattern = new Uint8Array(ROW + 256).map((_, i) => i & 255)

/** Draws frame `n` into `image`, in place. */
export function render(image, n) {
  for (let y = 0; y < HEIGHT; y++) {
    const shift = (n * 3 + y) & 255
    image.set(pattern.subarray(shift, shift + ROW), y * ROW)
  }
}

/** True when every byte of `image` belongs to frame `n`. */
export function isWhole(image, n) {
  for (let y = 0; y < HEIGHT; y++) {
    const shift = (n * 3 + y) & 255
    for (let i = 0; i < ROW; i++) if (image[y * ROW + i] !== ((shift + i) & 255)) return false
  }
  return true
}
