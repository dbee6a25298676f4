// testing: scenarios for the tests of segment/.

import { spawn } from 'node:child_process'
import { Memory, ShmObject } from '../../memory/index.js'
import { addon } from '../../native/load.js'
import { Segment, type SegmentOpenOptions, type SegmentOptions } from '../../segment/index.js'
import { Mutex } from '../../sync/index.js'
import type { Peer, Scenario } from './ground-main.js'

/** What `init` leaves in the body, so that a whole segment can be told from half of one. */
export const PATTERN: number = 0x5eed5eed

export function patterned(options: Partial<SegmentOptions> = {}): SegmentOptions {
  return {
    kind: 'pattern',
    size: 8192,
    participants: 8,
    schema: 0x1234_5678_9abc_def0n,
    parameters: new Uint8Array([1, 2, 3]),
    ...options,
    init(segment) {
      for (let word = segment.body / 4; word < (segment.body + 8192) / 4; word += 128)
        segment.memory.store(word, PATTERN)
    },
  }
}

/** Calls `step` before every call of the addon, every ordered access, and every plain store of the header. */
export function numberSteps(step: () => void): void {
  const native = addon() as unknown as Record<string, (...args: unknown[]) => unknown>
  for (const name of ['open', 'truncate', 'commit', 'map', 'lockByte', 'unlockByte', 'unlink', 'close']) {
    const original = native[name] as (...args: unknown[]) => unknown
    native[name] = (...args: unknown[]) => {
      step()
      return original(...args)
    }
  }
  const words = Memory.prototype as unknown as Record<string, (...args: number[]) => number>
  for (const name of ['store', 'exchange', 'compareExchange', 'add']) {
    const original = words[name] as (...args: number[]) => number
    words[name] = function (this: Memory, ...args: number[]) {
      step()
      return original.apply(this, args)
    }
  }
  const map = ShmObject.prototype.map
  ShmObject.prototype.map = function (this: ShmObject, length: number, offset?: number) {
    const memory = map.call(this, length, offset)
    for (const view of ['u8', 'i32', 'u32', 'f64'] as const) {
      const target = memory[view]
      const stepping = new Proxy(target, {
        get(_, key) {
          const value = Reflect.get(target, key, target) as unknown
          return typeof value === 'function' ? value.bind(target) : value
        },
        set(_, key, value) {
          step()
          return Reflect.set(target, key, value, target)
        },
      })
      if (view !== 'i32') (memory as unknown as Record<string, unknown>)[view] = stepping
    }
    return memory
  }
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error)

export const segmentScenarios: Readonly<Record<string, Scenario>> = {
  /** Makes a segment and dies before the n-th step; says how many there were when it got through. */
  'create-and-die'(peer: Peer, name: string, n: number, options: object) {
    let steps = 0
    numberSteps(() => {
      if (++steps === n) process.kill(process.pid, 'SIGKILL')
    })
    const segment = Segment.createOrOpen(name, patterned(options))
    const made = steps
    steps = Number.NEGATIVE_INFINITY
    peer.say({ made, created: segment.created })
  },

  async 'create-on-command'(peer: Peer, name: string, how: 'create' | 'createOrOpen', options: object) {
    peer.say('ready')
    for (;;) {
      await peer.hear()
      try {
        const segment = Segment[how](name, patterned(options))
        const first = segment.memory.load(segment.body / 4)
        peer.say({ created: segment.created, first })
        if (!(await peer.hear())) return
        segment.close()
      } catch (error) {
        peer.say({ code: codeOf(error) })
      }
    }
  },

  /** Is in the middle of making a segment, until somebody lets it go on. */
  'create-and-stop'(peer: Peer, name: string) {
    Segment.createOrOpen(name, {
      ...patterned(),
      init(segment) {
        patterned().init?.(segment)
        peer.say('half-way')
        process.kill(process.pid, 'SIGSTOP')
      },
    })
    peer.say('made')
  },

  async attach(peer: Peer, name: string, mark: number, options: SegmentOpenOptions = {}) {
    const segment = Segment.open(name, options)
    const { slot, token, area } = segment.participant
    if (mark !== 0) segment.memory.store(area / 4, mark)
    peer.say({ slot, token, pid: process.pid })
    await peer.hear()
    segment.close()
    peer.say('closed')
  },

  async 'attach-in-workers'(peer: Peer, name: string, helper: string, howMany: number) {
    const { Worker } = await import('node:worker_threads')
    const workers = Array.from(
      { length: howMany },
      () => new Worker(helper, { workerData: { do: 'attach', key: name } }),
    )
    const slots = await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
    // This thread shares the mapping that one of them made.
    Segment.open(name)
    peer.say(slots)
    await peer.hear()
    await Promise.all(workers.map((worker) => worker.terminate()))
    peer.say('terminated')
    await peer.hear()
  },

  /** Holds a mutex and a slot, and has children of its own that live on. */
  async 'hold-and-spawn'(peer: Peer, name: string) {
    const before = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
    const mutex = Mutex.open(name)
    mutex.acquire()
    const after = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
    const shell = spawn('sh', ['-c', 'sleep 60 & wait'], { detached: true, stdio: 'ignore' })
    peer.say([before.pid, after.pid, shell.pid])
    await peer.hear()
  },

  async 'try-segment'(peer: Peer, name: string, options: object) {
    try {
      const segment = Segment.open(name, options)
      peer.say('fine')
      segment.close()
    } catch (error) {
      peer.say(codeOf(error))
    }
  },
}
