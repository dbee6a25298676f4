// native: who this process is and which boot of the machine it runs in. For people and tools: liveness never trusts it.

import { readFileSync, readlinkSync } from 'node:fs'

export interface Identity {
  readonly pid: number
  /** Clock ticks since boot at which the process started; 0 where /proc is hidden. */
  readonly startTime: number
  /** Inode of the pid namespace; 0 where /proc is hidden. */
  readonly pidNamespace: number
  /** 16 bytes that change with every boot; zeros where /proc is hidden. */
  readonly bootId: Uint8Array
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function readNamespace(): number {
  try {
    return Number(/\[(\d+)\]/.exec(readlinkSync('/proc/self/ns/pid'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

/** Start time of a process in clock ticks since boot, or 0 when there is no such process in this pid namespace. */
export function startTimeOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`)
  // The second field is the program's name in brackets and may hold anything: count from the last bracket.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 0) || 0
}

let known: Identity | undefined

export function identity(): Identity {
  if (known === undefined) {
    const hex = read('/proc/sys/kernel/random/boot_id').replace(/[^0-9a-f]/g, '')
    known = {
      pid: process.pid,
      startTime: startTimeOf(process.pid),
      pidNamespace: readNamespace(),
      bootId: Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2) || '0', 16)),
    }
  }
  return known
}
