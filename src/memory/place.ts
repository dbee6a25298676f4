// memory: a place for a large mapping that the engine does not take for memory in use.
//
// V8 counts an external ArrayBuffer at its full length as memory of JavaScript's, and collects garbage whenever 64 MiB
// have come: at every opening of a heap whose reserve is that large, though it may hold a few pages. Shared memory of
// WebAssembly it does not count (up to V8 13), and reserves at a page boundary: a mapping can be laid over it. In return the
// buffer is a SharedArrayBuffer: bulk copies are slower, and it cannot be detached: closing puts zero pages there.

/** Smaller ones are not worth it, in bytes. */
const LEAST = 16 * 2 ** 20

/** Closed ones that are not collected yet count too: the engine does not feel their weight, so it is in no hurry. */
const MOST = 64

const WASM_PAGE = 65_536

interface SharedMemory {
  readonly buffer: SharedArrayBuffer
}

const engine = globalThis as unknown as {
  WebAssembly?: {
    Memory: new (options: { initial: number; maximum: number; shared: true }) => SharedMemory
  }
}

const NOT_COUNTED: boolean =
  process.versions.bun === undefined &&
  process.versions.deno === undefined &&
  Number.parseInt(process.versions.v8, 10) <= 13

let living = 0
const collected = new FinalizationRegistry<undefined>(() => {
  living--
})

/** Memory of the engine's, at least so many bytes from a page boundary on; `undefined` where an ArrayBuffer is better. */
export function placeFor(length: number): Uint8Array | undefined {
  if (!NOT_COUNTED || length < LEAST || living >= MOST || engine.WebAssembly === undefined) return undefined
  const pages = Math.ceil(length / WASM_PAGE)
  try {
    const { buffer } = new engine.WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    living++
    collected.register(buffer, undefined)
    return new Uint8Array(buffer)
  } catch {
    // No WebAssembly (--jitless), or no more address space.
    return undefined
  }
}
