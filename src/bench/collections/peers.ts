// bench: the peers of the collections, where they are installed.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Who we are in the table. */
export const US: string = `memlane (${process.versions.bun !== undefined ? `Bun ${process.versions.bun}` : `Node ${process.versions.node}`})`

/** What the programs use of lmdb. */
export interface Lmdb {
  get(key: string): unknown
  putSync(key: string, value: unknown): void
  put(key: string, value: unknown): Promise<boolean>
  removeSync(key: string): boolean
  getRange(options?: object): Iterable<{ key: string; value: unknown }>
  transactionSync<T>(work: () => T): T
  close(): Promise<void>
}

/** Opens a fresh store on tmpfs; `undefined`, said aloud, where npm lmdb is not found: PEERS_NODE names a folder that has it. */
export function openLmdb(): { peer: string; db: Lmdb; path: string; end(): Promise<void>; open(): Lmdb } | undefined {
  const from = `${process.env.PEERS_NODE ?? process.cwd()}/x.js`
  let lmdb: { open(options: object): Lmdb }
  let version = ''
  try {
    const need = createRequire(from)
    lmdb = need('lmdb')
    // Its exports do not offer package.json.
    version = versionBeside(need.resolve('lmdb'))
  } catch {
    console.error('bench: no npm lmdb (PEERS_NODE): its rows are missing')
    return undefined
  }
  const folder = mkdtempSync(
    join(process.env.TMPDIR_SHM ?? (process.platform === 'linux' ? '/dev/shm' : tmpdir()), 'bench-lmdb-'),
  )
  const path = join(folder, 'store')
  const open = (): Lmdb => lmdb.open({ path, mapSize: 1 << 30, noSync: true })
  const db = open()
  return {
    peer: `lmdb ${version} (npm)`,
    db,
    path,
    open,
    async end() {
      await db.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function versionBeside(file: string): string {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    try {
      return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version?: string }).version ?? '?'
    } catch {
      if (dirname(folder) === folder) return '?'
    }
  }
}

/** Keeps results alive. */
export const sink: { value: unknown } = { value: 0 }
