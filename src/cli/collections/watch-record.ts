// cli: memlane watch of a record. Every newer record, or one field of it, arrays summarised.

import { MemlaneError } from '../../errors.js'
import { type FieldDescription, watchRecord } from '../../record/index.js'
import { paint, print, printJson } from '../terminal.js'
import { printable } from '../text.js'

/** Prints until `most` records were shown. */
export async function printRecords(
  name: string,
  namespace: string | undefined,
  field: string,
  most: number,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  let left = most
  for await (const { sequence, missed, fields } of watchRecord(name, { namespace, owner: 'any', signal })) {
    const shown = field === '' ? fields : fields.filter((one) => one.name === field)
    if (shown.length === 0) {
      throw new MemlaneError(
        'ERR_KIND',
        `"${name}" has no field "${field}", but ${fields.map((one) => one.name).join(', ')}`,
      )
    }
    if (!shown.some((one) => one.modified)) continue
    if (json) printJson({ sequence, missed, fields: shown }, 0)
    else print(line(sequence, missed, shown))
    if (--left <= 0) return
  }
}

function line(sequence: number, missed: number, fields: readonly FieldDescription[]): string {
  const changed = fields.filter((field) => field.modified)
  const more = missed > 0 ? paint('dim', ` +${missed}`) : ''
  return `${paint('green', `#${sequence}`)} ${changed.map(text).join('  ')}${more}`
}

function text({ name, text: value, truncated }: FieldDescription): string {
  return `${printable(name)}=${printable(value)}${truncated ? paint('yellow', ' (truncated)') : ''}`
}
