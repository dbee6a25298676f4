// leaf: what is asked of the process and its runtime may refuse: the answer, or a coded error that names the permissions.

import { MemlaneError } from './errors.js'

const PERMISSIONS = '--allow-ffi --allow-read --allow-env=MEMLANE_ADDON,MEMLANE_NAMESPACE --allow-sys=uid'

/** The coded error for what Deno or Node.js did not permit; undefined for every other error. */
export function notPermitted(doing: string, error: unknown): MemlaneError | undefined {
  const { name, message, code, resource } = error as Error & { code?: unknown; resource?: string }
  const refused = (text: string): MemlaneError =>
    new MemlaneError('ERR_PERMISSION', `${doing}: ${text}`, { cause: error })
  if (name === 'NotCapable' || name === 'PermissionDenied' || /^Requires \w+ access/.test(message)) {
    return refused(`Deno does not permit it (${message}). Memlane needs ${PERMISSIONS}; docs/runtimes.md says what for`)
  }
  const isRestricted = 'permission' in process && process.permission !== undefined
  if (code === 'ERR_ACCESS_DENIED') {
    return refused(
      `the permission model of Node.js does not permit it${resource === undefined || resource === '' ? '' : ` (reading ${resource})`}. ` +
        'Memlane needs --allow-addons, and --allow-fs-read for the folder of its package',
    )
  }
  if (code !== 'ERR_DLOPEN_DISABLED') return undefined
  return refused(
    isRestricted
      ? 'the permission model of Node.js forbids native addons. Memlane needs --allow-addons, and --allow-fs-read for the folder of its package'
      : 'Node.js was started with --no-addons (on the command line, in NODE_OPTIONS, or in the execArgv of the worker), and Memlane is nothing without its native addon: start it without',
  )
}

/** @throws MemlaneError `ERR_PERMISSION` when the runtime does not permit what the work does. */
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
