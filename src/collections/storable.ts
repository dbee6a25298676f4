// collections: what the type checker lets be stored. At run time the value itself is looked at, and refused with its place.

/** Built-in objects that are stored as what they are, methods and all. */
type BuiltIn =
  | Date
  | RegExp
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | boolean
  | number
  | string
  | bigint

/** `V` with `never` in the place of functions and symbols. */
type Storable<V> = unknown extends V
  ? V
  : V extends symbol | ((...args: never) => unknown) | (abstract new (...args: never) => unknown)
    ? never
    : V extends string | number | bigint | boolean | null | undefined | BuiltIn
      ? V
      : { [P in keyof V]: Storable<V[P]> }

/** A name, where `V` holds functions or symbols; no name at all where it does not, or is not known yet. */
export type NameOfUnstorable<V> = [V] extends [Storable<V>] ? never : string

/** What opening with such a type gives to the type checker: nothing that could be used. */
export interface NotStorable<V, K = number> {
  readonly 'functions and symbols cannot be stored': readonly [V, K]
}
