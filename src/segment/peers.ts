// segment: who has it open, and who leaves it, for its users.
//
// The kernel's lock on a participant's slot is the only thing that is believed; pids are for people to read.
//
// What is found in a slot whose lock is free, while its incarnation is the one that was seen alive:
//   FREE      it was closed: the owner stores that before it gives the lock back
//   LIVE      its owner is dead
//   CLAIMING  another has just begun to claim it: how its owner left is not known
// With another incarnation how it left is not known either: the slot was used again, or somebody tidied up after the dead.

import { onAbort } from '../aborts.js'
import { MemlaneError, useOpen } from '../errors.js'
import { clearTimeout, setTimeout } from '../host.js'
import type { Memory } from '../memory/index.js'
import { isElsewhere, isStopped } from '../native/process-state.js'
import { checkNames, type Known, known } from '../options.js'
import { checkSignal } from '../sizes.js'
import { PEERS_LOOK_MS, WaitingIterator } from '../waiting/index.js'
import type { Header } from './header.js'
import { SLOT_SIZE, TABLE } from './header.layout.js'
import {
  S_CLAIMED,
  S_INCARNATION,
  S_NAMESPACE,
  S_PID,
  S_STATE,
  S_THREAD,
  SLOT_FREE,
  SLOT_LIVE,
} from './participants.layout.js'
import { Segment } from './segment.js'

/** A slot changes hands in a few stores: who finds it torn so often finds it so for another reason. */
const READ_TRIES = 3

const DEPARTURES_OPTIONS: Known = known('signal')

/** Whose a handle is. */
export interface Owned {
  /** Means something only on this side of a container when `elsewhere` is true. */
  readonly pid: number
  /** `threadId` of `node:worker_threads`: 0 for the main thread. */
  readonly thread: number
  /** When the handle was opened. */
  readonly since: Date
  /** True when the process lives in another pid namespace, as in a container: its pid is another one here. */
  readonly elsewhere: boolean
}

/** An open handle, as `participants()` lists it. */
export interface Peer extends Owned {
  /** `stopped`: by SIGSTOP or a debugger, as far as this process may know; it keeps what it holds. */
  readonly state: 'live' | 'stopped'
  /** True for the very handle that was asked. */
  readonly own: boolean
}

/** A handle that is not open any more, as `departures()` tells of it. */
export interface Departure extends Owned {
  /**
   * `closed`: in order, by `close()` or at the end of its process. `died`: its process was killed or has crashed, or its
   * worker was terminated, with the handle open. `unknown`: it is gone, and its place was taken before this was looked at.
   */
  readonly cause: 'closed' | 'died' | 'unknown'
}

export interface DeparturesOptions {
  /** Ends the iteration with the signal's reason. */
  signal?: AbortSignal | undefined
}

interface Seen {
  readonly incarnation: number
  readonly owner: Owned
}

function wordOf(slot: number): number {
  return (TABLE + slot * SLOT_SIZE) / 4
}

/** Who owns a slot that is LIVE, whole. @returns undefined when it is not, or changes hands just now. */
function readSlot(memory: Memory, slot: number): Seen | undefined {
  const word = wordOf(slot)
  for (let tries = 0; tries < READ_TRIES; tries++) {
    const incarnation = memory.load(word + S_INCARNATION)
    if (memory.load(word + S_STATE) !== SLOT_LIVE) return undefined
    const pid = memory.i32[word + S_PID]!
    const thread = memory.i32[word + S_THREAD]!
    const since = new Date(memory.f64[word / 2 + S_CLAIMED]!)
    const elsewhere = isElsewhere(memory.f64[word / 2 + S_NAMESPACE]!)
    if (memory.load(word + S_STATE) === SLOT_LIVE && memory.load(word + S_INCARNATION) === incarnation)
      return { incarnation, owner: { pid, thread, since, elsewhere } }
  }
  return undefined
}

/**
 * Every open handle of a segment, this one included.
 *
 * @throws MemlaneError `ERR_CLOSED`.
 */
