// testing: scenarios in which something else in the process outlives or interrupts a call of ours.

import { execFileSync } from 'node:child_process'
import { randomFill, webcrypto } from 'node:crypto'
import { closeSync, openSync, read, readFileSync, write } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { MessageChannel, Worker } from 'node:worker_threads'
import { deflate, gzip } from 'node:zlib'
import { type Memory, ShmObject, unlinkObject } from '../../memory/index.js'
import type { Peer, Scenario } from './ground-main.js'

const SIZE = 2 ** 20

function openWhole(name: string): Memory {
  const object = ShmObject.open(name)
  return object.map(object.stat().size)
}

/** `fine`, or what was thrown. */
function codeOf(work: () => unknown): string {
  try {
    work()
    return 'fine'
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    return `${code}: ${message}`
  }
}

/** A worker in whose code `map()` maps the object, and the names of `data` are variables. */
function startWorker(code: string, data: { name: string } & Readonly<Record<string, unknown>>): Worker {
  const source = `
    const { workerData: { shm, ${Object.keys(data).join(', ')} }, parentPort } = require('node:worker_threads')
    import(shm).then(({ ShmObject }) => {
      const map = () => {
        const object = ShmObject.open(name)
        return object.map(object.stat().size)
      }
      ${code}
    })`
  const shm = new URL('../../memory/shm.js', import.meta.url).href
  return new Worker(source, { eval: true, workerData: { ...data, shm } })
}

type Reader = (view: Uint8Array<ArrayBuffer>) => Promise<unknown>

/** Work of the runtime's that has the bytes of a view until its promise settles. */
const readers: Readonly<Record<string, Reader>> = {
  'zlib in one piece': (view) => promisify(deflate)(view),
  'zlib in many pieces': (view) => promisify(gzip)(view, { chunkSize: 64, level: 1 }),
  'reading a file': async (view) => {
    const file = openSync('/dev/zero', 'r')
    try {
      return await promisify(read)(file, view, 0, view.length, 0)
    } finally {
      closeSync(file)
    }
  },
  'writing a file': async (view) => {
    const file = openSync('/dev/null', 'w')
    try {
      return await promisify(write)(file, view, 0, view.length, null)
    } finally {
      closeSync(file)
    }
  },
  'random bytes': (view) => promisify(randomFill)(view),
  digest: (view) => webcrypto.subtle.digest('SHA-256', view),
  'the body of a request': async (view) => {
    const server = createServer((request, response) => {
      let length = 0
      request.on('data', (part: Buffer) => {
        length += part.length
      })
      request.on('end', () => response.end(String(length)))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = server.address() as AddressInfo
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: view })
      return await response.text()
    } finally {
      server.close()
    }
  },
  'a message': async (view) => {
    const { port1, port2 } = new MessageChannel()
    const got = new Promise((resolve) => port2.once('message', resolve))
    port1.postMessage(view)
    await got
    port1.close()
  },
  'a message that takes the buffer along': async (view) => {
    const { port1, port2 } = new MessageChannel()
    const got = new Promise<Uint8Array>((resolve) => port2.once('message', resolve))
    try {
      port1.postMessage(view, [view.buffer])
    } catch {
      return port1.close() // A runtime that refuses to take it.
    }
    const there = await got
    port1.close()
    return there[0]
  },
}

