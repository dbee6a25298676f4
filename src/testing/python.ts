// testing: the Python that interop tests talk to. MEMLANE_PYTHON names it; else python3 is taken if it has the packages.

import { spawnSync } from 'node:child_process'

/** The Python to run, or why there is none. */
export interface Python {
  /** Path or name of the interpreter; undefined when the tests that need it must be skipped. */
  readonly python: string | undefined
  /** For the `skip` option of a test: a reason, or false. */
  readonly skip: string | false
}

/**
 * Finds a Python that can import the given modules.
 *
 * @throws Error when there is none and `CI` is set: there, interop tests are not optional.
 */
export function findPython(...modules: string[]): Python {
  const wanted = modules.length > 0 ? modules : ['membridge']
  const named = process.env.MEMLANE_PYTHON
  const python = named !== undefined && named !== '' ? named : 'python3'
  const { status, error, stderr } = spawnSync(python, ['-c', `import ${wanted.join(', ')}`], { encoding: 'utf8' })
  if (error === undefined && status === 0) return { python, skip: false }

  const why = error === undefined ? (stderr.trim().split('\n').at(-1) ?? `exit ${status}`) : error.message
  const reason = `no Python with ${wanted.join(', ')}: ${python}: ${why} (name one in MEMLANE_PYTHON)`
  if (process.env.CI !== undefined && process.env.CI !== '' && process.env.CI !== 'false') throw new Error(reason)
  return { python: undefined, skip: reason }
}
