// cli: memlane doctor. Looks for what killed processes left behind, and with --fix tidies what is safe to tidy.

import { MemlaneError } from '../errors.js'
import { place, space } from '../native/os-error.js'
import { listSegments, namespaceOf } from '../segment/index.js'
import { formatSize } from '../sizes.js'
import { type Call, type Command, JSON_OPTION, NAMESPACE } from './command.js'
import { FINE, PROBLEM, UsageError } from './failure.js'
import { checkForeign, checkSegment, checkSpace, checkWaits, type Finding } from './findings.js'
import { inspectForeign, listForeign } from './foreign.js'
import { findTarget } from './look.js'
import { Mappings } from './processes.js'
import { paint, print, printJson, type Style } from './terminal.js'
import { count, printable, printableLines } from './text.js'

export const doctor: Command = {
  name: 'doctor',
  about: 'find dead participants, stuck locks, circles of waits and half-made segments',
  operands: '[NAME]',
  least: 0,
  most: 1,
  options: {
    namespace: { ...NAMESPACE, about: `${NAMESPACE.about}; '*' for all` },
    fix: { type: 'boolean', about: 'free slots of the dead and remove half-made segments' },
    'break-lock': {
      type: 'boolean',
      about: 'with --fix and NAME: free the lock of a membridge view or a Rememory object whose holder is gone',
    },
    verify: { type: 'boolean', about: 'also check every invariant of the kinds that have such a check' },
    json: JSON_OPTION,
  },
  examples: [
    ['memlane doctor', 'look at every segment of this namespace, and at objects of other programs'],
    ["memlane doctor --namespace '*' --fix", 'tidy up in all namespaces'],
    ['memlane doctor deploy', 'look at one segment'],
    ['memlane doctor /demo --fix --break-lock', 'a lock left by a program that died'],
    ['memlane doctor /sem.rememorydict_x --fix --break-lock', "the lock of Rememory's x"],
  ],
  notes: [
    '--fix never touches data, never takes a lock from the living, and leaves a lock that a dead process of ours holds to\n' +
      'the next one that takes it, who must be told. --break-lock believes you that the object is what its name or bytes say.',
  ],
  exits: [
    [0, 'nothing is wrong, or all of it was fixed; notes do not count'],
    [1, 'problems are left, or NAME is not there'],
    [2, 'the command line was wrong'],
  ],
  run(call) {
    if (call.on('break-lock') && (!call.on('fix') || call.operands.length === 0)) {
      throw new UsageError('--break-lock goes with --fix and a name', 'As in: memlane doctor /demo --fix --break-lock')
    }
    const { findings, segments, foreign } = examine(call)
    const treated = call.on('fix') ? lookAgain(call, findings.map(treat)) : findings.map(untreated)
    const left = treated.filter(({ severity, fixed }) => severity === 'problem' && !fixed).length
    if (call.on('json')) {
      const { total, available } = space()
      printJson({
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        space: { totalBytes: total, freeBytes: available },
        checked: { segments, foreign },
        findings: treated,
        problemsLeft: left,
      })
    } else {
      show(treated, segments, foreign, left)
    }
    return left === 0 ? FINE : PROBLEM
  },
}

interface Examined {
  readonly findings: readonly Finding[]
  readonly segments: number
  readonly foreign: number
}

/** Nothing is wrong any more with what was removed. */
function examineIfThere(call: Call): readonly Finding[] {
  try {
    return examine(call).findings
  } catch (error) {
    if (error instanceof MemlaneError && error.code === 'ERR_NOT_FOUND') return []
    throw error
  }
}

function examine(call: Call): Examined {
  return call.operands.length === 0 ? examineAll(call) : examineOne(call)
}

