// testing: odd values, and what may come of them: an answer, or a MemlaneError with a code.

import assert from 'node:assert/strict'

/** Whatever a program may pass by mistake. */
// biome-ignore format: one of each
export const ODD: readonly unknown[] = [
  undefined, null, 0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 60), 5n, '', 'a/b', 'a\0b',
  'x'.repeat(1000), 'ä', '..', true, Symbol('s'), {}, [], () => {}, new Date(0), new Uint8Array(4), Object.create(null),
]

/** Runs it; with `must`, throwing is demanded. Anything but a MemlaneError with a code fails the test. */
export async function refusal(what: string, call: () => unknown, must: boolean): Promise<void> {
  try {
    const answer = call()
    // A wait that has begun is an answer.
    if (answer instanceof Promise) await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 1))])
  } catch (error) {
    const { name, code, stack } = error as Error & { code?: string }
    assert.ok(name === 'MemlaneError' && code?.startsWith('ERR_'), `${what}: ${stack}`)
    return
  }
  assert.ok(!must, `${what} was not refused`)
}

export const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null
