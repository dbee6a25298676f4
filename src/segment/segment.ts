// segment: a named memory that describes itself. Create, open, grow, close, unlink.
//
// Creation is two-phase. Whoever holds the creation lock (a kernel lock, gone with its process) of an object that is
// not READY makes it; READY is the last store. An opener of a READY segment takes no lock at all.

import { MemlaneError } from '../errors.js'
import { performance } from '../host.js'
import {
  checkOwner,
  checkViewable,
  type Leftover,
  LocalMemory,
  type Memory,
  ShmObject,
  unlinkObject,
} from '../memory/index.js'
import { checkNames } from '../options.js'
import { pause } from '../pause.js'
import { lostRace, NAME_TRIES, RACE_TRIES } from '../races.js'
import { checkObject, formatSize, given, PAGE, parseInteger, roundUp } from '../sizes.js'
import { spareStack, spareStackToLeave } from '../spare-stack.js'
import { CREATION_GAP_MS, CREATION_LOOK_MS, CREATOR_MS } from '../waiting/index.js'
import { type Departing, sayFarewell } from './farewell.js'
import { checkExpected, type Header, isUnfinished, plan, readHeader, stateOf, writeHeader } from './header.js'
import { CREATION, LAST_CLOSE, MAKING, READY, SLOTS_MAX, W_COMMITTED, W_LIFETIME, W_STATE } from './header.layout.js'
import { checkName, namespaceOf, objectName } from './name.js'
import {
  type Checked,
  checkOptions,
  NAME_OPTIONS,
  type NameOptions,
  type SegmentOpenOptions,
  type SegmentOptions,
} from './options.js'
import {
  areaOf,
  claimSlot,
  clearWait,
  incarnationWordOf,
  isAlive,
  listParticipants,
  listWaiters,
  type Participant,
  type ParticipantInfo,
  participantOf,
  publishWait,
  releaseSlot,
} from './participants.js'

/** A named memory with a header, participants and a body. */
export class Segment {
  readonly name: string
  readonly namespace: string
  readonly memory: Memory
  readonly header: Header
  /** True when this very call made the segment. */
  readonly created: boolean
  readonly readOnly: boolean
  readonly #object: ShmObject | undefined
  readonly #siblings: Set<number>
  readonly #departing: Departing | undefined
  #participant: Participant | undefined

  /** @internal Use `create`, `open` or `createOrOpen`. */
  constructor(
    name: string,
    namespace: string,
    memory: Memory,
    header: Header,
    object: ShmObject | undefined,
    created: boolean,
    participant: Participant | undefined,
  ) {
    this.name = name
    this.namespace = namespace
    this.memory = memory
    this.header = header
    this.created = created
    this.readOnly = participant === undefined
    this.#object = object
    this.#participant = participant
    const { device, inode } = object?.stat() ?? { device: 0, inode: 0 }
    this.#siblings = object === undefined ? siblingsIn(memory) : siblingsOf(`${device}:${inode}`)
    if (participant === undefined) return
    this.#siblings.add(participant.token)
    if (object === undefined) return
    const { slots, areas, body, bodySize, lifetime } = header
    this.#departing = {
      ...{ device, inode, slots, areas, body, bodySize, lifetime, participant },
      siblings: this.#siblings,
      holdsByWords: false,
      atEnd: false,
    }
    leaveSomehow(this, object.leftover, this.#departing)
  }

  /**
   * Makes a new segment.
   *
   * @throws MemlaneError `ERR_EXISTS`, `ERR_NAME`, `ERR_NO_SPACE`, `ERR_PERMISSION`, `ERR_OWNER`, `ERR_FOREIGN`, `ERR_BUSY`
   *   (another creator is at work and does not finish), `ERR_TOO_LARGE`, `ERR_TYPE`, `ERR_RANGE`, `ERR_LIMIT`.
   */
  static create(name: string, options: SegmentOptions): Segment {
    return make(name, options, 'create')
  }

