// record: how each kind of field lies in memory. Writing checks; reading is total: any bytes give some value, because a
// reader may look at bytes that are just being written, and finds out afterwards.
//
//   number, bool        the value, aligned to its size
//   oneOf               u8, index of the choice
//   str(n)              0         4                          text as latin1, or as UTF-16 where a character needs it:
//                       | length  | 4 n bytes |              fixed width, so any bytes are some text
//                       length = UTF-16 units << 1 | wide
//   bytes(n)            | length u32 | zeros u32 | n bytes |
//   array               the elements, row-major, aligned to 8
//   optional(x)         | present u8 | padding | x |
//   record, list        the members, each aligned; a list's stride is its element's size, rounded up to its alignment, at least 1

import { ArrayCodec } from './array-codec.js'
import type { Codec } from './codec.js'
import { DTYPES } from './dtypes.js'
import type { FieldSpec } from './fields.js'
import { ListCodec, OptionalCodec, RecordCodec } from './nested-codecs.js'
import { BoolCodec, ChoiceCodec, F64Codec, I32Codec, NumberCodec } from './scalar-codecs.js'
import { BytesCodec, TextCodec } from './text-codecs.js'

/** The codec of a field; every call makes a new one, which belongs to one memory. */
export function codecOf(spec: FieldSpec): Codec {
  switch (spec.kind) {
    case 'f64':
      return new F64Codec()
    case 'i32':
      return new I32Codec()
    case 'bool':
      return new BoolCodec()
    case 'str':
      return new TextCodec(spec.length)
    case 'bytes':
      return new BytesCodec(spec.length)
    case 'array':
      return new ArrayCodec(DTYPES[spec.dtype], spec.shape)
    case 'oneOf':
      return new ChoiceCodec(spec.choices)
    case 'optional':
      return new OptionalCodec(codecOf(spec.of.spec))
    case 'record':
      return new RecordCodec(spec.fields, (field) => codecOf(field.spec))
    case 'list':
      return new ListCodec(codecOf(spec.of.spec), spec.count)
    default:
      return new NumberCodec(DTYPES[spec.kind])
  }
}
