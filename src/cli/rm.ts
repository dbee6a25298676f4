// cli: memlane rm. Removes names; whoever is attached keeps the memory until it closes.

import { MemlaneError } from '../errors.js'
import { statObject, unlinkObject } from '../memory/index.js'
import { Segment, type SegmentInfo } from '../segment/index.js'
import { type Command, JSON_OPTION, NAMESPACE } from './command.js'
import { Advised, describeFailure, FINE, PROBLEM, report, USAGE } from './failure.js'
import { findTarget } from './look.js'
import { Mappings } from './processes.js'
import { print, printJson } from './terminal.js'
import { count, printable } from './text.js'

export const rm: Command = {
  name: 'rm',
  about: 'remove segments, or objects of other programs',
  operands: 'NAME...',
  least: 1,
  most: Number.POSITIVE_INFINITY,
  options: {
    namespace: NAMESPACE,
    force: { type: 'boolean', short: 'f', about: 'remove it although live processes use it' },
    json: JSON_OPTION,
  },
  examples: [
    ['memlane rm deploy', 'unless a live process uses it'],
    ['memlane rm --force deploy jobs', 'even then: they keep the old memory, the next to open makes a new one'],
    ['memlane rm /demo', 'an object of another program'],
  ],
  notes: [
    'Removing takes away the name. Processes that are attached go on with the memory they have, apart from those that open\n' +
      'the name afterwards; it is given back when the last one closes it.',
  ],
  exits: [
    [0, 'all of them are gone'],
    [1, 'at least one is in use, was not there, or could not be removed; the others are gone'],
    [2, 'the command line was wrong'],
  ],
  run(call) {
    const removed: string[] = []
    const failed: { name: string; code: string; message: string; hint?: string }[] = []
    let worst = FINE
    for (const name of call.operands) {
      try {
        const object = remove(name, call.namespace, call.on('force'))
        removed.push(object)
        if (!call.on('json')) print(`removed ${printable(name)}`)
      } catch (error) {
        if (call.on('json')) failed.push({ name, ...describeFailure(error) })
        const code = call.on('json') ? PROBLEM : report(error, false)
        worst = worst === PROBLEM || code !== USAGE || call.operands.length > 1 ? PROBLEM : USAGE
      }
    }
    if (call.on('json')) printJson({ removed, failed })
    return worst
  },
}

/** @returns the object that is gone now. */
function remove(name: string, namespace: string | undefined, force: boolean): string {
  const target = findTarget(name, namespace)
  const object = target.type === 'segment' ? target.info.object : target.object
  if (!force) {
    // A header that was refused tells nothing of who is attached, and other programs have no header at all.
    const known = target.type === 'segment' && target.info.state !== 'refused'
    const pids = known ? participants(target.info) : mappers(object)
    if (pids.length > 0) throw inUse(name, pids)
  }
  const gone =
    target.type === 'segment'
      ? Segment.unlink(target.info.name, { namespace: target.info.namespace })
      : unlinkObject(object)
  if (!gone) throw new MemlaneError('ERR_NOT_FOUND', `${JSON.stringify(name)} was removed by somebody else just now`)
  return object
}

function participants(info: SegmentInfo): number[] {
  if (info.state === 'making')
    throw new Advised(
      new MemlaneError('ERR_BUSY', `${JSON.stringify(info.name)} is being made by a live process`),
      'Try again in a moment, or remove it with --force.',
    )
  return [...new Set(info.participants.filter(({ alive }) => alive).map(({ pid }) => pid))]
}

function mappers(object: string): readonly number[] {
  const stat = statObject(object)
  return stat === undefined ? [] : new Mappings().of(stat).pids
}

function inUse(name: string, pids: readonly number[]): Advised {
  const shown = pids.slice(0, 8).join(', ') + (pids.length > 8 ? ', …' : '')
  return new Advised(
    new MemlaneError(
      'ERR_BUSY',
      `${JSON.stringify(name)} is in use by ${count(pids.length, 'live process', 'live processes')} (pid ${shown})`,
    ),
    'Stop them first, or remove it with --force: they keep the old memory, apart from those that come after.',
  )
}
