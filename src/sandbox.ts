// leaf: what is asked of the process and Deno may refuse: the answer, or a coded error that names the permissions.

import { MemlaneError } from './errors.js'

const PERMISSIONS = '--allow-ffi --allow-read --allow-env=MEMLANE_ADDON,MEMLANE_NAMESPACE --allow-sys=uid'

/** The coded error for what Deno did not permit; undefined for every other error. */
export function notPermitted(doing: string, error: unknown): MemlaneError | undefined {
  const { name, message } = error as Error
  if (name !== 'NotCapable' && name !== 'PermissionDenied' && !/^Requires \w+ access/.test(message)) return undefined
  return new MemlaneError(
    'ERR_PERMISSION',
    `${doing}: Deno does not permit it (${message}). Memlane needs ${PERMISSIONS}; docs/runtimes.md says what for`,
    { cause: error },
  )
}

/** @throws MemlaneError `ERR_PERMISSION` when Deno does not permit what the work does. */
export function permitted<T>(doing: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw notPermitted(doing, error) ?? error
  }
}

/** The value of an environment variable; undefined when it is not set. */
export function environment(name: string): string | undefined {
  return permitted(`reading the environment variable ${name}`, () => process.env[name])
}

/** The user whom the system asks about files, or undefined where there are no user ids. */
export function effectiveUser(): number | undefined {
  return permitted('asking which user this is', () => process.geteuid?.())
}
