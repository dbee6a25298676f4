// What a test run left in shared memory. Each run has its own namespace, our objects carry it in their names
// (memlane:<namespace>:<name>), and tests put it into the names of objects of other formats too.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const folder = '/dev/shm'

/** Objects of this run that still exist; none where shared memory cannot be listed. */
export function leftBehind(namespace) {
  try {
    return readdirSync(folder).filter((name) => name.includes(namespace))
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

export function removeLeftovers(namespace) {
  for (const name of leftBehind(namespace)) rmSync(join(folder, name), { force: true })
}
