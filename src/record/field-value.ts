// record: one field of a snapshot, with what is known about it.

/** Bits of a status byte. */
export const TRUNCATED: number = 1
export const UNWRITTEN: number = 2
export const MODIFIED: number = 4

/**
 * A field's value and its status. Converts to its value where JavaScript converts: `field + 1`, `${field}`,
 * `Number(field)`, `JSON.stringify`. A condition tests the object: write `if (field.value)`.
 */
export class FieldValue<T = unknown> {
  readonly value: T
  /** The status bits: 1 truncated, 2 unwritten, 4 modified. */
  readonly status: number

  constructor(value: T, status: number) {
    this.value = value
    this.status = status
  }

  /** An exact copy of what the writer gave: neither truncated nor unwritten. */
  get valid(): boolean {
    return (this.status & (TRUNCATED | UNWRITTEN)) === 0
  }

  /** Changed since this reader's last read; in a FIFO: given in this record. */
  get modified(): boolean {
    return (this.status & MODIFIED) !== 0
  }

  /** The text or array was longer than the field, or the array had another shape. */
  get truncated(): boolean {
    return (this.status & TRUNCATED) !== 0
  }

  /** Nobody has written the field yet. */
  get unwritten(): boolean {
    return (this.status & UNWRITTEN) !== 0
  }

  /** The value itself. */
  valueOf(): T {
    return this.value
  }

  /** The value as text. */
  toString(): string {
    return String(this.value)
  }

  /** The value, where a primitive is wanted. */
  [Symbol.toPrimitive](hint: string): unknown {
    const value = this.value as unknown
    if (typeof value !== 'object' || value === null) return hint === 'string' ? String(value) : value
    return hint === 'number' ? Number(value) : String(value)
  }

  /** The value, for JSON. */
  toJSON(): T {
    return this.value
  }
}
