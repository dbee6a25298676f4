// native: finds and loads the addon, once per thread. What was tried stands in the error when nothing fits.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MemlaneError } from '../errors.js'
import type { Addon } from './addon.js'

const root: string = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** `glibc` or `musl` on Linux, '' elsewhere: which C library the addon must have been built for. */
export function libc(): '' | 'glibc' | 'musl' {
  if (process.platform !== 'linux') return ''
  // Without musl's loader there is no doubt. With it there may still be glibc beside; a report, which knows, takes 5 ms.
  if (!existsSync('/lib/ld-musl-x86_64.so.1') && !existsSync('/lib/ld-musl-aarch64.so.1')) return 'glibc'
  try {
    const report = process.report?.getReport() as unknown as { header?: { glibcVersionRuntime?: string } } | undefined
    if (report?.header?.glibcVersionRuntime !== undefined) return 'glibc'
  } catch {
    // Not every runtime has reports.
  }
  return 'musl'
}

/** The folder under prebuilds/ for this machine, as `linux-x64-glibc`. */
export function prebuildName(): string {
  const c = libc()
  return `${process.platform}-${process.arch}${c === '' ? '' : `-${c}`}`
}

function candidates(): string[] {
  const chosen = process.env.MEMLANE_ADDON
  if (chosen !== undefined && chosen !== '') return [resolve(chosen)]
  return [join(root, 'prebuilds', prebuildName(), 'memlane.node'), join(root, 'build', 'memlane.node')]
}

let loaded: Addon | undefined
let failure: MemlaneError | undefined

/**
 * The addon.
 *
 * @throws MemlaneError `ERR_NATIVE` when no binary fits this machine; the message lists what was tried and the command
 *   that builds one from source.
 */
export function addon(): Addon {
  if (loaded !== undefined) return loaded
  if (failure !== undefined) throw failure
  const require = createRequire(import.meta.url)
  const tried: string[] = []
  for (const path of candidates()) {
    try {
      if (!existsSync(path)) throw new Error('no such file')
      loaded = require(path) as Addon
      return loaded
    } catch (error) {
      tried.push(`  ${path}: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  const builder = join(root, 'scripts', 'build-native.mjs')
  failure = new MemlaneError(
    'ERR_NATIVE',
    `no native addon for ${prebuildName()} could be loaded. Tried:\n${tried.join('\n')}\nBuild it from source (needs a C compiler): node ${/\s/.test(builder) ? JSON.stringify(builder) : builder}`,
  )
  throw failure
}
