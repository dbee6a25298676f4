// bench: Redis as a peer, spoken to in its own protocol over a Unix socket, so that no client library stands between.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface RedisServer {
  readonly peer: string
  readonly socket: string
  end(): Promise<void>
}

/** A server of our own, without persistence; `undefined`, said aloud, where there is no redis-server in the PATH. */
export async function startRedis(): Promise<RedisServer | undefined> {
  const version = /v=(\S+)/.exec(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]
  if (version === undefined) {
    console.error('bench: no redis-server in the PATH: its rows are missing')
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'))
  const socket = join(folder, 'socket')
  const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', [...options, '--notify-keyspace-events', 'KA', '--dir', folder], {
    stdio: 'ignore',
  })
  for (;;) {
    try {
      ;(await dial(socket)).destroy()
      break
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  return {
    peer: `Redis ${version}, keyspace notification`,
    socket,
    async end() {
      const gone = once(server, 'exit')
      server.kill('SIGTERM')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function dial(path: string): Promise<Socket> {
  const socket = connect(path)
  await once(socket, 'connect')
  return socket
}

/** One side of a conversation by keys: sets one, and is told when the other side sets another. */
export async function converse(
  path: string,
  mine: string,
  theirs: string,
  told: () => void,
): Promise<{ set(value: number): void; end(): void }> {
  const [asking, listening] = [await dial(path), await dial(path)]
  asking.resume()
  listening.write(`SUBSCRIBE __keyspace@0__:${theirs}\r\n`)
  await once(listening, 'data')
  listening.on('data', () => told())
  return {
    set: (value) => void asking.write(`SET ${mine} ${value}\r\n`),
    end() {
      asking.destroy()
      listening.destroy()
    },
  }
}
