// native: what /proc tells about another process. For messages and tools only: liveness never depends on it, and where /proc is hidden or
// another system runs, everything here says no.

import { readFileSync } from 'node:fs'
import { identity } from './identity.js'

/** True when a pid from that pid namespace means nothing here. */
export function isElsewhere(pidNamespace: number): boolean {
  const mine = identity().pidNamespace
  return mine !== 0 && pidNamespace !== 0 && pidNamespace !== mine
}

/** True when the process is stopped, by SIGSTOP or a debugger. */
export function isStopped(pid: number): boolean {
  let stat = ''
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return false
  }
  // The second field is the program's name in brackets and may hold anything: count from the last bracket.
  return /^[tT]/.test(stat.slice(stat.lastIndexOf(')') + 2))
}
