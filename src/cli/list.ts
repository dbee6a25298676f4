// cli: memlane list. Everything in shared memory, ours first.

import { listSegments, namespaceOf } from '../segment/index.js'
import { formatSize } from '../sizes.js'
import { filtered, type Listed, SORTS, sorted } from './choosing.js'
import { type Call, type Command, JSON_OPTION, NAMESPACE } from './command.js'
import { foreignJson, participantsText, type SegmentJson, segmentJson, usersText } from './describe.js'
import { FINE } from './failure.js'
import { listForeign } from './foreign.js'
import { Mappings } from './processes.js'
import { type Cell, printTable } from './table.js'
import { paint, print, printJson } from './terminal.js'
import { age } from './text.js'

export const list: Command = {
  name: 'list',
  about: 'show every segment, and objects of other programs',
  operands: '',
  least: 0,
  most: 0,
  options: {
    namespace: { ...NAMESPACE, about: `${NAMESPACE.about}; '*' for all` },
    ours: { type: 'boolean', about: 'leave out objects of other programs' },
    filter: { type: 'string', value: 'PATTERN', about: "only these names, as 'game*', or kinds, as 'kind:heap'" },
    sort: { type: 'string', value: 'BY', about: `in this order: ${SORTS.join(', ')}` },
    names: { type: 'boolean', about: 'names of segments alone, one a line' },
    json: JSON_OPTION,
  },
  examples: [
    ['memlane list', 'segments of this namespace, and what other programs keep in shared memory'],
    ["memlane list --namespace '*'", 'segments of all namespaces'],
    ["memlane list --filter 'cam*' --sort used", 'the cameras, those with most memory first'],
    ["memlane list --json | jq -r '.segments[].name'", 'names only'],
  ],
  notes: [
    'SIZE is what is reserved, USED what has memory behind it. A kind that ends in "?" is guessed from the bytes of an\n' +
      'object that another program made. A segment made with lifetime "lastClose" that nobody uses any more is removed.',
  ],
  exits: [
    [0, 'the list was shown, even when it is empty'],
    [1, 'shared memory could not be read'],
    [2, 'the command line was wrong'],
  ],
  run(call) {
    const namespace = call.namespace === '*' ? '*' : namespaceOf(call.namespace)
    const chosen = <T>(all: readonly T[], listed: (one: T) => Listed): T[] =>
      filtered(
        sorted(
          all.map((one) => ({ ...listed(one), one })),
          call.text('sort'),
        ),
        call.text('filter'),
      ).map(({ one }) => one)
    const segments = chosen(listSegments({ namespace }).map(segmentJson), listedSegment)
    if (call.on('names')) {
      for (const { name } of segments) print(name)
      return FINE
    }
    const found = call.on('ours') ? [] : listForeign()
    const mappings = found.length > 0 ? new Mappings() : undefined
    const foreign = chosen(
      found.map((one) => foreignJson(one, mappings!.of(one.stat))),
      listedForeign,
    )
    if (call.on('json')) printJson({ namespace, segments, foreign })
    else show(call, namespace, segments, foreign)
    return FINE
  },
}

function listedSegment(one: SegmentJson): Listed {
  return { ...one, atMs: one.createdMs, participants: one.participants.live }
}

function listedForeign(one: ReturnType<typeof foreignJson>): Listed {
  return { ...one, name: one.object, kind: one.guess, atMs: one.changedMs, participants: one.users.length }
}

function show(
  call: Call,
  namespace: string,
  segments: readonly SegmentJson[],
  foreign: readonly ReturnType<typeof foreignJson>[],
): void {
  const now = Date.now()
  if (segments.length === 0) {
    const where = namespace === '*' ? 'in any namespace' : `in namespace ${JSON.stringify(namespace)}`
    print(`no segments ${where}${namespace === '*' ? '' : "; memlane list --namespace '*' looks in all"}`)
  } else {
    printTable(
      [
        { title: namespace === '*' ? 'NAMESPACE' : '' },
        { title: 'NAME' },
        { title: 'KIND' },
        { title: 'SIZE', right: true },
        { title: 'USED', right: true },
        { title: 'AGE', right: true },
        { title: 'PARTICIPANTS' },
        { title: 'STATE' },
      ],
      segments.map((one) => [
        namespace === '*' ? one.namespace : '',
        { text: one.name, style: 'cyan' },
        one.kind ?? '-',
        formatSize(one.sizeBytes),
        formatSize(one.committedBytes),
        one.createdMs === null ? '-' : age(now - one.createdMs),
        one.participants.dead > 0
          ? { text: participantsText(one.participants), style: 'yellow' }
          : participantsText(one.participants),
        stateCell(one),
      ]),
    )
  }
  if (foreign.length === 0 || call.on('ours')) return
  print()
  print(paint('dim', 'Objects of other programs'))
  printTable(
    [
      { title: 'OBJECT' },
      { title: 'KIND' },
      { title: 'SIZE', right: true },
      { title: 'USED', right: true },
      { title: 'CHANGED', right: true },
      { title: 'MAPPED BY' },
      { title: 'STATE' },
    ],
    foreign.map((one) => [
      { text: `/${one.object}`, style: 'cyan' },
      one.guess,
      formatSize(one.sizeBytes),
      formatSize(one.committedBytes),
      age(now - one.changedMs),
      usersText({ pids: one.users, complete: one.usersComplete }),
      one.problem === null
        ? Object.entries(one.facts)
            .map(([name, value]) => `${name} ${value}`)
            .join(', ')
        : one.problem.code,
    ]),
  )
}

function stateCell(one: SegmentJson): Cell {
  if (one.problem !== null) return { text: one.problem.code, style: 'red' }
  if (one.state !== 'ready') return { text: one.state, style: 'yellow' }
  return one.summary ?? ''
}
