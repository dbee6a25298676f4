// testing: sending signals to children, the same on every runtime.

import type { ChildProcess } from 'node:child_process'

/**
 * Sends a signal to a child that has not ended, and nothing else. Deno's ChildProcess.kill does more: it closes the child's
 * stdin first, so that a child which ends with its stdin may end in order before the signal comes; it sends one signal
 * in a child's life; and it says afterwards that the child ended by it, however it ended.
 */
export function send(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(child.pid, signal)
  } catch (error) {
    // It ended just now, and its exit has not been told yet.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
