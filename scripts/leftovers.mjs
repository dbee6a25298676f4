// What a test run left in shared memory. Object names are memlane:<namespace>:<name>, and each run has its own namespace.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const folder = '/dev/shm'

/** Names of the objects of this namespace that still exist; none where shared memory cannot be listed. */
export function leftBehind(namespace) {
  try {
    return readdirSync(folder).filter((name) => name.includes(`memlane:${namespace}:`))
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

export function removeLeftovers(namespace) {
  for (const name of leftBehind(namespace)) rmSync(join(folder, name), { force: true })
}
