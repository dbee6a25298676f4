// sync: what every named primitive has in common: opening, closing, and the checks at its doors.

import { MemlaneError, wrongType } from '../errors.js'
import { waiting } from '../memory/index.js'
import { type CreateOptions, type NameOptions, Segment } from '../segment/index.js'
import { parseTimeout } from '../sizes.js'

/** How long to wait. */
export interface WaitLimits {
  /** Milliseconds; default for ever, 0 looks once. */
  timeout?: number | undefined
}

/** How long to wait without blocking the thread. */
export interface AsyncLimits extends WaitLimits {
  /** Ends the wait with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** Enough for a hundred waiters with a handle each; a slot costs 64 bytes. */
const PARTICIPANTS = 256

/** One open primitive. Holds one descriptor and one participant's slot, unless it lives inside another segment. */
export class Handle {
  /** @internal */
  readonly segment: Segment
  /** @internal Byte offset of its words. */
  readonly offset: number
  readonly #owned: boolean
  #closed = false

  /** @internal */
  constructor(segment: Segment, offset: number, owned: boolean) {
    this.segment = segment
    this.offset = offset
    this.#owned = owned
  }

  get name(): string {
    return this.segment.name
  }

  get closed(): boolean {
    return this.#closed || this.segment.memory.closed
  }

  /** Gives back the descriptor. What this handle still holds is released first. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    if (!this.closed) this.releaseHeld()
    this.#closed = true
    if (this.#owned) this.segment.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal */
  protected releaseHeld(): void {}

  /** @internal */
  protected checkOpen(): void {
    if (this.#closed || this.segment.memory.closed)
      throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
    if (this.segment.memory.faults !== 0) this.segment.memory.checkWhole(JSON.stringify(this.name))
  }
}

/** @throws MemlaneError `ERR_TYPE`. */
export function checkGiven<T>(options: T): T {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options)
  return options
}

/**
 * Opens the segment of a primitive, or makes it.
 *
 * @param parameter what cannot differ between those who open it, as `['permits', 3]`; kept in the header.
 * @throws MemlaneError `ERR_MISMATCH` naming both values.
 */
export function openPrimitive(
  kind: string,
  name: string,
  size: number,
  options: CreateOptions,
  parameter?: readonly [what: string, value: number, given: boolean],
): Segment {
  const parameters = new Uint8Array(4)
  new DataView(parameters.buffer).setUint32(0, parameter?.[1] ?? 0, true)
  const segment = Segment.createOrOpen(name, {
    ...options,
    kind,
    size,
    least: 4,
    participants: options.participants ?? PARTICIPANTS,
    parameters,
  })
  if (parameter?.[2]) {
    const [what, value] = parameter
    const has = readParameter(segment)
    if (has !== value) {
      segment.close()
      throw new MemlaneError('ERR_MISMATCH', `${JSON.stringify(name)} was made with ${what} ${has}, not ${value}`)
    }
  }
  return segment
}

/** The parameter that the one who made it chose. */
export function readParameter(segment: Segment): number {
  const { parameters } = segment
  return parameters.length < 4 ? 0 : new DataView(parameters.buffer, parameters.byteOffset).getUint32(0, true)
}

/** @throws MemlaneError `ERR_CORRUPT` when the body is smaller than the kind needs; the segment is closed then. */
export function checkBody(segment: Segment, bytes: number): Segment {
  const { name, kind, bodySize } = segment
  if (bodySize >= bytes) return segment
  segment.close()
  throw new MemlaneError('ERR_CORRUPT', `${JSON.stringify(name)}: a ${kind} needs ${bytes} bytes and has ${bodySize}`)
}

/**
 * The parameter that the one who made it chose, when that is from 1 to `most` and the body has room for it.
 *
 * @throws MemlaneError `ERR_CORRUPT`; the segment is closed then.
 */
export function checkFits(segment: Segment, most: number, bytes: (parameter: number) => number): number {
  const parameter = readParameter(segment)
  const { name, kind, bodySize } = segment
  if (parameter >= 1 && parameter <= most && bytes(parameter) <= bodySize) return parameter
  segment.close()
  throw new MemlaneError(
    'ERR_CORRUPT',
    `${JSON.stringify(name)}: a ${kind} of ${parameter} (1 to ${most}) in ${bodySize} bytes cannot be`,
  )
}

/** Removes the name. @returns true if it was there. */
export function unlinkPrimitive(name: string, options: NameOptions = {}): boolean {
  return Segment.unlink(name, options)
}

export function timeoutOf(limits: WaitLimits | undefined): number {
  if (limits === undefined) return -1
  if (typeof limits !== 'object' || limits === null) throw wrongType('options', 'an object', limits)
  return parseTimeout(limits.timeout)
}

export function signalOf(limits: AsyncLimits | undefined): AbortSignal | undefined {
  const signal = limits?.signal
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongType('signal', 'an AbortSignal', signal)
  return signal
}

export function timedOut(name: string, what: string, timeout: number): MemlaneError {
  return new MemlaneError('ERR_TIMEOUT', `waited ${timeout} ms for ${what} of ${JSON.stringify(name)}`)
}

/** A public promise of a wait; errors of arguments reject it too. */
export function asyncWait<T>(work: () => Promise<T>): Promise<T> {
  return waiting(work())
}
