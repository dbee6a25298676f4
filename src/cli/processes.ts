// cli: what /proc tells about processes. For people only: liveness never depends on it, and where /proc is hidden or
// another system runs, everything here says "unknown".

import { readdirSync, readFileSync, statSync } from 'node:fs'
import type { ObjectStat } from '../memory/index.js'

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** The command line of a process, at most 60 characters; empty when it cannot be seen. */
export function commandOf(pid: number): string {
  const words = read(`/proc/${pid}/cmdline`).split('\0').filter(Boolean)
  const text = words.map((word, i) => (i === 0 ? word.replace(/^.*\//, '') : word)).join(' ')
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

export interface Users {
  /** Pids that have the object mapped. */
  readonly pids: readonly number[]
  /** False when some processes did not let us look. */
  readonly complete: boolean
}

/** Who has which objects mapped, by one walk through /proc. */
export class Mappings {
  readonly #pids: Map<string, number[]> = new Map()
  /** Users with processes that did not let us look. */
  readonly #hidden: Set<number> = new Set()
  #blind = false

  constructor() {
    let entries: string[] = []
    try {
      entries = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
    } catch {
      // No /proc on this system.
    }
    this.#blind = entries.length === 0
    for (const entry of entries) this.#look(Number(entry))
  }

  #look(pid: number): void {
    let maps: string
    try {
      maps = readFileSync(`/proc/${pid}/maps`, 'latin1')
    } catch (error) {
      // Gone meanwhile is fine; forbidden is not knowing.
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ESRCH') this.#hide(pid)
      return
    }
    const seen = new Set<string>()
    for (const line of maps.split('\n')) {
      // address perms offset dev inode path
      const match = /^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)/.exec(line)
      if (match === null || match[3] === '0') continue
      seen.add(`${Number.parseInt(match[1]!, 16)}:${Number.parseInt(match[2]!, 16)}:${match[3]}`)
    }
    for (const key of seen) {
      const pids = this.#pids.get(key)
      if (pids === undefined) this.#pids.set(key, [pid])
      else pids.push(pid)
    }
  }

  #hide(pid: number): void {
    try {
      this.#hidden.add(statSync(`/proc/${pid}`).uid)
    } catch {
      // Gone meanwhile.
    }
  }

  /** A hidden process counts when its user may open the object; that root may open anything is left aside. */
  #complete({ uid, mode }: ObjectStat): boolean {
    return !this.#blind && ((mode & 0o066) === 0 ? !this.#hidden.has(uid) : this.#hidden.size === 0)
  }

  of(stat: ObjectStat): Users {
    // Linux packs a device number as in makedev(3): 12 bits of major from bit 8, minor around it.
    const device = BigInt(stat.device)
    const major = Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n))
    const minor = Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n))
    return { pids: this.#pids.get(`${major}:${minor}:${stat.inode}`) ?? [], complete: this.#complete(stat) }
  }
}
