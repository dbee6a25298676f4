// testing: the two sides of each litmus shape. Every shape is a loop of its own function, so that it is compiled as hot
// code of the product would be, with monomorphic accesses.

import { type Memory, ShmObject } from '../../memory/index.js'
import type { Peer, Scenario } from './ground-main.js'

/** Words of their own cache lines. */
const X = 64
const Y = 128
const DATA = 256
const WORDS = 12

export interface Outcome {
  rounds: number
  wrong: number
  /** How often the other side's progress was seen, without which nothing is proved. */
  seen: number
}

export type Side = (memory: Memory, goOn: () => boolean) => Outcome

export type Shape =
  | 'mp'
  | 'mpStream'
  | 'sb'
  | 'seqlock'
  | 'seqlockPair'
  | 'version'
  | 'mpBroken'
  | 'sbBroken'
  | 'seqlockBroken'

export interface ShapeOf {
  readonly promise: string
  readonly broken: boolean
  readonly sides: readonly [Side, Side]
}

/** Once in a while, so that waiting for the other side does not outlive the test; gives it the processor if it has none. */
function isLong(memory: Memory, spins: number): boolean {
  if (spins % 16_384 !== 0) return false
  memory.wait(DATA + 200, 0, 0.05, -1)
  return true
}

/** Runs a piece of a loop until the time is over. */
function batches(goOn: () => boolean, batch: (outcome: Outcome) => void): Outcome {
  const outcome = { rounds: 0, wrong: 0, seen: 0 }
  while (goOn()) batch(outcome)
  return outcome
}

// ---- message passing: plain data, then a store that publishes it

function mpWriter(memory: Memory, goOn: () => boolean): Outcome {
  let n = 0
  return batches(goOn, (outcome) => {
    for (let i = 0; i < 2000; i++) {
      // One message at a time: the reader acknowledges.
      n = (n + 1) | 0
      for (let w = 0; w < WORDS; w++) memory.i32[DATA + w] = n
      memory.store(X, n)
      let spins = 0
      while (memory.load(Y) !== n) if (isLong(memory, ++spins) && !goOn()) return
      outcome.rounds++
      outcome.seen++
    }
  })
}

function mpReader(memory: Memory, goOn: () => boolean): Outcome {
  let last = memory.load(Y)
  return batches(goOn, (outcome) => {
    for (let i = 0; i < 20_000; i++) {
      const n = memory.load(X)
      if (n === last) continue
      for (let w = WORDS - 1; w >= 0; w--) if (memory.i32[DATA + w] !== n) outcome.wrong++
      last = n
      outcome.seen++
      outcome.rounds++
      memory.store(Y, n)
    }
  })
}

// ---- message passing without waiting: data is a counter that only grows; who sees the flag sees the data at least as new

function mpStreamWriter(memory: Memory, goOn: () => boolean): Outcome {
  let n = 0
  return batches(goOn, (outcome) => {
    for (let i = 0; i < 20_000; i++) {
      n = (n + 1) | 0
      memory.i32[DATA] = n
      memory.store(X, n)
      outcome.rounds++
      outcome.seen++
    }
  })
}

function mpStreamReader(memory: Memory, goOn: () => boolean): Outcome {
  let last = 0
  return batches(goOn, (outcome) => {
    for (let i = 0; i < 20_000; i++) {
      const flag = memory.load(X)
      const data = memory.i32[DATA]!
      if (data - flag < 0) outcome.wrong++
      if (flag !== last) outcome.seen++
      last = flag
      outcome.rounds++
    }
  })
}

// ---- the broken variant: the flag is raised before the data is there

function mpBrokenWriter(memory: Memory, goOn: () => boolean): Outcome {
  let n = 0
  return batches(goOn, (outcome) => {
    for (let i = 0; i < 20_000; i++) {
      n = (n + 1) | 0
      memory.store(X, n)
      for (let spin = 0; spin < 5; spin++) void memory.i32[DATA + 64 + spin]
      memory.i32[DATA] = n
      outcome.rounds++
    }
  })
}

// ---- store buffering (Dekker): both raise their word and look at the other's; one at least must see the other

/** Both sides agree on rounds through words ROUND and ROUND + 64, and on results through words after them. */
const ROUND = 512
const SAW = 768

function storeBuffering(side: 0 | 1, plain: boolean): Side {
  const [mine, other] = side === 0 ? [X, Y] : [Y, X]
  const [myRound, otherRound] = side === 0 ? [ROUND, ROUND + 64] : [ROUND + 64, ROUND]
  const [mySaw, otherSaw] = side === 0 ? [SAW, SAW + 64] : [SAW + 64, SAW]
  return (memory, goOn) => {
    let round = 0
    return batches(goOn, (outcome) => {
      for (let i = 0; i < 500; i++) {
        round++
        // Meet: both have lowered their words and finished the last round.
        memory.store(mine, 0)
        memory.store(myRound, 2 * round)
        let spins = 0
        while (memory.load(otherRound) < 2 * round) if (isLong(memory, ++spins) && !goOn()) return
        let saw: number
        if (plain) {
          memory.i32[mine] = round
          saw = memory.i32[other]!
        } else {
          memory.store(mine, round)
          saw = memory.load(other)
        }
        memory.store(mySaw, saw)
        memory.store(myRound, 2 * round + 1)
        while (memory.load(otherRound) < 2 * round + 1) if (isLong(memory, ++spins) && !goOn()) return
        if (saw !== round && memory.load(otherSaw) !== round) outcome.wrong++
        if (saw === round) outcome.seen++
        outcome.rounds++
        // A varying pause lets the two meet in every order.
        for (let spin = (round * 7 + side * 13) % 40; spin > 0; spin--) void memory.i32[DATA + 64 + spin]
      }
    })
  }
}

