// cli: memlane inspect. All that can be told about one segment or object without attaching to it.

import { MemlaneError } from '../errors.js'
import { isElsewhere, isStopped } from '../native/process-state.js'
import type { ParticipantInfo, SegmentInfo } from '../segment/index.js'
import { formatSize } from '../sizes.js'
import { type Command, JSON_OPTION, NAMESPACE, numberOf } from './command.js'
import { camelCase, foreignJson, participantsText, segmentJson, usersText } from './describe.js'
import { FINE, PROBLEM } from './failure.js'
import { inspectForeign } from './foreign.js'
import type { Details, Held } from './kinds/kind.js'
import { detailsOf, findTarget } from './look.js'
import { commandOf, Mappings } from './processes.js'
import { type Cell, printFacts, printTable } from './table.js'
import { paint, print, printError, printJson } from './terminal.js'
import { age, moment, printable } from './text.js'

export const inspect: Command = {
  name: 'inspect',
  about: 'show one segment: header, state, who holds it, participants',
  operands: 'NAME',
  least: 1,
  most: 1,
  options: {
    namespace: NAMESPACE,
    json: JSON_OPTION,
    depth: { type: 'string', short: 'd', value: 'N', about: 'follow references N deep from a collection; default 3' },
  },
  examples: [
    ['memlane inspect deploy', 'a segment of this namespace'],
    ['memlane inspect memlane:web:deploy', 'the same name in namespace "web", as the object is called'],
    ['memlane inspect /demo', 'an object of another program: a leading slash'],
    ['memlane inspect company --depth 5', 'the shared objects of a heap, as a tree'],
    ["memlane inspect deploy --json | jq '.details.held'", 'who holds the lock'],
  ],
  notes: ['Looking claims no slot and changes nothing.'],
  exits: [
    [0, 'it was shown'],
    [1, 'it is not there, or its header was refused'],
    [2, 'the command line was wrong'],
  ],
  run(call) {
    const target = findTarget(call.operands[0]!, call.namespace)
    if (target.type === 'foreign') return showForeign(target.object, call.on('json'))
    const { info } = target
    const details = detailsOf(info, numberOf(call, 'depth', 1))
    if (call.on('json')) printJson({ ...segmentJson(info), ...moreJson(info), details: detailsJson(details) })
    else show(info, details)
    return info.state === 'refused' ? PROBLEM : FINE
  },
}

function moreJson(info: SegmentInfo): Record<string, unknown> {
  const { header } = info
  return {
    creatorPid: header?.creatorPid ?? null,
    schema: header === undefined ? null : `0x${header.schema.toString(16)}`,
    bodyOffset: header?.body ?? null,
    bodyBytes: header?.bodySize ?? null,
    participantBytes: header?.participantBytes ?? null,
    slots: info.participants.map((one) => ({
      ...one,
      stopped: !isElsewhere(one.pidNamespace) && isStopped(one.pid),
    })),
  }
}

function detailsJson(details: Details | undefined): unknown {
  if (details === undefined) return null
  const tables = (details.tables ?? []).map(({ title, columns, rows }) => ({
    title,
    rows: rows.map((row) =>
      camelCase(Object.fromEntries(columns.map((column, i) => [column.title.toLowerCase(), row[i] ?? '']))),
    ),
  }))
  return { facts: camelCase(details.facts), held: details.held, tables }
}

function show(info: SegmentInfo, details: Details | undefined): void {
  const now = Date.now()
  const json = segmentJson(info)
  print(`${paint(['bold', 'cyan'], info.name)}  ${info.header?.kind ?? info.state}`)
  const facts: [string, Cell][] = [
    ['object', info.object],
    ['state', stateCell(info)],
    ['size', `${formatSize(info.stat.size)}, ${formatSize(info.stat.committed)} of it has memory`],
    ['owner', `user ${info.stat.uid}, mode ${json.mode}`],
  ]
  const { header } = info
  if (header !== undefined) {
    facts.push(
      ['body', `${formatSize(header.bodySize)} from byte ${header.body}`],
      ['created', `${moment(header.createdMs)}, ${age(now - header.createdMs)} ago, by pid ${header.creatorPid}`],
      ['lifetime', header.lifetime],
    )
    if (header.schema !== 0n) facts.push(['schema', `0x${header.schema.toString(16)}`])
  }
  printFacts(facts)
  if (info.problem !== undefined) {
    print()
    printError(`${paint('red', info.problem.code, process.stderr)}: ${printable(info.problem.message)}`)
  }
  if (details !== undefined) showDetails(details, now)
  if (info.participants.length > 0) {
    print()
    print(paint('bold', `Participants: ${participantsText(json.participants)}, ${json.participants.slots} slots`))
    showParticipants(info.participants, now)
  }
}

