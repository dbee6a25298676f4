// cli: memlane set. Stores a value at a place in a collection.

import { Cell } from '../../collections/index.js'
import { type Command, JSON_OPTION, NAMESPACE, TIMEOUT, timeoutOf } from '../command.js'
import { FINE } from '../failure.js'
import { printJson } from '../terminal.js'
import { openNamed } from './open.js'
import { findPlace, type Place, parsePath, storeAt } from './path.js'
import { asJson } from './render.js'

export const set: Command = {
  name: 'set',
  about: 'store a value in a map, list, set, cell or heap',
  operands: 'NAME [PATH] VALUE',
  least: 2,
  most: 3,
  options: {
    namespace: NAMESPACE,
    timeout: TIMEOUT,
    text: { type: 'boolean', short: 't', about: 'take VALUE as text, even where it reads as JSON' },
    json: JSON_OPTION,
  },
  examples: [
    ['memlane set hits 5', 'a single value'],
    ['memlane set game_state ada.score 12', 'a property, seen by every process at once'],
    ['memlane set game_state bo \'{"score":0,"tags":[]}\'', 'a whole value, as JSON'],
    ['memlane set online ada true', 'adds to a set; false deletes'],
    ['memlane set flags version 1.10 --text', 'the text "1.10", not a number'],
  ],
  notes: [
    'VALUE is read as JSON; what is no JSON is text. What does not exist is not made: only a new key, index or property is.',
  ],
  exits: [
    [0, 'it was stored'],
    [1, 'the place is not there, or the value was refused; nothing has changed'],
    [2, 'the command line was wrong'],
  ],
  run(call) {
    const [name = '', ...rest] = call.operands
    const text = rest.pop() ?? ''
    const steps = parsePath(rest[0] ?? '')
    using open = openNamed(name, call.namespace, timeoutOf(call))
    const place = findPlace(open.value, steps)
    const value = call.on('text') ? text : valueFrom(text, place)
    storeAt(place, value, steps)
    if (call.on('json')) printJson({ path: steps, stored: asJson(value) })
    return FINE
  },
}

function valueFrom(text: string, { holder, step }: Place): unknown {
  // A cell of 64 bits holds bigints; JSON would round them to 53 bits.
  const exact = step === undefined && holder instanceof Cell && typeof holder.value === 'bigint'
  if (exact && /^-?\d+n?$/.test(text)) return BigInt(text.replace('n', ''))
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
