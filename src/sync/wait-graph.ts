// sync: who waits for whom, and circles of waits. No process knows all locks, so each that blocks says in its participant slot which
// word it blocks on, and who has waited for a while reads what the others say.
//
// Threads are the nodes: a thread that blocks can release nothing, whatever handles it has. A thread that awaits can, so the wait of a
// task is shown to people and is no edge of a circle.
//
// A wait is in vain when the one it waits for waits in vain: for a lock its holder, for the readers of an RwLock any of them, for a
// permit all who have one. A circle is believed when two looks find it with the very same waits: such a wait cannot have
// ended in between, and nobody in it can end another's. Of those in the circle the one whose wait began last is told.

import { MemlaneError } from '../errors.js'
import { performance } from '../host.js'
import { type ParticipantInfo, type PublishedWait, Segment, surveySegments } from '../segment/index.js'
import { block, CIRCLE_LOOK_MS, type Pollable, type Sleep } from '../waiting/index.js'
import { nameOf } from './holder.js'

/** What the word that somebody waits on says. */
export const OWNED = 1
/** The first word of the readers of an RwLock: readers.ts. */
export const READERS_LEAVE = 2
/** The first word of the permits of a semaphore, as many as the bits from PERMITS_SHIFT on say. */
export const A_PERMIT = 3
export const PERMITS_SHIFT = 8
const KIND_MASK = 0x7f
/** A task waits, and its thread goes on. */
export const AWAITED: number = 0x80

const TOKEN = 0x3fffffff
const READER_QUEUED = 1 << 30
const READER_WORDS = 16

/** One thread that waits, and those it waits for. */
export interface Waits {
  readonly segment: string
  readonly namespace: string
  readonly kind: string
  readonly waiter: ParticipantInfo
  readonly wait: PublishedWait
  readonly holders: readonly ParticipantInfo[]
  /** A task waits; its thread does not block. */
  readonly awaited: boolean
}

/** The same thread has the same key in every segment. */
function keyOf({ pid, thread, startTime, pidNamespace }: ParticipantInfo): string {
  return `${pidNamespace}/${pid}/${startTime}/${thread}`
}

/** Who waits in one segment. */
export function waitsIn(segment: Segment): Waits[] {
  const found: Waits[] = []
  for (const waiter of segment.waiters()) {
    const wait = waiter.wait as PublishedWait
    const holders = holdersOf(segment, wait)
    if (!waiter.alive || holders.length === 0) continue
    const { name, namespace, kind } = segment
    found.push({ segment: name, namespace, kind, waiter, wait, holders, awaited: (wait.mode & AWAITED) !== 0 })
  }
  return found
}

function holdersOf(segment: Segment, { word, mode }: PublishedWait): ParticipantInfo[] {
  const tokens: number[] = []
  const { memory } = segment
  const load = (at: number): number => (at > 0 && at < memory.i32.length ? memory.load(at) : 0)
  switch (mode & KIND_MASK) {
    case OWNED:
      tokens.push(load(word) & TOKEN)
      break
    case READERS_LEAVE:
      for (let slot = 0; slot < segment.slots; slot++) {
        const seen = load(word + slot * READER_WORDS)
        if (seen > 0 && (seen & READER_QUEUED) === 0) tokens.push(seen)
      }
      break
    case A_PERMIT:
      for (let i = 0; i < mode >>> PERMITS_SHIFT; i++) tokens.push(load(word + i) & TOKEN)
      // A free one, and the wait is about to end.
      if (tokens.includes(0)) return []
  }
  return tokens
    .map((token) => (token === 0 ? undefined : segment.participantOf(token)))
    .filter((info): info is ParticipantInfo => info?.alive === true)
}

/** Everybody on this machine who waits, as far as this user may look. */
export function allWaits(): Waits[] {
  return surveySegments().flatMap(({ name, namespace, participants }) => {
    if (!participants.some(({ wait }) => wait !== undefined)) return []
    try {
      using segment = Segment.open(name, { namespace, owner: 'any', readOnly: true })
      return waitsIn(segment)
    } catch (error) {
      if (error instanceof MemlaneError) return []
      throw error
    }
  })
}

