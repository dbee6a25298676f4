// testing: names for membridge objects that no other test or run uses, and their removal.

import { randomBytes } from 'node:crypto'
import { readdirSync, unlinkSync } from 'node:fs'
import { after } from 'node:test'

const namespace = (process.env.MEMLANE_NAMESPACE ?? 'test').replace(/[^A-Za-z0-9_-]/g, '_')
const prefix = `memlane-mb-${namespace}-${process.pid}-${randomBytes(4).toString('hex')}-`
let made = 0

/** A fresh name with its slash. What it names is removed when the test file ends. */
export function freshName(what: string = 'x'): string {
  made++
  return `/${prefix}${what}-${made}`
}

/** The file behind a name. */
export function fileOf(name: string): string {
  return `/dev/shm${name}`
}

after(() => {
  for (const name of readdirSync('/dev/shm')) {
    if (!name.startsWith(prefix)) continue
    try {
      unlinkSync(`/dev/shm/${name}`)
    } catch {
      // A child removed it at the same moment.
    }
  }
})
