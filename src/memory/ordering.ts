// memory: which form an ordered access takes on this processor and runtime. Decided once, at load.

/** x64 keeps loads in order with loads and stores with stores; others need fences around a seqlock's data. */
export const FENCED: boolean = process.arch !== 'x64' && process.arch !== 'ia32'

/**
 * True where a plain load or store of a version word is kept by the compiler, in program order. Proved per runtime by
 * `npm run test:litmus`; a runtime that fails there is named here and pays for an Atomics access.
 *
 * JavaScriptCore (Bun) fails: it takes a second plain load of a word for the first one when it sees no store between
 * them, and lifts plain loads out of loops. Half-written records came through.
 */
export const PLAIN_VERSIONS: boolean = !FENCED && process.versions.bun === undefined