  /**
   * Opens an existing segment.
   *
   * @throws MemlaneError `ERR_NOT_FOUND`, and every refusal of the header: `ERR_FOREIGN`, `ERR_VERSION`, `ERR_BYTE_ORDER`,
   *   `ERR_KIND`, `ERR_SCHEMA`, `ERR_TOO_SMALL`, `ERR_TRUNCATED`, `ERR_CORRUPT`, `ERR_BOOT`; `ERR_PARTICIPANTS`.
   */
  static open(name: string, options: SegmentOpenOptions = {}): Segment {
    spareStack()
    checkObject(options)
    const checked = checkName(name)
    const namespace = namespaceOf(options.namespace)
    const file = objectName(checked, namespace)
    const owner = checkOwner(options.owner)
    const start = performance.now()
    for (;;) {
      const object = ShmObject.tryOpen(file, {
        owner,
        readOnly: options.readOnly === true,
        sparse: options.sparse === true,
      })
      if (object === undefined) throw notFound(checked, nobodyMade(namespace, options.readOnly === true))
      try {
        // Asked before each look, here and below: who was held up itself looks once more before it calls others late.
        const waited = performance.now() - start
        const segment = attach(checked, namespace, object, options, false)
        if (segment !== undefined) return segment
        waitForCreator(object, checked, waited)
      } catch (error) {
        object.close()
        throw error
      }
      object.close()
    }
  }

  /** Opens a segment, or makes it when it is not there. Throws as `create` and `open` do, but for `ERR_EXISTS`. */
  static createOrOpen(name: string, options: SegmentOptions): Segment {
    return make(name, options, 'createOrOpen')
  }

