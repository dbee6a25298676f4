// cli: memlane dump. All of a collection, of one moment.

import { type Command, JSON_OPTION, NAMESPACE, TIMEOUT, timeoutOf } from '../command.js'
import { FINE } from '../failure.js'
import { readNamed } from './open.js'
import { printShown } from './print-shown.js'
import { shown } from './render.js'
import { SHOWING, showingOf } from './showing.js'

export const dump: Command = {
  name: 'dump',
  about: 'print all that is in a collection or a heap',
  operands: 'NAME',
  least: 1,
  most: 1,
  options: { namespace: NAMESPACE, timeout: TIMEOUT, ...SHOWING, json: JSON_OPTION },
  examples: [
    ['memlane dump game_state', 'as JavaScript shows it'],
    ['memlane dump game_state --json > game.json', 'as one JSON document'],
    ['memlane dump /game_state', 'a dict or list of the Python package rememory'],
    ['memlane dump game_state --keys --limit 20', 'the first twenty keys'],
  ],
  notes: [
    'Each collection is printed as it was in one moment. Like get, it claims no slot unless it must.',
    'As text, a buffer shows its first 64 elements unless --limit says otherwise.',
    'In JSON a Map with string keys is an object, any other one a list of pairs; a Set is a list; a bigint is its digits,\n' +
      'a Date its ISO text, bytes are base64, NaN and infinities are their names.',
  ],
  exits: [
    [0, 'it was printed'],
    [1, 'it is not there'],
    [2, 'the command line was wrong'],
  ],
  run(call) {
    const showing = showingOf(call)
    printShown(
      readNamed(call.operands[0]!, call.namespace, timeoutOf(call), (value) => shown(value, showing)),
      showing,
      call.on('json'),
    )
    return FINE
  },
}