export const nativeScenarios: Readonly<Record<string, Scenario>> = {
  /** Closes while each kind of reader is at work. */
  async 'close-under-readers'(peer: Peer, name: string, sparse: boolean) {
    for (const [kind, start] of Object.entries(readers)) {
      for (let round = 0; round < 3; round++) {
        const object = ShmObject.open(name, { sparse })
        const memory = object.map(object.stat().size)
        const length = Math.min(SIZE, memory.size)
        // A kept view, as record.view() gives. What takes no shared buffers is not tried with them.
        const view = new Uint8Array(memory.buffer as ArrayBuffer, 0, length)
        let work: Promise<unknown>
        try {
          work = start(view).catch(() => {})
        } catch {
          work = Promise.resolve()
        }
        memory.close()
        await work
        if (view.length > 0) view[0] = 99
        const after = openWhole(name)
        const reached = after.u8[0] === 99
        after.close()
        if (reached) return peer.say(`${kind}: a store after close reached the object`)
      }
    }
    peer.say('closed under all')
  },

  /** A handle whose buffer was moved on. */
  'buffer-moves-on'(peer: Peer, name: string) {
    const memory = openWhole(name)
    const buffer = memory.buffer as ArrayBuffer & { transfer?(): ArrayBuffer }
    const here = new Uint8Array(buffer.transfer?.() ?? buffer)
    memory.close()
    for (let at = 0; at < here.length; at += 4096) here[at] = 97
    peer.say({ reached: openWhole(name).u8[0] === 97 })
  },

  /** A buffer that a worker made and sent here, before it ended. */
  async 'buffer-outlives-worker'(peer: Peer, name: string, closed: boolean) {
    const worker = startWorker(
      `const memory = map()
       if (closed) memory.close()
       const buffer = memory.buffer.transfer()
       parentPort.postMessage(buffer, [buffer])
       setInterval(() => {}, 1000)`,
      { name, closed },
    )
    const here = new Uint8Array(await new Promise<ArrayBuffer>((resolve) => worker.once('message', resolve)))
    const before = here[0]
    await worker.terminate()
    // Deno says so before the thread is gone.
    while (here[0] !== 0) await new Promise((resolve) => setTimeout(resolve, 1))
    const sum = here.reduce((a, b) => a + b, 0)
    here.fill(97)
    const after = openWhole(name)
    peer.say({ closed, before, sum, reached: after.u8[0] === 97 })
    after.close()
  },

  /** Workers with an open handle end one after the other; says by how much the address space has grown. */
  async 'workers-come-and-go'(peer: Peer, name: string, workers: number) {
    const addresses = (): number =>
      1024 * Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
    const one = async (): Promise<void> => {
      const worker = startWorker("globalThis.kept = map(); parentPort.postMessage('open')", { name })
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
    }
    await one()
    const before = addresses()
    for (let i = 0; i < workers; i++) await one()
    peer.say(addresses() - before)
  },

  /** Opens and closes, keeping each view alive or not; says what that has cost. */
  async 'close-many-times'(peer: Peer, name: string, times: number) {
    const kept: Uint8Array[] = []
    const other = openWhole(name)
    for (let i = 0; i < times; i++) {
      const memory = openWhole(name)
      if (i % 100 === 0) kept.push(memory.u8)
      memory.close()
      if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
    }
    for (const view of kept) if (view.length > 0) view[0] = 99
    peer.say({ touched: other.u8[0] === 99 })
  },

  /** Throws behind an awaited wait, where nobody catches it. */
  async 'throw-after-a-wait'(peer: Peer, name: string) {
    const memory = openWhole(name)
    const heard: string[] = []
    process.on('uncaughtException', (error) => heard.push(error.message))
    const alive = setInterval(() => {}, 1000)
    for (let i = 0; i < 3; i++) {
      const wait = memory.waitAsync(0, i)
      memory.store(0, i + 1)
      memory.wake(0, 1)
      await wait
      process.nextTick(() => {
        throw new Error(`tick ${i}`)
      })
      queueMicrotask(() => {
        throw new Error(`microtask ${i}`)
      })
    }
    const timedOut = await memory.waitAsync(0, 3, { timeout: 20 })
    clearInterval(alive)
    peer.say({ heard: heard.sort(), timedOut })
  },

  /** Many waits on a word each are aborted, woken, run out of time or are closed, in an order that mixes them. */
  async 'many-waits'(peer: Peer, name: string, count: number) {
    const alive = setInterval(() => {}, 1000)
    const memory = openWhole(name)
    const ends = ['aborted', 'woken', 'timed out', 'closed']
    const ways = ['woken', 'woken', 'timed out', '', 'closed'] // 'changed' is woken, too
    const signals: AbortController[] = []
    const settled: Promise<string>[] = []
    for (let i = 0; i < count; i++) {
      const abort = new AbortController()
      signals.push(abort)
      const timeout = ends[i % 4] === 'timed out' ? 5 : -1
      settled.push(
        memory.waitAsync(i + 1, 0, { timeout, signal: abort.signal }).then(
          (result) => ways[result]!,
          (reason) => (reason === abort.signal.reason ? 'aborted' : String(reason)),
        ),
      )
    }
    // A step that has no divisor in common with a count that is no multiple of it visits each once.
    for (let i = 0, at = 0; i < count; i++, at = (at + 347) % count) {
      if (ends[at % 4] === 'aborted') signals[at]!.abort()
      if (ends[at % 4] !== 'woken') continue
      memory.store(at + 1, 1)
      memory.wake(at + 1, 1)
      if (at % 3 === 0) await settled[at]
    }
    await Promise.all(settled.filter((_, i) => ends[i % 4] !== 'closed'))
    memory.close()
    const said = await Promise.all(settled)
    const of = (end: number): string => [...new Set(said.filter((_, i) => i % 4 === end))].join()
    clearInterval(alive)
    peer.say({ aborted: of(0), woken: of(1), timedOut: of(2), closed: of(3) })
  },

  /** Loads the module of objects once more in this thread, over the same addon. */
  async 'two-copies'(peer: Peer, name: string, shm: string) {
    const alive = setInterval(() => {}, 1000)
    const copies = [
      (await import(shm)).ShmObject,
      (await import(`${shm}?again`)).ShmObject,
      (await import(`${shm}?once-more`)).ShmObject,
    ]
    const memories = copies.map((copy: typeof ShmObject) => copy.open(name).map(4096))
    const said: number[] = []
    for (const memory of memories) said.push(await memory.waitAsync(1, 0, { timeout: 5 }))
    const waits = memories.map((memory) => memory.waitAsync(2, 0))
    const aborted = new AbortController()
    const others = memories.map((memory) => memory.waitAsync(3, 0, { signal: aborted.signal }).catch(() => 'aborted'))
    aborted.abort()
    memories[0]!.store(2, 1)
    memories[0]!.wake(2, 9)
    const woken = (await Promise.all(waits)).every((how) => how === 0 || how === 1)
    for (const memory of memories) memory.close()
    clearInterval(alive)
    peer.say({ copies: new Set(copies).size, said, woken, others: await Promise.all(others) })
  },

  /** Waits on a thread when the user may have no more of them. */
  async 'no-more-threads'(peer: Peer, name: string) {
    const memory = openWhole(name)
    execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1:1'])
    const code = await memory.waitAsync(0, 0, { timeout: 1 }).then(
      () => 'fine',
      (error: Error & { code?: string }) => `${error.code}: ${error.message}`,
    )
    peer.say(code)
  },

  /** Two handlers of SIGBUS are set after ours, by a library that says how. */
  async 'bus-handlers'(peer: Peer, name: string) {
    const cut = (): number => {
      const object = ShmObject.open(name)
      object.resize(8192)
      const memory = object.map(8192)
      object.resize(0)
      const sum = memory.i32[0]! + memory.i32[1500]!
      const { faults } = memory
      memory.close()
      return sum + faults
    }
    peer.say(cut())
    // The library set to work by a signal of its own.
    process.kill(process.pid, 'SIGUSR2')
    peer.say(cut())
    process.kill(process.pid, 'SIGBUS')
    peer.say(cut())
    process.kill(process.pid, 'SIGBUS')
    const end = performance.now() + 10_000
    while (performance.now() < end);
  },

  /** Makes an object, gives it pages, takes a lock on it and looks at one, as far as it comes. */
  'make-commit-lock'(peer: Peer, length: number) {
    const name = `make-commit-lock-${process.pid}`
    let object: ShmObject | undefined
    const made = codeOf(() => {
      object = ShmObject.open(name, { create: true, exclusive: true })
      unlinkObject(name)
      object.resize(length)
    })
    const others = [() => object?.commit(0, length), () => object?.lock(1), () => object?.isLocked(2)]
    peer.say([made, ...others.map(codeOf)])
  },

  /** Opens everything there is to open, where there is no /dev/shm. */
  'no-shared-memory'(peer: Peer) {
    peer.say([
      codeOf(() => ShmObject.open('o')),
      codeOf(() => ShmObject.tryOpen('o')),
      codeOf(() => ShmObject.open('o', { create: true })),
      codeOf(() => ShmObject.tryOpen('o', { create: true, exclusive: true })),
    ])
  },
}
