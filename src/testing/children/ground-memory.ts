// testing: scenarios for the tests of memory/ and native/.

import { execFileSync } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { checkViewable, listObjects, ShmObject, statObject, unlinkObject } from '../../memory/index.js'
import { space } from '../../native/os-error.js'
import { Segment } from '../../segment/index.js'
import { keepAlive } from '../../waiting/index.js'
import type { Peer, Scenario } from './ground-main.js'

const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'fine'
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    return `${code}: ${message}`
  }
}

function openWhole(name: string): ReturnType<ShmObject['map']> {
  const object = ShmObject.open(name, { owner: 'any' })
  return object.map(object.stat().size)
}

/** What a process has at one moment, and how many objects of the name there are in /dev/shm. */
export interface Belongings {
  readonly descriptors: number
  readonly mappings: number
  readonly objects: number
  readonly rss: number
}

export const memoryScenarios: Readonly<Record<string, Scenario>> = {
  async 'await-word'(peer: Peer, name: string) {
    const memory = openWhole(name)
    const wait = keepAlive(memory.waitAsync(0, 0))
    peer.say('waiting')
    peer.say(await wait)
  },

  'forget-wait'(peer: Peer, name: string) {
    const memory = openWhole(name)
    for (let word = 0; word < 500; word++) void keepAlive(memory.waitAsync(word, 0))
    keepAlive(memory.waitAsync(0, 0, { timeout: 60_000 })).catch(() => {})
    peer.say('done with everything else')
  },

  'count-words'(peer: Peer, name: string, times: number) {
    const memory = openWhole(name)
    for (let i = 0; i < times; i++) memory.add(0, 1)
    peer.say('counted')
  },

  /** The main thread never touches memory; workers do, one after another. */
  async 'workers-alone'(peer: Peer, name: string, helper: string) {
    const { Worker } = await import('node:worker_threads')
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(helper, { workerData: { do: 'make-and-wait', key: `${name}-${i}` } })
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
      await new Promise((resolve) => setTimeout(resolve, 120))
    }
    peer.say('workers are gone')
  },

  'own-descriptors'(peer: Peer) {
    peer.say(
      readdirSync('/proc/self/fd')
        .map((fd) => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`)
          } catch {
            return ''
          }
        })
        .filter((target) => target.startsWith('/dev/shm/')),
    )
  },

  'try-open'(peer: Peer, name: string, options: object) {
    peer.say(codeOf(() => ShmObject.open(name, options).close()))
  },

  'make-object'(peer: Peer, name: string, mode: number, umask: number) {
    process.umask(umask)
    const object = ShmObject.open(name, { create: true, exclusive: true, mode })
    object.resize(4096)
    object.commit(0, 4096)
    peer.say(object.stat().uid)
  },

  /** Reads and writes every word of an object again and again, and once more after it is told to stop. */
  async 'walk-words'(peer: Peer, name: string) {
    const memory = openWhole(name)
    let going = true
    peer.say('walking')
    peer.hear().then(() => {
      going = false
    })
    let rounds = 0
    for (let last = false; ; ) {
      for (let word = 0; word < memory.i32.length; word += 64) {
        memory.i32[word] = memory.i32[word]! + 1
        memory.add(word + 1, 1)
      }
      rounds++
      if (last) break
      last = !going
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { faults } = memory
    peer.say({ rounds, faults, code: codeOf(() => memory.checkWhole('it')).split(':')[0] })
  },

  /** Waits on a word whose page is cut away, blocking and as a promise. */
  async 'wait-where-it-is-cut'(peer: Peer, name: string) {
    const memory = openWhole(name)
    const promise = keepAlive(memory.waitAsync(2000, 5))
    peer.say('waiting')
    await peer.hear()
    peer.say([await promise, memory.wait(2000, 5, 50, -1), memory.faults > 0])
  },

  /** Maps until there is nothing left to map with; says what stopped it and that everything comes back. */
  'map-to-the-limit'(peer: Peer, name: string, distinct: boolean) {
    const open: ShmObject[] = []
    let code = ''
    let made = 0
    const names: string[] = []
    while (code === '') {
      try {
        const mine = distinct ? `${name}-${made}` : name
        const object = ShmObject.open(mine, { create: distinct, exclusive: distinct })
        if (distinct) unlinkObject(mine)
        open.push(object)
        if (distinct) object.resize(4096)
        object.map(4096).i32[0] = 1
        made++
      } catch (error) {
        code = (error as { code?: string }).code ?? String(error)
      }
    }
    for (const object of open) object.close()
    const again = codeOf(() => openWhole(name).close())
    for (const each of names) unlinkObject(each)
    peer.say({ code, made, again })
  },

  /** Opens and closes so often, and says what this process has before, at every tenth, and after. */
  async 'open-and-close'(peer: Peer, name: string, times: number, how: 'open' | 'create') {
    const often = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        const segment = how === 'open' ? Segment.open(name) : Segment.create(name, { kind: 'x', size: 65_536 })
        segment.memory.i32[segment.body / 4]!++
        segment.close()
        if (how === 'create') Segment.unlink(name)
        // Node.js frees what it keeps beside a buffer (250 bytes) in a turn of the event loop, not before.
        if (i % 100 === 99) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})
    const count = (): Belongings => {
      collect()
      const maps = execFileSync('cat', [`/proc/${process.pid}/maps`], { encoding: 'utf8' }).split('\n')
      return {
        descriptors: readdirSync('/proc/self/fd').length,
        mappings: maps.filter((line) => line.includes('/dev/shm/')).length,
        objects: listObjects().filter((object) => object.endsWith(name)).length,
        rss: process.memoryUsage().rss,
      }
    }
    await often(2000)
    const samples = [count()]
    for (let tenth = 0; tenth < 10; tenth++) {
      await often(times / 10)
      samples.push(count())
    }
    peer.say(samples)
  },

  /** Runs with a /dev/shm of one MiB, in a mount namespace of its own. */
  'fill-shm'(peer: Peer) {
    const say: Record<string, unknown> = { space: space() }
    const half = Segment.create('half', { kind: 'x', size: 2 ** 22, commit: 2 ** 18, participants: 4 })
    const middle = half.body / 4
    half.memory.i32[middle] = 42
    const names = readdirSync('/dev/shm')
    say.create = codeOf(() => Segment.create('whole', { kind: 'x', size: 2 ** 21 }))
    say.createOrOpen = codeOf(() => Segment.createOrOpen('whole', { kind: 'x', size: 2 ** 21 }))
    say.unchangedNames = JSON.stringify(readdirSync('/dev/shm')) === JSON.stringify(names)
    const before = space().available
    say.grow = codeOf(() => half.grow(2 ** 21))
    say.unchangedSpace = space().available === before
    say.usable = [half.committed, half.memory.i32[middle], half.memory.faults]
    say.growALittle = codeOf(() => half.grow(2 ** 18 + 4096))
    say.committed = half.committed

    // A foreign sparse object: fill what is left, then touch its holes.
    const foreign = ShmObject.open('foreign', { create: true, exclusive: true })
    foreign.resize(2 ** 22)
    const memory = foreign.map(2 ** 22)
    say.commit = codeOf(() => memory.commit(0, 2 ** 22))
    const filler = ShmObject.open('filler', { create: true, exclusive: true })
    filler.resize(2 ** 22)
    filler.commit(0, space().available)
    let sum = 0
    for (let word = 0; word < 2 ** 20; word += 512) sum += memory.i32[word]!
    for (let word = 0; word < 2 ** 20; word += 512) memory.i32[word] = 1
    for (let word = 0; word < 2 ** 20; word += 512) memory.add(word + 1, 1)
    say.holes = { sum, faults: memory.faults > 0, whole: codeOf(() => memory.checkWhole('foreign')).split(':')[0] }
    say.stillUsable = [half.memory.i32[middle], half.memory.faults]
    say.name = codeOf(() => Segment.create('tiny', { kind: 'x', size: 4096 })).split(':')[0]
    say.noTiny = statObject('memlane:default:tiny') === undefined
    peer.say(say)
  },

  'too-large'(peer: Peer, size: number) {
    // Others on this machine make and remove objects all the while; what this process makes bears its pid.
    const mine = (): string[] => readdirSync('/dev/shm').filter((name) => name.includes(`-${process.pid}-`))
    const before = mine()
    const code = codeOf(() => checkViewable(size))
    peer.say({ code, same: JSON.stringify(mine()) === JSON.stringify(before) })
  },

  'raise-bus'(peer: Peer, name: string) {
    // A fault of ours is mended first, so that the handler is known to be in place.
    const memory = openWhole(name)
    ShmObject.open(name).resize(0)
    peer.say({ read: memory.i32[0], faults: memory.faults })
    process.kill(process.pid, 'SIGBUS')
    const end = performance.now() + 10_000
    while (performance.now() < end);
  },
}
