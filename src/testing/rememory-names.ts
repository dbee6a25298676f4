// testing: names for objects of memlane/rememory that no other test or run uses, and their removal.

import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { after } from 'node:test'

const namespace = (process.env.MEMLANE_NAMESPACE ?? 'test').replace(/[^A-Za-z0-9_-]/g, '_')
const stem = `memlane-rm-${namespace}-${process.pid}-${randomBytes(4).toString('hex')}-`
let made = 0

/** A fresh name. What it names, and its semaphore, are removed when the test file ends. */
export function freshName(what: string = 'x'): string {
  return `${stem}${what}-${++made}`
}

export const fileOf = (name: string): string => `/dev/shm/${name}`
export const semaphoreFileOf = (name: string): string => `/dev/shm/sem.rememorydict_${name}`

/** The permits of a name's semaphore, and the word of its waiters. */
export function semaphoreWords(name: string): [value: number, waiters: number] {
  const bytes = readFileSync(semaphoreFileOf(name))
  return [bytes.readUInt32LE(0), bytes.readUInt32LE(4)]
}

after(() => {
  for (const name of readdirSync('/dev/shm')) {
    if (!name.includes(stem)) continue
    try {
      unlinkSync(`/dev/shm/${name}`)
    } catch {
      // A child removed it at the same moment.
    }
  }
})