function examineAll(call: Call): Examined {
  const namespace = call.namespace === '*' ? '*' : namespaceOf(call.namespace)
  const segments = listSegments({ namespace })
  const objects = listForeign()
  const mappings = objects.length > 0 ? new Mappings() : undefined
  return {
    findings: [
      ...checkSpace(),
      ...segments.flatMap((info) => checkSegment(info, call.on('verify'))),
      ...checkWaits(segments),
      ...objects.flatMap((one) => checkForeign(one, mappings!.of(one.stat), false)),
    ],
    segments: segments.length,
    foreign: objects.length,
  }
}

function examineOne(call: Call): Examined {
  if (call.namespace === '*') throw new UsageError("--namespace '*' goes without a name")
  const target = findTarget(call.operands[0]!, call.namespace)
  if (target.type === 'segment')
    return {
      findings: [...checkSegment(target.info, call.on('verify')), ...checkWaits([target.info])],
      segments: 1,
      foreign: 0,
    }
  const foreign = inspectForeign(target.object)
  if (foreign === undefined)
    throw new MemlaneError('ERR_FOREIGN', `/${target.object} is gone, or is a folder or a link`)
  return {
    findings: checkForeign(foreign, new Mappings().of(foreign.stat), call.on('break-lock')),
    segments: 0,
    foreign: 1,
  }
}

/** A finding and what became of it, as --json shows it. */
interface Treated extends Omit<Finding, 'mend'> {
  readonly fixable: boolean
  readonly fixed: boolean
  /** Why it could not be fixed. */
  readonly failure: string | null
}

function untreated({ mend, ...finding }: Finding): Treated {
  return { ...finding, fixable: mend !== undefined, fixed: false, failure: null }
}

function treat(finding: Finding): Treated {
  const { mend } = finding
  const before = untreated(finding)
  if (mend === undefined) return before
  try {
    const fixed = mend()
    return { ...before, fixed, failure: fixed ? null : 'somebody is using it again' }
  } catch (error) {
    if (!(error instanceof MemlaneError)) throw error
    return { ...before, failure: `${error.code}: ${error.message}` }
  }
}

/** Mending one thing may have mended another, as repairing a heap frees the lock that the dead one held. */
function lookAgain(call: Call, treated: readonly Treated[]): readonly Treated[] {
  if (!treated.some(({ fixed }) => fixed)) return treated
  const now = examineIfThere(call)
  // Messages may have changed: a holder whose slot was freed has no pid any more.
  const isLeft = (one: Treated): boolean => now.some(({ what, name }) => what === one.what && name === one.name)
  return treated.map((one) => (one.fixed || isLeft(one) ? one : { ...one, fixed: true, failure: null }))
}

function show(treated: readonly Treated[], segments: number, foreign: number, left: number): void {
  const { total, available } = space()
  const room = total === 0 ? '' : `; ${place()} ${formatSize(total)}, ${formatSize(available)} free`
  print(paint('dim', `Node ${process.version}, ${process.platform}-${process.arch}${room}`))
  print(paint('dim', `Looked at ${count(segments, 'segment')} and ${count(foreign, 'object')} of other programs.`))
  print()
  for (const one of treated) {
    const [word, style] = verdict(one)
    print(`${paint(style, word)}  ${paint('cyan', printable(one.name))}: ${lines(one.message)}`)
    if (one.failure !== null) print(`         not fixed: ${lines(one.failure)}`)
    if (!one.fixed) print(`         ${lines(one.cure)}`)
  }
  if (treated.length > 0) print()
  if (left > 0) print(`${count(left, 'problem')} left.`)
  else print(treated.some(({ fixed }) => fixed) ? 'All problems are fixed.' : 'No problems.')
}

/** Later lines stand below the first one. */
function lines(text: string): string {
  return printableLines(text).replaceAll('\n', `\n${' '.repeat(9)}`)
}

function verdict({ fixed, severity }: Treated): [string, Style] {
  if (fixed) return ['fixed  ', 'green']
  return severity === 'problem' ? ['problem', 'red'] : ['note   ', 'dim']
}
