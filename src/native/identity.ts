// native: who this process is and which boot of the machine it runs in. For people and tools: liveness never trusts it.

import { addon } from './load.js'

export interface Identity {
  readonly pid: number
  /** When the process started, in whatever the system counts (Linux: clock ticks since boot); 0 where it cannot be seen. */
  readonly startTime: number
  /** Where pids are counted for themselves (Linux: inode of the pid namespace); 0 where that is one place, or hidden. */
  readonly pidNamespace: number
  /** 16 bytes that change with every boot; zeros where they are hidden. */
  readonly bootId: Uint8Array
}

/** Start time of a process, or 0 when there is no such process in this pid namespace. */
export function startTimeOf(pid: number): number {
  return addon().processStart(pid)
}

let known: Identity | undefined

export function identity(): Identity {
  if (known === undefined) {
    const bootId = new Uint8Array(16)
    addon().bootId(bootId)
    known = { pid: process.pid, startTime: startTimeOf(process.pid), pidNamespace: addon().processNamespace(), bootId }
  }
  return known
}