function stateCell(info: SegmentInfo): Cell {
  switch (info.state) {
    case 'ready':
      return { text: 'ready', style: 'green' }
    case 'making':
      return { text: 'being made', style: 'yellow' }
    case 'half-made':
      return { text: 'half-made: its creator died; memlane doctor --fix removes it', style: 'yellow' }
    default:
      return { text: 'refused', style: 'red' }
  }
}

function showDetails(details: Details, now: number): void {
  const facts = Object.entries(details.facts)
  if (facts.length > 0) print()
  printFacts(facts.map(([name, value]) => [name, plain(value)]))
  if (details.held.length > 0) {
    print()
    print(paint('bold', 'Held'))
    printTable(
      [
        { title: 'WHAT' },
        { title: 'SLOT', right: true },
        { title: 'PID', right: true },
        { title: 'HOLDER' },
        { title: 'ATTACHED', right: true },
        { title: 'COMMAND' },
      ],
      details.held.map((held) => [
        held.what,
        String(held.slot),
        held.pid === 0 ? '?' : String(held.pid),
        lifeCell(held),
        held.sinceMs === 0 ? '?' : `${age(now - held.sinceMs)} ago`,
        held.elsewhere || held.pid === 0 || !held.alive ? '' : commandOf(held.pid),
      ]),
      '  ',
    )
  }
  for (const { title, columns, rows } of details.tables ?? []) {
    print()
    print(paint('bold', printable(title)))
    printTable(columns, rows, '  ')
  }
}

function plain(value: string | number | boolean | bigint | null): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return value === null ? '-' : String(value)
}

function lifeCell(held: Held): Cell {
  if (!held.alive) return { text: 'dead: the next to take it recovers it', style: 'red' }
  if (held.elsewhere) return 'alive, in another pid namespace'
  return isStopped(held.pid) ? { text: 'alive, stopped', style: 'yellow' } : { text: 'alive', style: 'green' }
}

function showParticipants(participants: readonly ParticipantInfo[], now: number): void {
  printTable(
    [
      { title: 'SLOT', right: true },
      { title: 'PID', right: true },
      { title: 'THREAD', right: true },
      { title: 'STATE' },
      { title: 'ATTACHED', right: true },
      { title: 'COMMAND' },
    ],
    participants.map((one) => {
      const elsewhere = isElsewhere(one.pidNamespace)
      return [
        String(one.slot),
        String(one.pid),
        one.thread === 0 ? '' : String(one.thread),
        participantCell(one, elsewhere),
        `${age(now - one.claimedMs)} ago`,
        one.alive && !elsewhere ? commandOf(one.pid) : '',
      ]
    }),
    '  ',
  )
}

function participantCell(one: ParticipantInfo, elsewhere: boolean): Cell {
  if (!one.alive) return { text: one.unfinished ? 'dead, work to undo' : 'dead', style: 'red' }
  if (elsewhere) return 'alive, in another pid namespace'
  return isStopped(one.pid) ? { text: 'alive, stopped', style: 'yellow' } : { text: 'alive', style: 'green' }
}

function showForeign(object: string, json: boolean): number {
  const foreign = inspectForeign(object)
  if (foreign === undefined) throw new MemlaneError('ERR_FOREIGN', `/${object} is gone, or is a folder or a link`)
  const users = new Mappings().of(foreign.stat)
  if (json) {
    printJson(foreignJson(foreign, users))
    return foreign.problem === undefined ? FINE : PROBLEM
  }
  print(`${paint(['bold', 'cyan'], `/${printable(object)}`)}  ${foreign.guess}`)
  const pids = users.pids.map((pid) => `${pid} (${commandOf(pid)})`).join(', ')
  printFacts([
    ['size', `${formatSize(foreign.stat.size)}, ${formatSize(foreign.stat.committed)} of it has memory`],
    ['owner', `user ${foreign.stat.uid}, mode ${foreignJson(foreign, users).mode}`],
    ['changed', `${moment(foreign.stat.changedMs)}, ${age(Date.now() - foreign.stat.changedMs)} ago`],
    ['mapped by', `${usersText(users)}${pids === '' ? '' : `: ${pids}`}`],
    ...Object.entries(foreign.facts).map(([name, value]) => [name, plain(value)] as const),
  ])
  if (foreign.problem === undefined) return FINE
  print()
  printError(`${paint('red', foreign.problem.code, process.stderr)}: ${printable(foreign.problem.message)}`)
  return PROBLEM
}