/** Circles of waits that end by themselves never, each as its waits in order of who waits for whom. */
export function circlesOf(waits: readonly Waits[]): Waits[][] {
  const byThread = new Map<string, Waits>()
  for (const one of waits) if (!one.awaited) byThread.set(keyOf(one.waiter), one)
  // From the assumption that all are in vain, those are taken out that are not.
  for (let before = -1; before !== byThread.size; ) {
    before = byThread.size
    for (const [key, { holders, wait }] of byThread) {
      const inVain = (holder: ParticipantInfo): boolean => byThread.has(keyOf(holder))
      const stuck = (wait.mode & KIND_MASK) === A_PERMIT ? holders.every(inVain) : holders.some(inVain)
      if (!stuck) byThread.delete(key)
    }
  }
  const circles: Waits[][] = []
  const done = new Set<string>()
  for (const start of byThread.keys()) {
    const trail: string[] = []
    // Every wait in vain leads to another one, so following the first leads into a circle.
    for (let key: string | undefined = start; key !== undefined && !done.has(key); ) {
      const from = trail.indexOf(key)
      if (from >= 0) {
        circles.push(trail.slice(from).map((member) => byThread.get(member) as Waits))
        break
      }
      trail.push(key)
      key = byThread
        .get(key)
        ?.holders.map(keyOf)
        .find((holder) => byThread.has(holder))
    }
    for (const key of trail) done.add(key)
  }
  return circles
}

/** `pid 11 waits for pid 12 ("a", mutex), pid 12 for pid 11 ("b", mutex)`. */
export function describeCircle(circle: readonly Waits[]): string {
  return circle
    .map(({ waiter, segment, kind }, i) => {
      const next = circle[(i + 1) % circle.length]!.waiter
      return `${nameOf(waiter)} waits for ${nameOf(next)} (${kind} ${JSON.stringify(segment)})`
    })
    .join(', ')
}

/** True when somebody blocks on something that this thread holds: else no circle leads through it. */
function isWaitedFor(segment: Segment): boolean {
  const mine = segment.isNamed ? Segment.openHere() : [segment]
  for (const one of mine)
    for (const { holders, awaited } of waitsIn(one))
      if (!awaited && holders.some(({ slot, incarnation }) => one.isThisThread((incarnation << 10) | slot))) return true
  return false
}

/** A wait of a thread that blocks, which others can see, and which ends with ERR_DEADLOCK where it closed a circle. */
class VisibleWait<T> implements Pollable<T> {
  readonly memory: Pollable<T>['memory']
  readonly #inner: Pollable<T>
  readonly #segment: Segment
  readonly #word: number
  readonly #mode: number
  #lookAt = 0
  /** What the last look found. */
  #before = ''

  constructor(segment: Segment, word: number, mode: number, inner: Pollable<T>) {
    this.memory = inner.memory
    this.#inner = inner
    this.#segment = segment
    this.#word = word
    this.#mode = mode
  }

  poll(sleep: Sleep): T | undefined {
    const found = this.#inner.poll(sleep)
    if (found !== undefined) return found
    const now = performance.now()
    if (this.#lookAt === 0) this.#segment.publishWait(this.#word, this.#mode)
    else if (now >= this.#lookAt) this.#lookForCircle()
    else return undefined
    this.#lookAt = now + CIRCLE_LOOK_MS
    return undefined
  }

  #lookForCircle(): void {
    const me = this.#segment
    if (!isWaitedFor(me)) {
      this.#before = ''
      return
    }
    const { slot } = me.participant
    const isMine = ({ waiter, segment, namespace }: Waits): boolean =>
      waiter.slot === slot && segment === me.name && namespace === me.namespace
    const circle = circlesOf(me.isNamed ? allWaits() : waitsIn(me)).find((one) => one.some(isMine))
    const last = circle?.reduce((a, b) => (isLater(a, b) ? a : b))
    const now =
      circle === undefined || !isMine(last!) ? '' : JSON.stringify(circle.map(({ wait, waiter }) => [wait, waiter]))
    if (now !== '' && now === this.#before)
      throw new MemlaneError(
        'ERR_DEADLOCK',
        `waiting for ${JSON.stringify(me.name)} would never end: ${describeCircle(circle!)}`,
      )
    this.#before = now
  }

  passOn(): void {
    this.#inner.passOn?.()
  }

  /** The thread goes on. */
  end(): void {
    if (this.#lookAt !== 0) this.#segment.clearWait()
  }
}

function isLater(a: Waits, b: Waits): boolean {
  return a.wait.sinceMs === b.wait.sinceMs ? keyOf(a.waiter) > keyOf(b.waiter) : a.wait.sinceMs > b.wait.sinceMs
}

/**
 * `block`, where others can see what for.
 *
 * @param word what it waits for, read as `mode` says.
 * @throws MemlaneError `ERR_DEADLOCK` when the wait closed a circle of waits.
 */
export function blockVisibly<T>(
  segment: Segment,
  word: number,
  mode: number,
  wait: Pollable<T>,
  end: number,
): T | undefined {
  const visible = new VisibleWait(segment, word, mode, wait)
  try {
    return block(visible, end)
  } finally {
    visible.end()
  }
}
