// record: what a schema means to the type checker.

import type { FieldValue } from './field-value.js'
import type { Fallback, Field, Fields } from './fields.js'

/** A field that is itself a record. */
export type RecordField<F extends Fields> = Field<PlainOf<F>, InputOf<F>, Readonly<PlainOf<F>>> & { readonly fields: F }

type OptionalKeys<F extends Fields> = {
  [K in keyof F]: undefined extends Infer<F[K]> ? K : F[K] extends { readonly fallback: Fallback } ? K : never
}[keyof F]

/** A record as a plain object. */
export type PlainOf<F extends Fields> = { -readonly [K in keyof F]: Infer<F[K]> }

/** A nested record as it is written: optional members, and those with a default, may be left out. */
export type InputOf<F extends Fields> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: Input<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: Input<F[K]>
}

/** The plain type of a schema or a field: `type Sensor = Infer<typeof Sensor>`. */
export type Infer<T> = T extends Field<infer Out, infer _In, infer _Live> ? Out : never

/** What a field takes. */
export type Input<T> = T extends Field<infer _Out, infer In, infer _Live> ? In : never

/** What a field is in `update` and `view`. */
export type Live<T> = T extends Field<infer _Out, infer _In, infer L> ? L : never

/** What a write takes: any of the fields. */
export type PartialInput<F extends Fields> = { readonly [K in keyof F]?: Input<F[K]> }

/** What a read gives: every field with its status. */
export type Snapshot<F extends Fields> = { readonly [K in keyof F]: FieldValue<Infer<F[K]>> }

/**
 * The record in place, while `update` runs: texts and numbers can be assigned, arrays and bytes are views over the memory,
 * nested records and lists are copies that can only be replaced.
 */
export type LiveRecord<F extends Fields> = { -readonly [K in keyof F]: Live<F[K]> }

/** The record in place, while `view` runs. */
export type LiveView<F extends Fields> = { readonly [K in keyof F]: Live<F[K]> }
