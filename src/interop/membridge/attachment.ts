// interop/membridge: one open object and its memory, shared by the handles that came from one SharedMemory.
//
// A view or ring lives on after its SharedMemory was closed, and after the name was removed, until it is closed itself.
// The package leaves its objects sparse; every page is given room here before anything touches it.

import { MemlaneError } from '../../errors.js'
import { random } from '../../host.js'
import { checkViewable, type Memory, type ShmObject } from '../../memory/index.js'
import { lostRace, RACE_TRIES } from '../../races.js'
import { PAGE, roundUp } from '../../sizes.js'
import {
  HOLDERS,
  holderOf,
  holderWord,
  incarnationOf,
  isOurs,
  LOCK,
  MOST_INCARNATION,
  readersLeft,
} from './view.layout.js'

/** The words with which a handle takes the lock of a view. */
export interface Holder {
  readonly lock: number
  readonly reading: number
  readonly writing: number
}

export class Attachment {
  readonly name: string
  /** Bytes of the object. */
  readonly size: number
  /** True when this handle made the object. */
  readonly created: boolean
  readonly #object: ShmObject
  #references = 1
  #memory: Memory | undefined
  #holder: Holder | undefined
  /** How many rings of this handle play each part. */
  readonly #players = new Map<number, number>()

  constructor(name: string, object: ShmObject, size: number, created: boolean) {
    this.name = name
    this.#object = object
    this.size = size
    this.created = created
  }

  /**
   * The object's bytes, and those of its last page behind its end: see ring.layout.ts.
   *
   * @throws MemlaneError `ERR_NO_SPACE` when holes of the object cannot be filled, `ERR_TOO_LARGE`, `ERR_TRUNCATED`.
   */
  map(): Memory {
    if (this.#memory !== undefined) return this.#memory
    checkViewable(this.size)
    this.#object.commit(0, this.size)
    const now = this.#object.stat().size
    if (now < this.size) {
      throw new MemlaneError(
        'ERR_TRUNCATED',
        `${JSON.stringify(this.name)} had ${this.size} bytes when it was opened and has ${now} now`,
      )
    }
    this.#memory = this.#object.map(roundUp(this.size, PAGE))
    return this.#memory
  }

  /**
   * Who this handle is in lock words. The first call takes a kernel lock whose number nobody alive uses.
   *
   * @throws MemlaneError `ERR_LIMIT` when 1024 handles hold one.
   */
  holder(): Holder {
    if (this.#holder !== undefined) return this.#holder
    const memory = this.map()
    const first = random.below(HOLDERS)
    for (let tried = 0; tried < HOLDERS; tried++) {
      const lock = (first + tried) % HOLDERS
      if (!memory.lock(lock)) continue
      const incarnation = this.#incarnation(memory, lock)
      this.#holder = {
        lock,
        reading: holderWord(lock, incarnation, false),
        writing: holderWord(lock, incarnation, true),
      }
      return this.#holder
    }
    throw new MemlaneError(
      'ERR_LIMIT',
      `${JSON.stringify(this.name)}: all ${HOLDERS} lock numbers are taken by live handles`,
    )
  }

  /**
   * An incarnation for a number that has just become ours. Its last owner may have died with the lock word in hand;
   * from now on the kernel calls that number alive, so the word must be given back here and now.
   */
  #incarnation(memory: Memory, lock: number): number {
    let left = 0
    for (let tries = 0; ; tries++) {
      if (tries > RACE_TRIES) throw lostRace(`recovering the lock of ${JSON.stringify(this.name)}`)
      const word = memory.load(LOCK)
      if (!isOurs(word) || holderOf(word) !== lock) break
      left = incarnationOf(word)
      if (memory.compareExchange(LOCK, word, readersLeft(word)) === word) {
        memory.wake(LOCK, 2 ** 30)
        break
      }
    }
    const incarnation = 1 + random.below(MOST_INCARNATION)
    return incarnation !== left ? incarnation : 1 + (left % MOST_INCARNATION)
  }

  /**
   * Becomes producer or consumer of the ring, unless another live process of ours is it.
   *
   * @returns true when this handle was not it before.
   * @throws MemlaneError `ERR_BUSY`.
   */
  play(lock: number, part: 'producer' | 'consumer'): boolean {
    if (!this.map().lock(lock)) {
      throw new MemlaneError(
        'ERR_BUSY',
        `${JSON.stringify(this.name)} has a live ${part} already: a ring takes one ${part} at a time, and the next when that one has closed it or is gone`,
      )
    }
    const players = this.#players.get(lock) ?? 0
    this.#players.set(lock, players + 1)
    return players === 0
  }

  leave(lock: number): void {
    const players = (this.#players.get(lock) ?? 0) - 1
    this.#players.set(lock, players)
    if (players === 0) this.map().unlock(lock)
  }

  retain(): void {
    this.#references++
  }

  release(): void {
    if (--this.#references === 0) this.#object.close()
  }
}
