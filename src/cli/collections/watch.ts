// cli: memlane watch. Prints changes of a collection or a record as they come. Sleeps between them.

import { Cell, type Key, SharedHeap, SharedList, SharedMap, SharedSet } from '../../collections/index.js'
import { MemlaneError } from '../../errors.js'
import { type Command, NAMESPACE, numberOf, TIMEOUT, timeoutOf } from '../command.js'
import { FINE, UsageError } from '../failure.js'
import { findTarget } from '../look.js'
import { harmless, paint, print, printJson } from '../terminal.js'
import { Ending } from './ending.js'
import { openNamed } from './open.js'
import { findKey, findPlace, parsePath, valueAt } from './path.js'
import { asJson, asText, detached } from './render.js'
import { printDepartures } from './watch-departures.js'
import { printRecords } from './watch-record.js'

interface Event {
  type: string
  key?: unknown
  value: unknown
  coalesced: number
}

export const watch: Command = {
  name: 'watch',
  about: 'print the changes of a collection or a record as they come, or who leaves it',
  operands: 'NAME [PATH]',
  least: 1,
  most: 2,
  options: {
    namespace: NAMESPACE,
    timeout: TIMEOUT,
    json: { type: 'boolean', about: 'print one JSON document per line' },
    departures: { type: 'boolean', about: 'print who closes it or dies, instead of changes; of every kind' },
    count: { type: 'string', short: 'c', value: 'N', about: 'end after N events' },
  },
  examples: [
    ['memlane watch game_state', 'every change of a map, those inside its values too'],
    ['memlane watch game_state ada', 'of one key'],
    ['memlane watch game round', 'of the integer "round" of a heap'],
    ['memlane watch hits --count 1', 'waits for one change'],
    ['memlane watch jobs --departures', 'who closes it, and who dies with it open'],
    ['memlane watch cam0', 'every newer record; "memlane watch cam0 status": one field of it'],
  ],
  notes: [
    'A fast writer makes fewer, coalesced events: "+3" after an event says that it stands for three further changes.',
  ],
  exits: [
    [0, 'N events were printed, or it was interrupted'],
    [1, 'it is not there, or was removed'],
    [2, 'the command line was wrong'],
  ],
  async run(call) {
    const [name = '', path = ''] = call.operands
    const most = numberOf(call, 'count', 1) ?? Number.POSITIVE_INFINITY
    const target = findTarget(name, call.namespace)
    using ending = new Ending(target)
    try {
      if (call.on('departures')) {
        await printDepartures(target, path, most, call.on('json'), ending.signal)
      } else if (target.type === 'segment' && target.info.header?.kind === 'record') {
        await printRecords(target.info.name, target.info.namespace, path, most, call.on('json'), ending.signal)
      } else {
        await printChanges(name, call.namespace, timeoutOf(call), path, most, call.on('json'), ending.signal)
      }
    } catch (error) {
      if (!ending.isInterrupt(error)) throw error
    }
    return FINE
  },
}

async function printChanges(
  name: string,
  namespace: string | undefined,
  timeout: number,
  path: string,
  most: number,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  using open = openNamed(name, namespace, timeout)
  let left = most
  for await (const event of eventsOf(open.value, parsePath(path), signal)) {
    if (json) printJson({ ...event, key: asJson(event.key), value: asJson(event.value) }, 0)
    else print(line(event))
    if (--left <= 0) return
  }
}

function line({ type, key, value, coalesced }: Event): string {
  const more = coalesced > 0 ? paint('dim', ` +${coalesced}`) : ''
  const what = key === undefined ? '' : ` ${typeof key === 'string' ? harmless(key) : asText(key)}`
  return `${paint(type === 'set' || type === 'add' ? 'green' : 'yellow', type)}${what}${value === undefined ? '' : ` ${asText(value)}`}${more}`
}

async function* eventsOf(root: unknown, steps: readonly string[], signal: AbortSignal): AsyncGenerator<Event> {
  const place = findPlace(root, steps)
  const { holder, step } = place
  if (holder instanceof SharedHeap)
    throw new UsageError('a heap holds several collections: name one', 'As in: memlane watch game players')
  if (holder instanceof SharedMap) {
    const map = holder as SharedMap<Key>
    const changes =
      step === undefined ? map.watch({ signal }) : map.watch((findKey(map, step) ?? { key: step }).key, { signal })
    for await (const { type, key, value, coalesced } of changes) yield { type, key, value: detached(value), coalesced }
    return
  }
  if (step !== undefined) {
    valueAt(place, steps)
    throw new MemlaneError('ERR_KIND', 'only whole collections and the keys of a map can be watched')
  }
  if (holder instanceof SharedSet) {
    for await (const { type, value, coalesced } of holder.watch({ signal }))
      yield { type, key: value, value: undefined, coalesced }
  } else if (holder instanceof Cell) {
    for await (const { type, value, coalesced } of holder.watch({ signal }))
      yield { type, value: detached(value), coalesced }
  } else if (holder instanceof SharedList) {
    const list = holder as SharedList
    for await (const { type, index, value, coalesced } of list.watch({ signal }))
      yield { type, key: index, value: detached(value), coalesced }
  }
}
