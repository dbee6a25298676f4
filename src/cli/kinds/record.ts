// cli: looks into a record or a FIFO of records. The record says itself what it holds.

import { describeRecord, inspectRecord } from '../../record/index.js'
import { LOCK } from '../../record/record.layout.js'
import type { Segment } from '../../segment/index.js'
import { count } from '../text.js'
import { holderOf, type Kind, wordAt } from './kind.js'

const where = (segment: Segment) => ({ namespace: segment.namespace, owner: 'any' }) as const

export const record: Kind = {
  kind: 'record',
  summary(segment) {
    const { slots, sequence, fields } = describeRecord(segment.name, where(segment))
    return `${slots === 0 ? 'latest value' : `FIFO of ${slots}`}, ${count(Object.keys(fields).length, 'field')}, ${sequence} written`
  },
  inspect(segment) {
    const { description, fields } = inspectRecord(segment.name, where(segment))
    const { slots, full, buffers, sequence } = description
    return {
      facts: {
        holds: slots === 0 ? 'the latest value' : `a FIFO of ${slots}`,
        ...(slots === 0 ? {} : { 'when full': full }),
        buffers,
        'records written': sequence,
      },
      held: holderOf(segment, 'the writer lock', wordAt(segment, LOCK)),
      tables: [
        {
          title: 'Newest record',
          columns: [{ title: 'FIELD' }, { title: 'TYPE' }, { title: 'STATUS' }, { title: 'VALUE' }],
          rows: fields.map((field) => [field.name, field.type, statusOf(field), field.text]),
        },
      ],
    }
  },
}

function statusOf(field: { valid: boolean; truncated: boolean; unwritten: boolean; modified: boolean }): string {
  const words = (['valid', 'modified', 'truncated', 'unwritten'] as const).filter((word) => field[word])
  return words.join(', ')
}
