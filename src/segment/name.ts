// segment: which names are good on every system, and the object that a name stands for.

import { MemlaneError, wrongType } from '../errors.js'
import { utf8 } from '../host.js'
import { environment } from '../sandbox.js'
import { given } from '../sizes.js'

/** macOS ends object names at 31 bytes; a name that is good here is good there. */
export const NAME_MAX: number = 31

/** Every object of ours starts so; ':' cannot be part of a name, so namespace and name are told apart. */
const PREFIX = 'memlane:'

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/

/** Why a name is not good on some system, or undefined. */
function refusal(name: string): string | undefined {
  if (name.length === 0) return 'it is empty'
  const bytes = utf8.bytes(name).length
  if (bytes > NAME_MAX) return `it has ${bytes} bytes and macOS allows ${NAME_MAX}`
  if (CONTROL.test(name)) return 'it holds a NUL or another control character, which no system allows'
  const slash = /[/\\]/.exec(name)
  if (slash !== null)
    return `it holds ${JSON.stringify(slash[0])}, which separates folders on ${slash[0] === '/' ? 'Linux and macOS' : 'Windows'}`
  const special = /[<>:"|?*]/.exec(name)
  if (special !== null) return `it holds ${JSON.stringify(special[0])}, which Windows does not allow`
  // biome-ignore lint/suspicious/noControlCharactersInRegex: everything beyond ASCII is what is looked for
  if (/[^\u0000-\u007f]/.test(name))
    return 'it holds characters beyond ASCII, which macOS normalises and Windows recodes'
  if (/^\.+$/.test(name) || /[. ]$/.test(name) || name.startsWith(' '))
    return 'it starts with a space, ends in a dot or a space, or is only dots, which Windows does not keep'
  return undefined
}

/** @throws MemlaneError `ERR_TYPE`, `ERR_NAME`. */
export function checkName(name: unknown, what: string = 'name'): string {
  if (typeof name !== 'string') throw wrongType(what, 'a string', name)
  const why = refusal(name)
  if (why !== undefined) {
    const shown = name.length > 64 ? `${name.slice(0, 64)}…` : name
    throw new MemlaneError('ERR_NAME', `${what} ${JSON.stringify(shown)} is not valid: ${why}`)
  }
  return name
}

/** The namespace in force: the option, else MEMLANE_NAMESPACE, else `default`. */
export function namespaceOf(option: string | undefined): string {
  const chosen = given(option, environment('MEMLANE_NAMESPACE'))
  return chosen === undefined || chosen === '' ? 'default' : checkName(chosen, 'namespace')
}

/** The object's name under /dev/shm. */
export function objectName(name: string, namespace: string): string {
  return `${PREFIX}${namespace}:${name}`
}

/** @returns undefined when the object is not one of ours. */
export function parseObjectName(object: string): { namespace: string; name: string } | undefined {
  if (!object.startsWith(PREFIX)) return undefined
  const [namespace, name, ...rest] = object.slice(PREFIX.length).split(':')
  if (namespace === undefined || name === undefined || rest.length > 0) return undefined
  return refusal(namespace) === undefined && refusal(name) === undefined ? { namespace, name } : undefined
}