  /**
   * Removes the name. Those who are attached keep their memory; the next one to open finds nothing.
   *
   * @returns true if it was there.
   * @throws MemlaneError `ERR_NAME`, `ERR_PERMISSION`.
   */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkObject(objectName(checkName(name), namespaceOf(checkNames(options, NAME_OPTIONS).namespace)))
  }

  /** A segment over plain memory of this process, for workers and tests. `memory.buffer` may be posted to workers. */
  static local(options: SegmentOptions): Segment {
    spareStack()
    const checked = checkOptions(options)
    const { total } = plan(checked.slots, checked.participantBytes, checked.bodySize)
    const memory = LocalMemory.create(total)
    const segment = build('local', '', memory, checked, undefined, options.init)
    memory.store(W_STATE, READY)
    return segment
  }

  /** Another participant of a local segment, in this thread or in a worker that was given the buffer. */
  static attachLocal(buffer: SharedArrayBuffer): Segment {
    spareStack()
    const memory = LocalMemory.attach(buffer)
    const header = readHeader(memory, memory.size, 'local')
    return new Segment('local', '', memory, header, undefined, false, claimSlot(memory, header, 'local'))
  }

  get kind(): string {
    return this.header.kind
  }

  get schema(): bigint {
    return this.header.schema
  }

  get parameters(): Uint8Array {
    return this.header.parameters
  }

  /** Byte offset of the body in the memory; a multiple of the page size. */
  get body(): number {
    return this.header.body
  }

  /** Bytes reserved for the body. */
  get bodySize(): number {
    return this.header.bodySize
  }

  get slots(): number {
    return this.header.slots
  }

  get closed(): boolean {
    return this.memory.closed
  }

  /** Bytes of the body that have memory now; grows, for everybody at once. */
  get committed(): number {
    this.#checkOpen()
    // SYNC: "pages are there before `committed` says so"
    return this.memory.load(W_COMMITTED) * PAGE
  }

  /** This handle's slot. @throws MemlaneError `ERR_CLOSED`, `ERR_READ_ONLY`. */
  get participant(): Participant {
    if (this.#participant !== undefined) return this.#participant
    this.#checkOpen()
    throw new MemlaneError('ERR_READ_ONLY', `${JSON.stringify(this.name)} was opened read-only`)
  }

  /** The word that holds this handle's incarnation: with another value there it passes for dead. */
  get incarnationWord(): number {
    return incarnationWordOf(this.participant.slot)
  }

  /** Byte offset of a slot's private area. */
  areaOf(slot: number): number {
    return areaOf(this.header, slot)
  }

  /** True when the token names a handle of this very thread: to block on it would be to block on oneself. */
  isThisThread(token: number): boolean {
    // One that has given itself up passes for dead.
    return this.#siblings.has(token) && this.isAlive(token)
  }

  /** True when the participant that a token names is still attached (this handle included). About 0.5 µs. */
  isAlive(token: number): boolean {
    if (this.#participant !== undefined && token === this.#participant.token) return true
    return isAlive(this.memory, this.header, token)
  }

  /** What is known of the participant that a token names. @returns undefined when the token names nobody. */
  participantOf(token: number): ParticipantInfo | undefined {
    this.#checkOpen()
    return participantOf(this.memory, this.header, token, this.#participant)
  }

  /** The participants that have said that they wait; dead ones may be among them. */
  waiters(): ParticipantInfo[] {
    this.#checkOpen()
    return listWaiters(this.memory, this.header, this.#participant)
  }

  /** True for one with a name, false for one in plain memory of this process. */
  get isNamed(): boolean {
    return this.namespace !== ''
  }

  /** Every segment that this thread has open for more than reading. */
  static *openHere(): Iterable<Segment> {
    for (const { segment } of stillOpen.values()) {
      const open = segment.deref()
      if (open !== undefined) yield open
    }
  }

  /** Words of the body name whoever holds something: a handle that is dropped while it does is not closed. */
  holdsByWords(): void {
    if (this.#departing !== undefined) this.#departing.holdsByWords = true
  }

  /** Says that this handle's thread is about to block on a word. @param mode how others are to read that word. */
  publishWait(word: number, mode: number): void {
    publishWait(this.memory, this.participant.slot, word, mode)
  }

  /** The block is over. */
  clearWait(): void {
    if (!this.memory.closed && this.#participant !== undefined) clearWait(this.memory, this.#participant.slot)
  }

  participants(): ParticipantInfo[] {
    this.#checkOpen()
    return listParticipants(this.memory, this.header, this.#participant)
  }

  /**
   * Gives the body memory up to `bytes`, for everybody at once and without moving anything.
   *
   * @throws MemlaneError `ERR_RANGE` beyond the reserved size, `ERR_NO_SPACE`, `ERR_CLOSED`, `ERR_READ_ONLY`, `ERR_TYPE`;
   *   nothing has changed then.
   */
  grow(bytes: number): void {
    spareStack()
    if (this.#participant === undefined) void this.participant
    const pages = roundUp(parseInteger(bytes, 'bytes', 0, Number.MAX_SAFE_INTEGER - PAGE), PAGE) / PAGE
    if (pages * PAGE > this.bodySize) {
      throw new MemlaneError(
        'ERR_RANGE',
        `${JSON.stringify(this.name)} cannot grow to ${bytes} bytes: ${this.bodySize} (${formatSize(this.bodySize)}) are reserved`,
      )
    }
    let before = this.memory.load(W_COMMITTED)
    if (pages <= before) return
    this.memory.commit(this.body + before * PAGE, (pages - before) * PAGE)
    for (let tries = 0; before < pages; tries++) {
      if (tries > RACE_TRIES) throw lostRace(`growing ${JSON.stringify(this.name)}`)
      // SYNC: "pages are there before `committed` says so"
      const seen = this.memory.compareExchange(W_COMMITTED, before, pages)
      if (seen === before) return
      before = seen
    }
  }

  /** Gives back slot, memory and descriptor; unlinks when it is the last one out of a `lastClose` segment. Safe to call twice. */
  close(): void {
    if (this.memory.closed) return
    spareStackToLeave()
    const participant = this.#participant
    this.#participant = undefined
    if (this.#object !== undefined) stillOpen.delete(this.#object.leftover)
    if (participant !== undefined) {
      this.#siblings.delete(participant.token)
      if (this.header.lifetime === 'lastClose' && this.#object !== undefined) {
        closeLast(this.#object, this.memory, this.header, participant)
      } else {
        releaseSlot(this.memory, participant)
      }
    }
    this.memory.close()
  }

  /** Leaves as one who was killed would: whatever is half done is left for the others to undo. */
  abandon(): void {
    if (this.memory.closed) return
    const participant = this.#participant
    this.#participant = undefined
    if (this.#object !== undefined) stillOpen.delete(this.#object.leftover)
    if (participant !== undefined) this.#siblings.delete(participant.token)
    this.memory.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #checkOpen(): void {
    if (this.memory.closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
  }
}

/**
 * What this thread has open. A program that ends in good order without closing leaves its slots as if it had closed, and
 * the last one out of a `lastClose` segment unlinks it. What it still holds is recovered by others, as after a kill.
 */
const stillOpen = new Map<Leftover, { readonly segment: WeakRef<Segment>; readonly departing: Departing }>()
let exitHooked = false

/** Whether it is dropped, or open still when the program ends. What stands here must not keep the segment. */
function leaveSomehow(segment: Segment, leftover: Leftover, departing: Departing): void {
  if (!exitHooked) process.once('exit', closeAll)
  exitHooked = true
  stillOpen.set(leftover, { segment: new WeakRef(segment), departing })
  leftover.farewell = farewellOf(departing)
}

/** A function of its own, so that it keeps nothing but that. */
function farewellOf(departing: Departing): (leftover: Leftover) => boolean {
  return (leftover) => {
    if (!sayFarewell(leftover, departing)) return false
    departing.siblings.delete(departing.participant.token)
    stillOpen.delete(leftover)
    return true
  }
}

function closeAll(): void {
  for (const [leftover, { segment, departing }] of stillOpen) {
    departing.atEnd = true
    const open = segment.deref()
    if (open !== undefined) open.close()
    else leftover.giveBack()
  }
}

/**
 * Tokens of this thread's handles, per segment. An inode cannot be used again while a handle holds it open. One table for all
 * copies of the package in this thread, as a monorepo may have: waiting for a handle of another copy would never end either.
 */
const { named: siblings, local: localSiblings } = siblingsOfThread()

function siblingsOfThread(): Siblings {
  const place = globalThis as { [key: symbol]: Siblings | undefined }
  const key = Symbol.for('memlane.siblings.1')
  const found = place[key]
  if (found !== undefined) return found
  const made = { named: new Map(), local: new WeakMap() }
  Object.defineProperty(place, key, { value: made })
  return made
}

interface Siblings {
  readonly named: Map<string, Set<number>>
  readonly local: WeakMap<ArrayBufferLike, Set<number>>
}

function siblingsIn({ buffer }: Memory): Set<number> {
  let tokens = localSiblings.get(buffer)
  if (tokens === undefined) {
    tokens = new Set()
    localSiblings.set(buffer, tokens)
  }
  return tokens
}

/** @param key of an object that is open. */
function siblingsOf(key: string): Set<number> {
  let tokens = siblings.get(key)
  if (tokens === undefined) {
    for (const [old, set] of siblings) if (set.size === 0) siblings.delete(old)
    tokens = new Set()
    siblings.set(key, tokens)
  }
  return tokens
}

function make(name: string, options: SegmentOptions, mode: 'create' | 'createOrOpen'): Segment {
  spareStack()
  const checked = checkOptions(options)
  const checkedName = checkName(name)
  const namespace = namespaceOf(options.namespace)
  const file = objectName(checkedName, namespace)
  const owner = checkOwner(options.owner)
  checkViewable(plan(checked.slots, checked.participantBytes, checked.bodySize).total)
  const expected: SegmentOpenOptions = {
    kind: checked.kind,
    schema: checked.schema,
    least: given(options.least, checked.bodySize),
  }
  const start = performance.now()
  for (;;) {
    const late = performance.now() - start > CREATOR_MS
    const { object, isNew } = openForMaking(file, checked.mode, owner, options.sparse === true)
    try {
      const ready = !isNew && isReady(object)
      if (ready && mode === 'create') {
        if (!cleanAbandoned(object, checkedName)) throw exists(checkedName, object)
      } else {
        const segment = ready
          ? attach(checkedName, namespace, object, expected, true)
          : underCreationLock(object, () => finish(checkedName, namespace, object, checked, options))
        if (segment !== undefined) return segment
      }
      if (late) throw busy(checkedName)
      if (!ready) pause(CREATION_LOOK_MS)
    } catch (error) {
      object.close()
      throw error
    }
    object.close()
  }
}

/** A new object gets its mode exactly, whatever the umask; an existing one is opened as it is. */
function openForMaking(
  file: string,
  mode: number,
  owner: ReturnType<typeof checkOwner>,
  sparse: boolean,
): { object: ShmObject; isNew: boolean } {
  for (let tries = 0; tries < NAME_TRIES; tries++) {
    const made = ShmObject.tryOpen(file, { create: true, exclusive: true, mode, owner, sparse })
    if (made !== undefined) return { object: made, isNew: true }
    const object = ShmObject.tryOpen(file, { owner, sparse })
    if (object !== undefined) return { object, isNew: false }
  }
  throw lostRace(`making or opening ${JSON.stringify(file)}`, NAME_TRIES)
}

/** Runs under the creation lock, unless somebody else holds it or the object has lost its name meanwhile. */
function underCreationLock<T>(object: ShmObject, work: () => T | undefined): T | undefined {
  if (!object.lock(CREATION)) return undefined
  try {
    return object.isLinked() ? work() : undefined
  } finally {
    if (!object.closed) object.unlock(CREATION)
  }
}

function mapAll(object: ShmObject): Memory | undefined {
  if (object.memory !== undefined) return object.memory
  const { size } = object.stat()
  return size < PAGE ? undefined : object.map(size)
}

function isReady(object: ShmObject): boolean {
  const { size } = object.stat()
  if (size === 0) return false
  const memory = mapAll(object)
  if (memory === undefined) {
    throw new MemlaneError(
      'ERR_FOREIGN',
      `${JSON.stringify(object.name)} is not a Memlane segment: it has ${size} bytes, a header needs ${PAGE}`,
    )
  }
  // Anything that is not the beginning of one of ours goes to readHeader, which says what is wrong with it.
  return !isUnfinished(memory)
}

/** The holder of the creation lock makes the segment: from nothing, or from what a killed creator left. */
function finish(
  name: string,
  namespace: string,
  object: ShmObject,
  checked: Checked,
  options: SegmentOptions,
): Segment | undefined {
  // Somebody may have finished it between our look and our lock: look again, with a fresh handle.
  if (object.memory !== undefined ? stateOf(object.memory) === READY : object.stat().size > 0) {
    if (object.memory !== undefined) return undefined
    if (isReady(object)) return undefined
  }
  // Our look met the file while another creator was cutting it: what we saw says nothing. Look again, with a fresh handle.
  if (object.memory !== undefined && object.memory.faults !== 0) return undefined
  if (object.memory !== undefined) refuseInUse(name, object.memory)
  const { body, total } = plan(checked.slots, checked.participantBytes, checked.bodySize)
  const leftovers = object.memory !== undefined
  try {
    if (leftovers) object.resize(0)
    object.resize(total)
    const shared = body - checked.slots * checked.participantBytes
    // Participants' areas lie between: they get memory when their slot is claimed.
    if (shared === body) object.commit(0, body + checked.commit)
    else {
      object.commit(0, shared)
      if (checked.commit > 0) object.commit(body, checked.commit)
    }
  } catch (error) {
    unlinkObject(object.name)
    throw error
  }
  // A mapping of what was left has the wrong length: this handle starts over with one of the right length.
  const fresh = leftovers ? ShmObject.open(object.name, { owner: 'any', sparse: options.sparse === true }) : object
  if (fresh !== object && fresh.stat().inode !== object.stat().inode) {
    // Unlinked and made anew by others in this very moment.
    fresh.close()
    return undefined
  }
  let memory: Memory
  try {
    memory = fresh.map(total)
  } catch (error) {
    unlinkObject(object.name)
    if (leftovers) fresh.close()
    throw error
  }
  const segment = build(name, namespace, memory, checked, fresh, options.init)
  // SYNC: "everything the creator wrote is visible once the state is READY"
  memory.store(W_STATE, READY)
  if (leftovers) {
    object.unlock(CREATION)
    object.close()
  }
  return segment
}

/** Whom a killed creator leaves behind is dead too: a live participant means that somebody has spoiled the state word. */
function refuseInUse(name: string, memory: Memory): void {
  for (let slot = 0; slot < SLOTS_MAX; slot++) {
    if (!memory.isLocked(slot)) continue
    throw new MemlaneError(
      'ERR_CORRUPT',
      `${JSON.stringify(name)} is in use (slot ${slot} is alive) but its state is ${stateOf(memory)}, expected ${READY}`,
    )
  }
}

/** Header, first participant, body. Everything but READY. What fails leaves neither name nor memory. */
function build(
  name: string,
  namespace: string,
  memory: Memory,
  checked: Checked,
  object: ShmObject | undefined,
  init: ((segment: Segment) => void) | undefined,
): Segment {
  let segment: Segment | undefined
  try {
    writeHeader(memory, checked)
    memory.store(W_COMMITTED, checked.commit / PAGE)
    const header = readHeader(memory, memory.size, name, MAKING)
    segment = new Segment(name, namespace, memory, header, object, true, claimSlot(memory, header, name))
    init?.(segment)
    return segment
  } catch (error) {
    // The name goes first: once the lock is gone with the descriptor, it may be somebody else's.
    if (object !== undefined) unlinkObject(object.name)
    if (segment !== undefined) segment.close()
    else memory.close()
    throw error
  }
}

/** @returns undefined when the segment is not READY yet, or went away while we came in. */
function attach(
  name: string,
  namespace: string,
  object: ShmObject,
  options: SegmentOpenOptions,
  making: boolean,
): Segment | undefined {
  if (!isReady(object)) return undefined
  const memory = object.memory as Memory
  // Held against what is mapped: a peer may have cut the object before that, and given it its size again since.
  const header = readHeader(memory, Math.min(memory.size, object.stat().size), name)
  if (header.lifetime === 'lastClose' && options.readOnly !== true)
    return attachLastClose(name, namespace, object, header, options, making)
  checkOpened(header, options, name)
  const participant = options.readOnly === true ? undefined : claimSlot(memory, header, name)
  return new Segment(name, namespace, memory, header, object, false, participant)
}

function checkOpened(header: Header, options: SegmentOpenOptions, name: string): void {
  checkExpected(header, options.kind, options.schema, name)
  if (options.least !== undefined && header.bodySize < options.least) {
    throw new MemlaneError(
      'ERR_TOO_SMALL',
      `${JSON.stringify(name)} has room for ${header.bodySize} bytes, ${options.least} are wanted`,
    )
  }
}

/** A `lastClose` segment is entered and left under the creation lock, so that nobody enters what is being unlinked. */
function attachLastClose(
  name: string,
  namespace: string,
  object: ShmObject,
  header: Header,
  options: SegmentOpenOptions,
  making: boolean,
): Segment | undefined {
  const memory = object.memory as Memory
  const start = performance.now()
  for (let late = false; !object.lock(CREATION); late = performance.now() - start > CREATOR_MS) {
    if (late) throw busy(name)
    pause(CREATION_LOOK_MS)
  }
  try {
    if (!object.isLinked()) {
      if (making) return undefined
      throw notFound(name, 'its last user has just closed it')
    }
    if (!somebodyIn(memory, header)) {
      // The last one out was killed before it could unlink: do it for them.
      unlinkObject(object.name)
      if (making) return undefined
      throw notFound(name, 'its last user was killed; what it left has been unlinked')
    }
    checkOpened(header, options, name)
    return new Segment(name, namespace, memory, header, object, false, claimSlot(memory, header, name))
  } finally {
    object.unlock(CREATION)
  }
}

/** Unlinks a `lastClose` segment whose last user was killed. @returns true when its name is free for another. */
function cleanAbandoned(object: ShmObject, name: string): boolean {
  const memory = object.memory as Memory
  if (memory.u32[W_LIFETIME] !== LAST_CLOSE || !object.lock(CREATION)) return false
  try {
    if (!object.isLinked()) return true
    const size = Math.min(memory.size, object.stat().size)
    return !somebodyIn(memory, readHeader(memory, size, name)) && unlinkObject(object.name)
  } finally {
    object.unlock(CREATION)
  }
}

function somebodyIn(memory: Memory, header: Header): boolean {
  for (let slot = 0; slot < header.slots; slot++) {
    if (memory.isLocked(slot)) return true
  }
  return false
}

function closeLast(object: ShmObject, memory: Memory, header: Header, participant: Participant): void {
  const start = performance.now()
  while (!object.lock(CREATION)) {
    // A stopped creator or opener must not stop us: then the next `list` or `open` unlinks.
    if (performance.now() - start > CREATION_GAP_MS) {
      releaseSlot(memory, participant)
      return
    }
    pause(CREATION_LOOK_MS)
  }
  releaseSlot(memory, participant)
  if (!somebodyIn(memory, header) && object.isLinked()) unlinkObject(object.name)
  object.unlock(CREATION)
}

/** Gives a creator time; throws when there is none. */
function waitForCreator(object: ShmObject, name: string, waited: number): void {
  const atWork = object.isLocked(CREATION)
  // It may have become ready since the look.
  if (!atWork && waited > CREATION_GAP_MS && !isReady(object)) {
    throw notFound(
      name,
      'its creator died before it was ready; create it again, or `memlane doctor --fix` removes what is left',
    )
  }
  if (waited > CREATOR_MS) throw busy(name)
  pause(CREATION_LOOK_MS)
}

function nobodyMade(namespace: string, readOnly: boolean): string {
  const makes = readOnly ? ', and a handle that only reads makes none' : ''
  return `nobody has made it in namespace ${JSON.stringify(namespace)}, or it was removed${makes}; \`memlane list\` shows what there is`
}

function notFound(name: string, why: string): MemlaneError {
  return new MemlaneError('ERR_NOT_FOUND', `there is no segment ${JSON.stringify(name)}: ${why}`)
}

function exists(name: string, object: ShmObject): MemlaneError {
  const { size } = object.stat()
  return new MemlaneError(
    'ERR_EXISTS',
    `${JSON.stringify(name)} exists already (${size} bytes); open it, or unlink it first`,
  )
}

function busy(name: string): MemlaneError {
  return new MemlaneError(
    'ERR_BUSY',
    `${JSON.stringify(name)} is being made by another process, which is stopped or slow: waited ${CREATOR_MS} ms`,
  )
}
