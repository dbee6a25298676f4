// leaf: a short blocking sleep, for the rare moments when there is no word to wait on.

const never: Int32Array = new Int32Array(new SharedArrayBuffer(4))

/** Blocks the thread for so many milliseconds. */
export function pause(milliseconds: number): void {
  Atomics.wait(never, 0, 0, milliseconds)
}
