// testing: which runtime runs this test, and how to start a child under the same one.

export type RuntimeName = 'node' | 'bun' | 'deno'

/** The runtime this process runs on. */
export const runtimeName: RuntimeName =
  process.versions.bun !== undefined ? 'bun' : process.versions.deno !== undefined ? 'deno' : 'node'

/** `node 20.20.2`, for messages. */
export const runtimeLabel: string = `${runtimeName} ${process.versions[runtimeName]}`

/** The runtime's major version, for skips that state a reason. */
export const runtimeMajor: number = Number.parseInt(process.versions[runtimeName] ?? '0', 10)

/**
 * What goes between `process.execPath` and a JavaScript file, to start the file as a child on the same runtime:
 * `spawn(process.execPath, [...runtimeArgs, file, ...arguments])`. The child may call {@link collectGarbage}.
 *
 * Deno's node:child_process puts `run --allow-all` there itself when it starts Deno; doing it again breaks the message
 * channel between parent and child.
 */
export const runtimeArgs: readonly string[] = runtimeName === 'bun' ? [] : ['--expose-gc']

/** Why a thing cannot be tested where {@link collectGarbage} does nothing; false where it works. Fits the `skip` option of a test. */
export const noGarbageCollection: string | false =
  collector() === undefined ? 'this process was started without --expose-gc' : false

/** Collects garbage now, in full. */
export function collectGarbage(): void {
  collector()?.()
}

function collector(): (() => void) | undefined {
  const globals = globalThis as unknown as { gc?: () => void; Bun?: { gc(force: boolean): void } }
  return globals.Bun === undefined ? globals.gc : () => globals.Bun?.gc(true)
}
