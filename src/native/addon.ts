// native: the addon's functions as TypeScript sees them. Every number below zero is one of the FAILED_ numbers of layout.ts.

/** Waits that were started and have not ended, by their numbers. */
export interface Waits {
  readonly pending: Map<number, (result: number) => void>
  next: number
}

/** What native/napi exports. Offsets and lengths are bytes; handles belong to the thread that opened them. */
export interface Addon {
  open(name: string, flags: number, mode: number): number
  unlink(name: string): number
  /** Gives an object another name, in one step. */
  publish(name: string, as: string, replace: boolean): number
  stat(handle: number, out: Float64Array): number
  statName(name: string, out: Float64Array): number
  space(out: Float64Array): number
  list(): string[] | number
  truncate(handle: number, size: number): number
  commit(handle: number, offset: number, length: number): number
  /** With a place the bytes lie there, and nothing is returned. */
  map(
    handle: number,
    offset: number,
    length: number,
    readOnly: boolean,
    place: Uint8Array | undefined,
  ): ArrayBuffer | number | undefined
  faultSlot(handle: number): number
  faultWords(): ArrayBuffer | number
  /** What was mapped shows zeros from now on. */
  close(handle: number): number
  lockByte(handle: number, byte: number): number
  unlockByte(handle: number, byte: number): number
  byteHeld(handle: number, byte: number): number
  wake(handle: number, offset: number, count: number): number
  wait(handle: number, offset: number, expected: number, timeout: number, watch: number): number
  /** 1: the event loop itself tells (Node.js, where the kernel can), 0: the waiter threads do. */
  onWaitEnd(callback: (id: number, result: number) => void, onLoop: boolean): number
  /** The place of the wait, which `waitCancel` wants to know besides its number. */
  waitStart(handle: number, offset: number, expected: number, timeout: number, watch: number, id: number): number
  waitCancel(id: number, place: number): number
  fence(): void
  giveWay(): void
  /** Where objects are, for people to read. */
  place(): string
  processStart(pid: number): number
  processNamespace(): number
  /** Fills 16 bytes. */
  bootId(out: Uint8Array): number
  readonly layout: Readonly<Record<string, number>>
  /** The waits of this thread: one table for every copy of the package's JavaScript that has this addon. */
  waits?: Waits
}
