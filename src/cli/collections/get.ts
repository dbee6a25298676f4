// cli: memlane get. Prints what is at a place in a collection.

import { type Command, JSON_OPTION, NAMESPACE, TIMEOUT, timeoutOf } from '../command.js'
import { FINE } from '../failure.js'
import { readNamed } from './open.js'
import { findPlace, parsePath, valueAt } from './path.js'
import { printShown } from './print-shown.js'
import { shown } from './render.js'
import { SHOWING, showingOf } from './showing.js'

export const get: Command = {
  name: 'get',
  about: 'print a value of a map, list, set, cell or heap',
  operands: 'NAME [PATH]',
  least: 1,
  most: 2,
  options: { namespace: NAMESPACE, timeout: TIMEOUT, ...SHOWING, json: JSON_OPTION },
  examples: [
    ['memlane get hits', 'a single value'],
    ['memlane get game_state ada.score', 'a property of a value of a map'],
    ['memlane get chat 0.text', 'of the first element of a list'],
    ['memlane get game \'players["a.b"].tags[0]\'', 'in the map "players" of a heap; quoted where a key has a dot'],
    ['memlane get game_state ada --json', 'as JSON'],
    ['memlane get /game_state ada.score', 'of a dict of the Python package rememory'],
    ['memlane get game_state --keys', 'the keys of a map'],
  ],
  notes: [
    'Reading claims no slot, takes no lock and changes nothing, and needs no more than the permission to read. Only where\n' +
      'writers leave it no quiet moment for a second does it attach like any process.',
  ],
  exits: [
    [0, 'it was printed'],
    [1, 'it is not there'],
    [2, 'the command line was wrong'],
  ],
  run(call) {
    const [name = '', path = ''] = call.operands
    const steps = parsePath(path)
    const showing = showingOf(call)
    const found = readNamed(name, call.namespace, timeoutOf(call), (root) =>
      shown(valueAt(findPlace(root, steps), steps), showing),
    )
    printShown(found, showing, call.on('json'))
    return FINE
  },
}
