// memory: which form an ordered access takes on this processor and runtime. Decided once, at load.

/** x64 keeps loads in order with loads and stores with stores; others need fences around a seqlock's data. */
export const FENCED: boolean = process.arch !== 'x64' && process.arch !== 'ia32'

/**
 * True where the version may be looked at first, and written, with plain accesses. Proved per runtime by
 * `npm run test:litmus`; a runtime that fails there is named here and pays for an Atomics access.
 *
 * The second look, after the data, is an Atomics access everywhere: with nothing but plain loads between, V8 (seen on
 * Node 24 and Deno 2.9) takes the second plain load of a word for the first one, and half-written records came through.
 * An Atomics call in between also keeps the loads of one round from being taken for those of the next.
 *
 * JavaScriptCore (Bun) merges the first look too: it lifts plain loads out of loops.
 */
const PLAIN = !FENCED && process.versions.bun === undefined
export const PLAIN_VERSIONS: boolean = PLAIN

/**
 * True where an `Atomics.load` stores: JavaScriptCore compiles a hot one to `lock xadd 0`. On a private mapping, which a
 * read-only handle has, the first one copies the page, and the handle never again sees what others store in it. So such a
 * handle loads plainly there, after a call that the compiler cannot look into.
 */
export const LOADS_STORE: boolean = process.versions.bun !== undefined

/** The store that closes a version, or lets others see what was written: who sees it sees everything before it too. */
export function publish(words: Int32Array, word: number, value: number): void {
  if (PLAIN) words[word] = value
  else Atomics.store(words, word, value)
}
