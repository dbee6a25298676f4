// record: n-dimensional arrays.

import { MemlaneError } from '../errors.js'
import { type Bytes, copyOf } from './bytes.js'
import { Codec } from './codec.js'
import { type AnyTypedArray, checkNumber, type DtypeInfo } from './dtypes.js'
import { elementsOf, flatten, type NdArray, sameShape, strideOf } from './ndarray.js'

export class ArrayCodec extends Codec {
  override readonly refills = true
  readonly size: number
  readonly align = 8
  readonly shape: readonly number[]
  readonly info: DtypeInfo
  readonly #count: number
  readonly #stride: readonly number[]
  /** Views that `view` and `update` gave out before, by place: there are only so many buffers. */
  readonly #views = new Map<number, AnyTypedArray>()

  constructor(info: DtypeInfo, shape: readonly number[]) {
    super()
    this.info = info
    this.shape = shape
    this.#count = elementsOf(shape)
    this.#stride = Object.freeze(strideOf(shape))
    this.size = this.#count * info.size
  }

  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    const target = this.live(bytes, at)
    // The common case: a typed array of the very kind and length.
    if (this.#fits(value) && this.#count > 0 && this.info.name !== 'bool') {
      target.set(value as never)
      return false
    }
    const { elements, shape } = flatten(value, what, this.#count)
    const other = shape === undefined ? elements.length !== this.#count : !sameShape(shape, this.shape)
    const sameKind = elements instanceof this.info.array && this.info.name !== 'bool'
    if (other && ArrayBuffer.isView(elements) && !sameKind) {
      const given = shape === undefined ? `${elements.length} elements` : `shape [${shape.join(', ')}]`
      throw new MemlaneError(
        'ERR_MISMATCH',
        `${what} is array('${this.info.name}', [${this.shape.join(', ')}]), got ${(elements as object).constructor.name} of ${given}: neither type nor shape fit`,
      )
    }
    if (sameKind) {
      const source = elements as unknown as Uint8Array
      target.set(source.subarray(0, Math.min(source.length, this.#count)) as never)
    } else {
      // Checked also where they are cut off: a wrong element is an error either way.
      for (let i = 0; i < elements.length; i++) {
        const element = checkNumber(this.info, elements[i], what)
        if (i < this.#count) target[i] = element as never
      }
    }
    if (elements.length < this.#count) target.fill(0 as never, elements.length)
    return other
  }

  /** A typed array of the very kind and length, and no proxy of one. */
  #fits(value: unknown): value is AnyTypedArray {
    return ArrayBuffer.isView(value) && value instanceof this.info.array && value.length === this.#count
  }

  read(bytes: Bytes, at: number): NdArray {
    const copy = copyOf(bytes.u8, at, this.size)
    return this.#wrap(new this.info.array(copy.buffer, 0, this.#count))
  }

  #wrap(data: AnyTypedArray): NdArray {
    return { data, shape: this.shape, stride: this.#stride, offset: 0 }
  }

  override readInto(bytes: Bytes, at: number, target: unknown): unknown {
    const data = (ArrayBuffer.isView(target) ? target : (target as NdArray | undefined)?.data) as
      | AnyTypedArray
      | undefined
    if (!this.#fits(data) || this.#count === 0) return this.read(bytes, at)
    data.set(this.live(bytes, at) as never)
    return target
  }

  override live(bytes: Bytes, at: number): AnyTypedArray {
    let view = this.#views.get(at)
    if (view === undefined || view.buffer !== bytes.buffer) {
      view = new this.info.array(bytes.buffer, at, this.#count)
      this.#views.set(at, view)
    }
    return view
  }
}