// ---- the seqlock

function seqlockWriter(memory: Memory, goOn: () => boolean): Outcome {
  let version = 0
  return batches(goOn, (outcome) => {
    for (let i = 0; i < 5000; i++) {
      memory.openVersion(X, version + 1)
      for (let w = 0; w < WORDS; w++) memory.i32[DATA + w] = version
      memory.f64[DATA] = version
      version = (version + 2) | 0
      memory.closeVersion(X, version)
      outcome.rounds++
      outcome.seen++
      for (let spin = version % 16; spin > 0; spin--) void memory.i32[DATA + 64 + spin]
    }
  })
}

function seqlockReader(check: boolean): Side {
  return (memory, goOn) => {
    const words = new Int32Array(WORDS)
    let last = -1
    return batches(goOn, (outcome) => {
      for (let i = 0; i < 10_000; i++) {
        const seen = memory.loadVersion(X)
        if (check && (seen & 1) !== 0) continue
        for (let w = 0; w < WORDS; w++) words[w] = memory.i32[DATA + w]!
        const big = memory.f64[DATA]!
        if (check && !memory.checkVersion(X, seen)) continue
        outcome.rounds++
        if (seen !== last) outcome.seen++
        last = seen
        for (let w = 1; w < WORDS; w++) if (words[w] !== words[0]) outcome.wrong++
        if (big !== words[0]) outcome.wrong++
        if (check && seen !== 0 && words[0] !== seen - 2) outcome.wrong++
      }
    })
  }
}

/** Few words, kept in variables: nothing but the accesses themselves stands between the two looks at the version. */
function seqlockPairReader(memory: Memory, goOn: () => boolean): Outcome {
  let last = -1
  return batches(goOn, (outcome) => {
    for (let i = 0; i < 10_000; i++) {
      const seen = memory.loadVersion(X)
      if ((seen & 1) !== 0) continue
      const first = memory.i32[DATA]!
      const middle = memory.i32[DATA + 5]!
      const end = memory.i32[DATA + WORDS - 1]!
      if (!memory.checkVersion(X, seen)) continue
      outcome.rounds++
      if (seen !== last) outcome.seen++
      last = seen
      if (first !== middle || middle !== end) outcome.wrong++
    }
  })
}

/** Waits for a version to change with nothing but loadVersion: a load that is hoisted out of the loop never ends. */
function versionWaiter(mine: number, other: number): Side {
  return (memory, goOn) => {
    let n = 0
    let late = 0
    return batches(goOn, (outcome) => {
      for (let i = 0; i < 500; i++) {
        n += 2
        memory.closeVersion(mine, n)
        let spins = 0
        // So few that a load which is stuck is noticed, so many that the other's time slice passes.
        while (memory.loadVersion(other) < n && spins < 2_000_000) spins++
        if (memory.loadVersion(other) < n) {
          // Either the other has stopped, or this load is stuck: an ordered look tells. Once it may have gone on in this
          // very moment; a load that is stuck is so again and again.
          if (memory.load(other) >= n && ++late >= 3) outcome.wrong++
          memory.wait(DATA + 200, 0, 0.05, -1)
          if (!goOn()) return
          i--
          n -= 2
          continue
        }
        if (spins > 0) late = 0
        outcome.rounds++
        outcome.seen++
      }
    })
  }
}

export const shapes: Readonly<Record<Shape, ShapeOf>> = {
  mp: { promise: 'message passing: who sees the flag sees all the data', broken: false, sides: [mpWriter, mpReader] },
  mpStream: {
    promise: 'message passing without acknowledgement: data is never older than its flag',
    broken: false,
    sides: [mpStreamWriter, mpStreamReader],
  },
  sb: {
    promise: 'store buffering: of two that announce themselves, one sees the other',
    broken: false,
    sides: [storeBuffering(0, false), storeBuffering(1, false)],
  },
  seqlock: {
    promise: 'seqlock: what a reader has checked is whole',
    broken: false,
    sides: [seqlockWriter, seqlockReader(true)],
  },
  seqlockPair: {
    promise: 'seqlock: what a reader has checked is whole, with nothing between its loads',
    broken: false,
    sides: [seqlockWriter, seqlockPairReader],
  },
  version: {
    promise: 'a plain look at a version sees it change',
    broken: false,
    sides: [versionWaiter(X, Y), versionWaiter(Y, X)],
  },
  mpBroken: { promise: 'a flag raised before its data', broken: true, sides: [mpBrokenWriter, mpStreamReader] },
  sbBroken: {
    promise: 'store buffering with plain accesses',
    broken: true,
    sides: [storeBuffering(0, true), storeBuffering(1, true)],
  },
  seqlockBroken: {
    promise: 'a seqlock whose reader does not check the version',
    broken: true,
    sides: [seqlockWriter, seqlockReader(false)],
  },
}

export const litmusScenarios: Readonly<Record<string, Scenario>> = {
  async litmus(peer: Peer, shape: Shape, name: string, side: 0 | 1, milliseconds: number) {
    const object = ShmObject.open(name)
    const memory = object.map(object.stat().size)
    peer.say('ready')
    await peer.hear()
    const end = performance.now() + milliseconds
    const goOn = (): boolean => performance.now() < end
    peer.say(shapes[shape].sides[side](memory, goOn))
  },
}
