// record: what a segment says about itself, checked before it is believed.

import { MemlaneError } from '../errors.js'
import { utf8 } from '../host.js'
import type { Segment } from '../segment/index.js'
import type { Fields } from './fields.js'
import {
  layoutOf,
  READER_SIZE,
  READERS,
  type RecordLayout,
  SHAPE_BUFFERS,
  SHAPE_SLOTS,
  SHAPE_TEXT,
} from './record.layout.js'
import { parseSchema, schemaText } from './schema.js'

/** The kind of segments that hold records. */
export const KIND = 'record'

/**
 * What a segment says about itself, checked before it is believed.
 *
 * @param known the schema of who asks: when the text is the same, it need not be parsed.
 * @throws MemlaneError `ERR_CORRUPT`, `ERR_VERSION`.
 */
export function readShape(segment: Segment, known?: Fields): { layout: RecordLayout; fields: Fields; text: string } {
  const { u32, u8 } = segment.memory
  const at = (offset: number): number => u32[(segment.body + offset) / 4]!
  const textBytes = at(SHAPE_TEXT)
  const start = READERS + segment.slots * READER_SIZE
  const slots = at(SHAPE_SLOTS)
  const buffers = at(SHAPE_BUFFERS)
  const corrupt = (why: string): MemlaneError =>
    new MemlaneError('ERR_CORRUPT', `${JSON.stringify(segment.name)} is no whole record: ${why}`)
  if (start + textBytes > segment.bodySize) throw corrupt(`${textBytes} bytes of schema in ${segment.bodySize}`)
  if (slots > 2 ** 20 || buffers < 2 || (slots === 0 ? buffers < 3 || buffers > 64 : buffers !== slots + 1)) {
    throw corrupt(`${buffers} buffers for ${slots} slots`)
  }
  const bytes = u8.slice(segment.body + start, segment.body + start + textBytes)
  const text = utf8.text(bytes)
  const fields = known !== undefined && schemaText(known) === text ? known : parseSchema(text, segment.name)
  const layout = layoutOf(fields, { slots, buffers, participants: segment.slots, textBytes })
  if (layout.size > segment.bodySize) throw corrupt(`${layout.size} bytes of record in ${segment.bodySize}`)
  return { layout, fields, text }
}