export function peersOf(segment: Segment): Peer[] {
  const { memory, header } = segment
  if (memory.closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(segment.name)} is closed`)
  const mine = segment.readOnly ? -1 : segment.participant.slot
  const peers: Peer[] = []
  for (let slot = 0; slot < header.slots; slot++) {
    const own = slot === mine
    const seen = readSlot(memory, slot)
    if (seen === undefined || !(own || memory.isLocked(slot))) continue
    const { owner } = seen
    const state = !owner.elsewhere && isStopped(owner.pid) ? 'stopped' : 'live'
    peers.push({ ...owner, state, own })
  }
  return peers
}

/**
 * Handles that are closed or die, as they do: `for await (const { pid, cause } of map.departures())`. Closing it, or
 * leaving the loop, ends it; so does closing the handle it came from.
 */
export class Departures extends WaitingIterator<Departure> {
  readonly #memory: Memory
  readonly #header: Header
  readonly #isHandleClosed: () => boolean
  readonly #own: number
  readonly #signal: AbortSignal | undefined
  readonly #seen: (Seen | undefined)[] = []
  readonly #gone: Departure[] = []
  #wake: () => void = nothing
  #closed = false

  /** @internal @param isHandleClosed the handle that it came from is closed. */
  constructor(segment: Segment, isHandleClosed: () => boolean, options: DeparturesOptions) {
    super()
    if (!(segment instanceof Segment)) throw useOpen('Departures', 'departures() of a handle')
    const { signal } = checkNames(options, DEPARTURES_OPTIONS)
    checkSignal(signal)
    if (segment.closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(segment.name)} is closed`)
    this.#memory = segment.memory
    this.#header = segment.header
    this.#isHandleClosed = isHandleClosed
    this.#own = segment.readOnly ? -1 : segment.participant.slot
    this.#signal = signal
    this.#look()
  }

  /** Notes who has come and who has gone since the last look. */
  #look(): void {
    const memory = this.#memory
    for (let slot = 0; slot < this.#header.slots; slot++) {
      if (slot === this.#own) continue
      const word = wordOf(slot)
      const before = this.#seen[slot]
      if (before === undefined && memory.load(word + S_STATE) === SLOT_FREE) continue
      const isHeld = memory.isLocked(slot)
      if (before !== undefined) {
        if (isHeld && memory.load(word + S_INCARNATION) === before.incarnation) continue
        this.#gone.push({ ...before.owner, cause: causeOf(memory, word, before.incarnation) })
      }
      this.#seen[slot] = isHeld ? readSlot(memory, slot) : undefined
    }
  }

  /** @internal */
  protected override take(): Departure | undefined {
    this.#signal?.throwIfAborted()
    if (this.#isOver()) return undefined
    if (this.#gone.length === 0) this.#look()
    return this.#gone.shift()
  }

  /** @internal */
  protected override async wait(): Promise<Departure | undefined> {
    for (;;) {
      const one = this.take()
      if (one !== undefined || this.#isOver()) return one
      await this.#sleep()
    }
  }

  #isOver(): boolean {
    return this.#closed || this.#memory.closed || this.#isHandleClosed()
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      const release = onAbort(this.#signal, () => this.#wake())
      const timer = setTimeout(() => this.#wake(), PEERS_LOOK_MS)
      timer.unref()
      this.#wake = () => {
        clearTimeout(timer)
        release()
        this.#wake = nothing
        resolve()
      }
    })
  }

  /** @internal */
  protected override release(): void {
    this.#closed = true
    this.#wake()
  }
}

function nothing(): void {}

/** How the owner of a slot left that is not locked any more, or is locked by the next one. */
function causeOf(memory: Memory, word: number, incarnation: number): Departure['cause'] {
  const state = memory.load(word + S_STATE)
  if (memory.load(word + S_INCARNATION) !== incarnation) return 'unknown'
  return state === SLOT_FREE ? 'closed' : state === SLOT_LIVE ? 'died' : 'unknown'
}
