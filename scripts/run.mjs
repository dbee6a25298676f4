// scripts: the few helpers that several scripts share. Nothing here may import from outside node:, because
// prepare.mjs runs before node_modules exists.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root, or the installed package's. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Every file below `folder` (relative to the root, `/`-separated, sorted); empty when the folder does not exist. */
export function filesUnder(folder, keep = () => true) {
  const found = []
  const visit = (relative) => {
    let entries
    try {
      entries = readdirSync(join(root, relative), { withFileTypes: true })
    } catch (error) {
      if (error.code === 'ENOENT') return
      throw error
    }
    for (const entry of entries) {
      const path = `${relative}/${entry.name}`
      if (entry.isDirectory()) visit(path)
      else if (keep(path)) found.push(path)
    }
  }
  visit(folder)
  return found.sort()
}

const groups = new Set()
process.on('exit', () => {
  for (const pid of groups) killGroup(pid)
})
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))

/** A test's children are in its process group: one signal ends them all. */
function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group is gone already.
  }
}

/**
 * Runs a program and resolves with how it ended; it never rejects for a program that merely failed.
 * `output` collects both streams as they come when `quiet` is set, and `stdout` and `stderr` each alone, whole lines whatever
 * the other says meanwhile; otherwise they go to the terminal. With a `limit` in milliseconds
 * the program runs in a process group of its own, and what is left of the group when it ends, or at the limit, is killed.
 */
export function run(command, args, { quiet = false, cwd = root, env = process.env, limit } = {}) {
  return new Promise((resolve) => {
    const detached = limit !== undefined && process.platform !== 'win32'
    const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit'
    const child = spawn(command, args, { cwd, env, stdio, detached })
    let output = ''
    const alone = { stdout: '', stderr: '' }
    let timedOut = false
    for (const stream of ['stdout', 'stderr']) {
      child[stream]?.setEncoding('utf8').on('data', (chunk) => {
        output += chunk
        alone[stream] += chunk
      })
    }
    if (detached && child.pid) groups.add(child.pid)
    const watchdog =
      limit === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true
            killGroup(child.pid)
          }, limit)
    child.on('error', (error) =>
      resolve({ ok: false, code: 127, signal: null, output: `${command}: ${error.message}\n`, ...alone, timedOut }),
    )
    // A grandchild that outlives its parent would hold the pipes open, and 'close' back, for ever.
    child.on('exit', () => detached && killGroup(child.pid))
    child.on('close', (code, signal) => {
      clearTimeout(watchdog)
      groups.delete(child.pid)
      resolve({ ok: code === 0, code: code ?? 1, signal, output, ...alone, timedOut })
    })
  })
}

/**
 * The same for a program that needs the network, which may fail for a moment: so it is tried again, twice, a few seconds
 * later each time.
 */
export async function runOnline(command, args, options = {}) {
  for (let wait = 5000; ; wait *= 3) {
    const result = await run(command, args, options)
    if (result.ok || wait > 15_000) return result
    console.error(`${command} ${args[0]} failed; trying again in ${wait / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
}

/** Path of a development tool's own JavaScript or binary entry, so that no shell and no npx stands between. */
export const tool = (name) => join(root, 'node_modules', '.bin', name)

/** `1.2 s`, for progress lines. */
export const since = (start) => `${((performance.now() - start) / 1000).toFixed(1)} s`
