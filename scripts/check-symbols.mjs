// Guard: an addon asks of a machine nothing that one of its platform may lack.
// Why: a symbol of a newer C library, or of Node.js beyond the version of Node-API that we promise, is found by no test here
// and by everyone with an older machine there; and neither does a build for another platform run here.
import { createRequire } from 'node:module'
import { readElf, readMachO, readPe } from './executables.mjs'
import { OLDEST_GLIBC, OLDEST_MACOS } from './platforms.mjs'

const { symbols } = createRequire(import.meta.url)('node-api-headers')

/** The version that src/native promises: Node.js 20, Bun and Deno have it. */
const NODE_API = 8

const nodeApi = new Set([...symbols[`v${NODE_API}`].js_native_api_symbols, ...symbols[`v${NODE_API}`].node_api_symbols])
const EXPORTS = ['memlane_sources', 'napi_register_module_v1', 'node_api_module_get_api_version_v1']

const READERS = { linux: readElf, darwin: readMachO, win32: readPe }

const LIBRARIES = {
  glibc: /^(libc\.so\.6|libpthread\.so\.0|libdl\.so\.2|ld-linux-(x86-64\.so\.2|aarch64\.so\.1))$/,
  musl: /^libc\.so$/,
  darwin: /^\/usr\/lib\/libSystem\.B\.dylib$/,
  // Each is part of Windows 10: the C library comes in pieces.
  win32: /^(KERNEL32\.dll|api-ms-win-crt-[\w-]+\.dll)$/i,
}

/** Symbols that a linker adds by itself. */
const LINKERS_OWN = ['__dso_handle', '_mh_dylib_header', 'DllMainCRTStartup']

/** @returns {number} below 0 when a is the older version. */
function compareVersions(a, b) {
  const [x, y] = [a, b].map((text) => text.split('.').map(Number))
  for (let i = 0; i < Math.max(x.length, y.length); i++)
    if ((x[i] ?? 0) !== (y[i] ?? 0)) return (x[i] ?? 0) - (y[i] ?? 0)
  return 0
}

/** What is wrong with the addon of a platform, in whole sentences. */
export function problemsOf(platform, bytes) {
  const [system, processor, libc] = platform.split('-')
  const file = READERS[system](bytes)
  const problems = []
  if (file.processor !== processor) problems.push(`it is for ${file.processor}, not for ${processor}`)
  const exports = file.exports.filter((name) => !LINKERS_OWN.includes(name))
  if (exports.join() !== EXPORTS.join())
    problems.push(`it exports ${exports.join(', ')} instead of ${EXPORTS.join(', ')}`)
  for (const library of file.libraries)
    if (!LIBRARIES[libc ?? system].test(library))
      problems.push(`it needs ${library}, which is no part of ${libc ?? system}`)
  for (const name of file.imports)
    if (name.startsWith('napi_') && !nodeApi.has(name)) problems.push(`${name} is no part of Node-API ${NODE_API}`)
  for (const version of file.versions) {
    if (system === 'darwin') {
      if (version !== OLDEST_MACOS) problems.push(`it needs macOS ${version}, not ${OLDEST_MACOS}`)
      continue
    }
    const glibc = /^GLIBC_([\d.]+)$/.exec(version)?.[1]
    if (libc !== 'glibc' || glibc === undefined) problems.push(`it asks for symbols of version ${version}`)
    else if (compareVersions(glibc, OLDEST_GLIBC) > 0)
      problems.push(`it asks for symbols of ${version}; the oldest glibc has ${OLDEST_GLIBC}`)
  }
  return problems
}
