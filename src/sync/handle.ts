// sync: what every named primitive has in common: opening, closing, and the checks at its doors.

import { MemlaneError, useOpen, withArticle } from '../errors.js'
import { checkNames, type Known, known } from '../options.js'
import { makePrintable, refuseCloning } from '../printable.js'
import { Attached, CREATE_OPTIONS, type CreateOptions, type NameOptions, Segment } from '../segment/index.js'
import { checkSignal, parseTimeout } from '../sizes.js'
import { spareStack, spareStackToLeave } from '../spare-stack.js'
import { keepAlive } from '../waiting/index.js'

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

/** Names in WaitLimits and AsyncLimits. */
export const WAIT_LIMITS: Known = known('timeout')
export const ASYNC_LIMITS: Known = known(WAIT_LIMITS, 'signal')

/** One open primitive. Holds one descriptor and one participant's slot, unless it lives inside another segment. */
export class Handle extends Attached {
  /** The name it was opened by, or that of the segment that it lives in. */
  readonly name: string
  readonly #segment: Segment
  readonly #offset: number
  readonly #owned: boolean
  #closed = false

  static {
    makePrintable(Handle.prototype)
  }

  /** @internal */
  constructor(segment: Segment, offset: number, owned: boolean) {
    super()
    if (!(segment instanceof Segment)) throw useOpen(new.target.name)
    this.name = segment.name
    this.#segment = segment
    this.#offset = offset
    this.#owned = owned
    if (owned) segment.holdsByWords()
    refuseCloning(this)
  }

  /** @internal */
  get segment(): Segment {
    return this.#segment
  }

  /** @internal Byte offset of its words. */
  get offset(): number {
    return this.#offset
  }

  /** True after `close()`. */
  override get closed(): boolean {
    return this.#closed || this.segment.memory.closed
  }

  /** @internal */
  protected override attachment(): Segment {
    this.checkOpen()
    return this.#segment
  }

  /** Gives back the descriptor. What this handle still holds is released first. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    spareStackToLeave()
    if (!this.closed) this.releaseHeld()
    this.#closed = true
    if (this.#owned) this.segment.close()
  }

  /** Closes it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal */
  protected releaseHeld(): void {}

  /**
   * @internal Before anything that others see is changed: the handle is open, and there is stack enough to come to the end.
   */
  protected checkEntry(): void {
    spareStack()
    this.checkOpen()
  }

  /** @internal */
  protected checkOpen(): void {
    if (this.#closed || this.segment.memory.closed)
      throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
    if (this.segment.memory.faults !== 0) this.segment.memory.checkWhole(JSON.stringify(this.name))
  }
}

/** Opens the segment of a primitive, or makes it. @param parameter kept in the header by whoever makes it. */
export function openPrimitive(
  kind: string,
  name: string,
  size: number,
  options: CreateOptions,
  parameter: number = 0,
  names: Known = CREATE_OPTIONS,
): Segment {
  checkNames(options, names)
  const parameters = new Uint8Array(4)
  new DataView(parameters.buffer).setUint32(0, parameter, true)
  return Segment.createOrOpen(name, {
    ...options,
    kind,
    size,
    least: 4,
    parameters,
  })
}

/** @throws MemlaneError `ERR_CORRUPT` when the body is smaller than the kind needs; the segment is closed then. */
export function checkBody(segment: Segment, bytes: number): Segment {
  const { name, kind, bodySize } = segment
  if (bodySize >= bytes) return segment
  segment.close()
  throw new MemlaneError(
    'ERR_CORRUPT',
    `${JSON.stringify(name)}: ${withArticle(kind)} needs ${bytes} bytes and has ${bodySize}`,
  )
}

/** A number from 1 to `most` that cannot differ between those who open a primitive. */
export interface Parameter {
  readonly what: string
  readonly value: number
  /** False: whatever is there is taken. */
  readonly given: boolean
  readonly most: number
  /** What the primitive needs with such a parameter. */
  bytes(value: number): number
}

/**
 * The same for one with a parameter. @returns the segment, and the parameter that whoever made it chose.
 *
 * @throws MemlaneError `ERR_MISMATCH` naming both values; `ERR_CORRUPT` when the one that is there cannot be.
 */
export function openWithParameter(
  kind: string,
  name: string,
  options: CreateOptions,
  { what, value, given, most, bytes }: Parameter,
): { segment: Segment; value: number } {
  const segment = openPrimitive(kind, name, bytes(value), options, value, known(CREATE_OPTIONS, what.split(' ')[0]!))
  const { parameters, bodySize } = segment
  const has = parameters.length < 4 ? 0 : new DataView(parameters.buffer, parameters.byteOffset).getUint32(0, true)
  if (given && has !== value) {
    segment.close()
    throw new MemlaneError('ERR_MISMATCH', `${JSON.stringify(name)} was made with ${what} ${has}, not ${value}`)
  }
  if (has < 1 || has > most || bytes(has) > bodySize) {
    segment.close()
    throw new MemlaneError(
      'ERR_CORRUPT',
      `${JSON.stringify(name)}: ${withArticle(kind)} of ${has} (1 to ${most}) in ${bodySize} bytes cannot be`,
    )
  }
  return { segment, value: has }
}

/** Removes the name. @returns true if it was there. */
export function unlinkPrimitive(name: string, options: NameOptions = {}): boolean {
  return Segment.unlink(name, options)
}

export function timeoutOf(limits: WaitLimits | undefined, names: Known = WAIT_LIMITS): number {
  if (limits === undefined) return -1
  return parseTimeout(checkNames(limits, names).timeout)
}

export function signalOf(limits: AsyncLimits | undefined): AbortSignal | undefined {
  if (limits === undefined) return undefined
  const { signal } = checkNames(limits, ASYNC_LIMITS)
  checkSignal(signal)
  return signal
}

export function timedOut(name: string, what: string, timeout: number): MemlaneError {
  return new MemlaneError(
    'ERR_TIMEOUT',
    `waited ${Math.round(timeout * 10) / 10} ms for ${what} of ${JSON.stringify(name)}`,
  )
}

/** A public promise of a wait; errors of arguments reject it too. */
export function asyncWait<T>(work: () => Promise<T>): Promise<T> {
  return keepAlive(work())
}
