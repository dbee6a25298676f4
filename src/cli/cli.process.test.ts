// cli: the real binary against real segments, live, dead, half-made and foreign.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  Barrier,
  Condition,
  Event,
  Mutex,
  RwLock,
  Semaphore,
  SharedBool,
  SharedFloat,
  SharedHeap,
  SharedInt,
} from '../index.js'
import { SharedMemory } from '../interop/membridge/index.js'
import { holderWord } from '../interop/membridge/view.layout.js'
import { PyDate, RMDict, tuple } from '../interop/rememory/index.js'
import { f64, record, str } from '../record/index.js'
import { killed } from '../testing/crew.js'
import { fileOf, freshName } from '../testing/membridge-names.js'
import { runtimeArgs, runtimeName } from '../testing/runtime.js'
import { send } from '../testing/signals.js'

const namespace = `cli-${randomBytes(4).toString('hex')}`
process.env.MEMLANE_NAMESPACE = namespace
const main: string = fileURLToPath(new URL('main.js', import.meta.url))
const holder: string = fileURLToPath(new URL('../testing/children/hold-locks.js', import.meta.url))
const dying: string = fileURLToPath(new URL('../testing/children/die-in-transaction.js', import.meta.url))
const objectOf = (name: string): string => `/dev/shm/memlane:${namespace}:${name}`

after(() => {
  for (const file of readdirSync('/dev/shm')) {
    if (file.startsWith(`memlane:${namespace}:`)) unlinkSync(`/dev/shm/${file}`)
  }
})

interface Answer {
  code: number | null
  stdout: string
  stderr: string
}

async function memlane(...args: string[]): Promise<Answer> {
  return ended(start(args, {}))
}

function start(args: readonly string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [...runtimeArgs, main, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function ended(child: ChildProcess): Promise<Answer> {
  const answer: Answer = { code: null, stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]!.setEncoding('utf8').on('data', (chunk: string) => {
      answer[stream] += chunk
    })
  }
  const [code] = await once(child, 'close')
  answer.code = code
  return answer
}

/** Parsed --json; whatever the exit code, stdout is one document. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check
async function json(...args: string[]): Promise<{ code: number | null; value: any }> {
  const { code, stdout, stderr } = await memlane(...args, '--json')
  assert.equal(stderr, '')
  return { code, value: JSON.parse(stdout) }
}

/** A child that holds one of everything. */
async function holding(): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...runtimeArgs, holder], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  return child
}

const noFullDevice: string | false = !existsSync('/dev/full')
  ? 'this system has no /dev/full'
  : runtimeName === 'node'
    ? false
    : 'only Node.js tells of what could not be written to a file'

const KINDS = { Mutex, Semaphore, RwLock, Event, Condition, Barrier }

function removeAll(): void {
  for (const name of Object.keys(KINDS)) Mutex.unlink(name.toLowerCase())
  Mutex.unlink('condition-mutex')
}

test('help lists the commands, and each has options, examples and exit codes', async () => {
  const { code, stdout } = await memlane('--help')
  assert.equal(code, 0)
  const commands = [...stdout.matchAll(/^ {2}(\w+)(?: [A-Z[\].]+)* {2,}\S/gm)].map((match) => match[1]!)
  for (const name of ['list', 'inspect', 'get', 'set', 'watch', 'dump', 'rm', 'doctor'])
    assert.ok(commands.includes(name), name)
  for (const name of commands) {
    const help = await memlane(name, '--help')
    assert.equal(help.code, 0)
    for (const part of [`memlane ${name}`, 'Usage', '--json', '--help', 'Examples', 'Exit codes'])
      assert.ok(help.stdout.includes(part), `${name} --help lacks ${part}`)
    assert.equal((await memlane('help', name)).stdout, help.stdout)
  }
})

test('--version is that of the package', async () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  assert.equal((await memlane('--version')).stdout, `${manifest.version}\n`)
})

test('a wrong command line exits with 2, says what was meant, and prints nothing else', async () => {
  const cases: [string[], RegExp][] = [
    [['lsit'], /Did you mean memlane list\?/],
    [['nothing-like-it'], /memlane --help/],
    [['--ours', 'list'], /before its options/],
    [['list', '--jso'], /Did you mean --json\?/],
    [['list', 'extra'], /takes no names/],
    [['inspect'], /needs NAME/],
    [['inspect', 'a', 'b'], /at most 1/],
    [['inspect', 'a'.repeat(40)], /ERR_NAME.*31/],
    [['list', '--namespace', 'a/b'], /ERR_NAME/],
    [['list', '--namespace'], /namespace/],
    [['doctor', '--break-lock'], /--fix/],
  ]
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await memlane(...args)
    assert.equal(code, 2, args.join(' '))
    assert.equal(stdout, '')
    assert.match(stderr, expected)
    assert.doesNotMatch(stderr, /^ +at /m)
  }
})

test('a failure is a document with --json, and a stack only with MEMLANE_DEBUG=1', async () => {
  const { code, value } = await json('inspect', 'nobody-has-this')
  assert.equal(code, 1)
  assert.equal(value.error.code, 'ERR_NOT_FOUND')
  assert.doesNotMatch((await memlane('inspect', 'nobody-has-this')).stderr, /^ +at /m)
  assert.match((await ended(start(['inspect', 'nobody-has-this'], { MEMLANE_DEBUG: '1' }))).stderr, /^ +at /m)
})

test('list and inspect tell what lives, who holds it and since when', async () => {
  const child = await holding()
  try {
    const { code, value } = await json('list', '--ours')
    assert.equal(code, 0)
    assert.equal(value.namespace, namespace)
    const rows = Object.fromEntries(value.segments.map((row: { name: string }) => [row.name, row]))
    assert.deepEqual(
      Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, (row as { summary: string }).summary])),
      {
        barrier: '1 of 3 there',
        condition: '1 waiting',
        'condition-mutex': 'free',
        event: 'set',
        mutex: `held by pid ${child.pid}`,
        rwlock: `written, held by pid ${child.pid}`,
        semaphore: '2 of 3 free',
      },
    )
    assert.deepEqual(Object.keys(rows.mutex).sort(), [
      'committedBytes',
      'createdMs',
      'kind',
      'lifetime',
      'mode',
      'name',
      'namespace',
      'object',
      'participants',
      'problem',
      'sizeBytes',
      'state',
      'summary',
      'uid',
    ])
    assert.deepEqual(rows.mutex.participants, { live: 1, dead: 0, slots: 256 })
    const text = await memlane('list', '--ours')
    assert.match(text.stdout, /^NAME +KIND +SIZE +USED +AGE +PARTICIPANTS +STATE$/m)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what must not be there
    assert.doesNotMatch(text.stdout, /\u001b/)

    const mutex = (await json('inspect', 'mutex')).value
    assert.equal(mutex.details.facts.locked, true)
    assert.deepEqual(
      mutex.details.held.map((held: { what: string; pid: number; alive: boolean }) => [
        held.what,
        held.pid,
        held.alive,
      ]),
      [['the mutex', child.pid, true]],
    )
    assert.equal(mutex.slots[0].pid, child.pid)
    assert.deepEqual((await json('inspect', 'semaphore')).value.details.facts, { permits: 3, available: 2 })
    assert.deepEqual((await json('inspect', 'event')).value.details.facts, { set: true, reset: 'manual' })
    assert.equal((await json('inspect', 'barrier')).value.details.facts.waiting, 1)
    assert.equal((await json('inspect', 'condition')).value.details.facts.waiting, 1)
    assert.equal((await json('inspect', 'rwlock')).value.details.facts.writeLocked, true)
    assert.match((await memlane('inspect', 'mutex')).stdout, new RegExp(`the mutex +0 +${child.pid} +alive`))
    assert.equal((await memlane('doctor', 'mutex')).code, 0)
  } finally {
    await killed(child)
    removeAll()
  }
})

test('looking changes no byte and claims no slot', async () => {
  const child = await holding()
  const digest = (): string =>
    createHash('sha256')
      .update(readFileSync(objectOf('rwlock')))
      .digest('hex')
  try {
    const before = digest()
    for (const args of [['list'], ['inspect', 'rwlock'], ['doctor', 'rwlock', '--verify']]) await memlane(...args)
    assert.equal(digest(), before)
  } finally {
    await killed(child)
    removeAll()
  }
})

test('doctor finds what a killed process left, frees its slot, and leaves the lock to the next who must be told', async () => {
  const child = await holding()
  await killed(child)
  const found = await json('doctor', 'mutex')
  assert.equal(found.code, 1)
  type Told = { what: string; severity: string; fixable: boolean }
  assert.deepEqual(
    found.value.findings.map(({ what, severity, fixable }: Told) => [what, severity, fixable]),
    [
      ['dead-participants', 'note', true],
      ['held-by-the-dead', 'problem', false],
    ],
  )
  const text = await memlane('doctor', 'mutex')
  assert.equal(text.code, 1)
  assert.match(text.stdout, new RegExp(`still held by pid ${child.pid}, which died`))

  const fixed = await json('doctor', 'mutex', '--fix')
  assert.equal(fixed.code, 1)
  assert.deepEqual(
    fixed.value.findings.map(({ fixed }: { fixed: boolean }) => fixed),
    [true, false],
  )
  {
    using mutex = Mutex.open('mutex')
    using guard = mutex.acquire({ timeout: 10_000 })
    assert.equal(guard.recovered, true)
  }
  assert.equal((await memlane('doctor', 'mutex')).code, 0)
  assert.equal((await memlane('doctor', 'event', '--fix')).code, 0)
  removeAll()
})

test('doctor tells a stopped holder from a dead one', async () => {
  const child = await holding()
  try {
    send(child, 'SIGSTOP')
    let found = await json('doctor', 'mutex')
    while (found.code === 0) found = await json('doctor', 'mutex')
    assert.deepEqual(
      found.value.findings.map(({ what }: { what: string }) => what),
      ['held-by-a-stopped-process'],
    )
    assert.match(found.value.findings[0].cure, new RegExp(`kill -CONT ${child.pid}`))
  } finally {
    send(child, 'SIGCONT')
    await killed(child)
    removeAll()
  }
})

test('half-made segments are listed, found and removed', async () => {
  writeFileSync(objectOf('empty'), '')
  const begun = Buffer.alloc(8192)
  begun.write('MEMLANE1')
  begun.writeUInt32LE(1, 16)
  writeFileSync(objectOf('begun'), begun)
  const { value } = await json('list', '--ours')
  assert.deepEqual(
    value.segments.map(({ name, state }: { name: string; state: string }) => [name, state]),
    [
      ['begun', 'half-made'],
      ['empty', 'half-made'],
    ],
  )
  assert.equal((await memlane('inspect', 'begun')).code, 0)
  const found = await json('doctor')
  assert.equal(found.code, 1)
  assert.equal(found.value.findings.filter(({ what }: { what: string }) => what === 'half-made').length, 2)
  assert.equal((await memlane('doctor', 'begun', '--fix')).code, 0)
  assert.equal(existsSync(objectOf('begun')), false)
  assert.equal((await memlane('rm', 'empty')).code, 0)
  assert.equal(existsSync(objectOf('empty')), false)
})

test('a header that is refused is told with its code, and can be removed', async () => {
  writeFileSync(objectOf('foreign'), randomBytes(8192).fill(0xff, 0, 64))
  writeFileSync(objectOf('short'), 'x')
  Mutex.open('flipped').close()
  const bytes = readFileSync(objectOf('flipped'))
  bytes[48] = bytes[48]! ^ 1
  writeFileSync(objectOf('flipped'), bytes)
  const codes: Record<string, string> = { foreign: 'ERR_FOREIGN', short: 'ERR_FOREIGN', flipped: 'ERR_CORRUPT' }
  for (const [name, code] of Object.entries(codes)) {
    const { code: exit, stderr } = await memlane('inspect', name)
    assert.equal(exit, 1)
    assert.match(stderr, new RegExp(code))
    const found = await json('doctor', name)
    assert.equal(found.code, 1)
    assert.equal(found.value.findings[0].what, 'refused')
  }
  const { value } = await json('list', '--ours')
  assert.deepEqual(
    value.segments.map((row: { problem: { code: string } }) => row.problem.code),
    ['ERR_CORRUPT', 'ERR_FOREIGN', 'ERR_FOREIGN'],
  )
  assert.equal((await memlane('rm', ...Object.keys(codes))).code, 0)
})

test('rm refuses what live processes use, removes the others, and everything with --force', async () => {
  const child = await holding()
  try {
    Mutex.open('unused').close()
    const { code, value } = await json('rm', 'mutex', 'unused', 'never-was')
    assert.equal(code, 1)
    assert.deepEqual(value.removed, [`memlane:${namespace}:unused`])
    assert.deepEqual(
      value.failed.map(({ name, code }: { name: string; code: string }) => [name, code]),
      [
        ['mutex', 'ERR_BUSY'],
        ['never-was', 'ERR_NOT_FOUND'],
      ],
    )
    const refused = await memlane('rm', 'mutex')
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, new RegExp(`pid ${child.pid}.*\n.*--force`))
    assert.equal((await memlane('rm', '--force', 'mutex')).code, 0)
    assert.equal(existsSync(objectOf('mutex')), false)
  } finally {
    await killed(child)
    removeAll()
  }
})

test('a name that is not there is answered with what was meant', async () => {
  Mutex.open('deploy').close()
  const name = freshName('seen')
  writeFileSync(fileOf(name), 'x')
  try {
    assert.match((await memlane('inspect', 'depoly')).stderr, /Did you mean deploy\?/)
    assert.match((await memlane('inspect', 'deploy', '-n', 'elsewhere')).stderr, new RegExp(`--namespace ${namespace}`))
    assert.equal((await memlane('inspect', `memlane:${namespace}:deploy`, '-n', 'elsewhere')).code, 0)
    assert.match((await memlane('inspect', `${name}x`)).stderr, /Did you mean \//)
  } finally {
    Mutex.unlink('deploy')
  }
})

test('objects of other programs are guessed, with a question mark', async () => {
  const names: Record<string, string> = {}
  const craft = (what: string, bytes: Uint8Array): void => {
    names[what] = freshName(what)
    writeFileSync(fileOf(names[what]), bytes)
  }
  const words = (size: number, entries: Record<number, bigint>): Buffer => {
    const bytes = Buffer.alloc(size)
    for (const [at, value] of Object.entries(entries)) bytes.writeBigUInt64LE(value, Number(at))
    return bytes
  }
  craft('ring', words(24 + 4096, { 0: 10n, 8: 30n, 16: 4096n }))
  craft('record', Buffer.from(words(80, { 0: 7n, 72: 7n })).fill(4, 8, 14))
  craft('fifo', Buffer.from(words(184, { 0: 3n, 8: 1n, 16: 2n, 24: 2n, 96: 2n })).fill(4, 32, 38))
  craft('dict', Buffer.concat([Buffer.from('80047d942e', 'hex'), Buffer.alloc(59)]))
  craft('view', Buffer.alloc(100, 'data').fill(0, 0, 4))
  craft('other', Buffer.alloc(100, 0x77))
  const sem = `/sem.${freshName('sem').slice(1)}`
  writeFileSync(fileOf(sem), Buffer.alloc(32))
  try {
    const { value } = await json('list')
    const guesses = Object.fromEntries(
      value.foreign.map((one: { object: string; guess: string }) => [one.object, one.guess]),
    )
    assert.deepEqual(Object.fromEntries(Object.entries(names).map(([what, name]) => [what, guesses[name.slice(1)]])), {
      ring: 'membridge ring?',
      record: 'flexible record?',
      fifo: 'flexible FIFO?',
      dict: 'Rememory dict?',
      view: 'membridge view?',
      other: 'unknown',
    })
    assert.equal(guesses[sem.slice(1)], 'POSIX semaphore?')
    const ring = await json('inspect', names.ring!)
    assert.deepEqual(ring.value.facts, { capacity: 4096, used: 20 })
    assert.match((await memlane('inspect', names.ring!)).stdout, /membridge ring\?/)
    assert.match((await memlane('rm', names.ring!.slice(1, 31))).stderr, /ERR_NOT_FOUND|ERR_NAME/)
    assert.equal((await memlane('rm', ...Object.values(names), sem)).code, 0)
    assert.equal(existsSync(fileOf(names.ring!)), false)
  } finally {
    if (existsSync(fileOf(sem))) unlinkSync(fileOf(sem))
  }
})

test('an object that a process has mapped is not removed without --force', async () => {
  const name = freshName('mapped')
  using shared = SharedMemory.create(name, 4096)
  using view = shared.map()
  view.write('x')
  const { code, stderr } = await memlane('rm', name)
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`in use by .*${process.pid}`))
  assert.equal((await memlane('rm', '-f', name)).code, 0)
})

test('a membridge lock left by the dead is reported, and freed on demand', async () => {
  const name = freshName('locked')
  const bytes = Buffer.alloc(4096)
  bytes.writeInt32LE(holderWord(3, 7, true), 0)
  writeFileSync(fileOf(name), bytes)
  const found = await json('doctor', name)
  assert.equal(found.code, 1)
  assert.equal(found.value.findings[0].what, 'lock-left')
  assert.equal((await memlane('doctor', name, '--fix')).code, 1)
  assert.equal((await memlane('doctor', name, '--fix', '--break-lock')).code, 0)
  assert.equal(readFileSync(fileOf(name)).readInt32LE(0), 0)
})

test('objects of Rememory are recognised, and what is in them is shown', async () => {
  const name = `${freshName('rememory').slice(1)}`
  const at = `/${name}`
  const semaphore = `/sem.rememorydict_${name}`
  try {
    using dict = RMDict.open<unknown, unknown>(name)
    dict.set('ada', { score: 10, at: new PyDate(2026, 11, 28), tags: tuple('new') })
    dict.set(7, 'seven')
    const seen = (await json('inspect', at)).value
    assert.equal(seen.guess, 'Rememory dict?')
    assert.deepEqual(seen.facts, { hasARememoryLock: true, items: 2, lock: 'free' })
    assert.equal((await memlane('get', at, 'ada.score')).stdout, '10\n')
    assert.equal((await memlane('get', at, '7')).stdout, 'seven\n')
    assert.equal((await json('get', at, 'ada.at')).value, '2026-11-28')
    assert.deepEqual((await json('dump', at)).value, [
      ['ada', { score: 10, at: '2026-11-28', tags: ['new'] }],
      [7, 'seven'],
    ])
    assert.match((await memlane('get', at, 'nobody')).stderr, /ERR_NOT_FOUND/)
    assert.equal((await json('inspect', semaphore)).value.facts.lock, 'free')

    // A dead Memlane process's: --fix mends it.
    const file = readFileSync(fileOf(semaphore))
    file.writeInt32LE(0, 0)
    file.writeInt32LE(1 << 31, 4)
    file.writeInt32LE((5 << 10) | 1023, 16)
    writeFileSync(fileOf(semaphore), file)
    const [dead] = (await json('doctor', semaphore)).value.findings
    assert.deepEqual([dead.what, dead.severity, dead.fixable], ['lock-left', 'problem', true])
    assert.match(dead.message, /dead Memlane process/)
    assert.equal((await memlane('doctor', semaphore, '--fix')).code, 0)
    // One that Python left, with nobody about: only on demand.
    dict.close()
    file.writeInt32LE(0, 4)
    file.writeInt32LE(0, 16)
    writeFileSync(fileOf(semaphore), file)
    const [left] = (await json('doctor', semaphore, '--fix')).value.findings
    assert.match(left.what, /^lock-(left|taken)$/, 'whether anybody has it open cannot be seen everywhere')
    assert.equal(left.fixed, false)
    assert.equal((await memlane('doctor', semaphore, '--fix', '--break-lock')).code, 0)
    assert.equal(readFileSync(fileOf(semaphore)).readInt32LE(0), 1)
    assert.equal((await memlane('rm', at, semaphore)).code, 0)
  } finally {
    RMDict.unlink(name, { lock: true })
  }
})

test('a reader that goes away is no failure', async () => {
  const child = start(['list', '--json'], {})
  child.stdout!.destroy()
  let stderr = ''
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const [code] = await once(child, 'close')
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
})

test('a name cannot write to the terminal', async () => {
  const name = `${freshName('escape')}\u001b[31mred\nnext\u202e`
  writeFileSync(fileOf(name), 'x')
  const { stdout } = await memlane('list')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u202e]/)
  assert.ok(stdout.includes('\\x1b[31mred\\x0anext\\u202e'))
})

test('nor can it by way of JSON, or of a shell that an advice is copied to', async () => {
  const name = `${freshName('escape')}\u009b31m\u202e;id`
  writeFileSync(fileOf(name), Buffer.from([...new Uint8Array(new Int32Array([holderWord(3, 7, true)]).buffer), 1]))
  const { stdout } = await memlane('list', '--json')
  assert.doesNotMatch(stdout, /[\u007f-\u009f\u202e]/)
  assert.ok(JSON.parse(stdout).foreign.some((one: { object: string }) => `/${one.object}` === name))
  const [finding] = (await json('doctor', name)).value.findings
  assert.ok(finding.cure.includes(`'${name}'`), finding.cure)
})

test('folders, links and pipes are no objects', async () => {
  const [folder, link] = [freshName('folder'), freshName('link')]
  mkdirSync(fileOf(folder))
  symlinkSync('/etc/passwd', fileOf(link))
  try {
    const { foreign } = (await json('list')).value
    for (const name of [folder, link]) {
      assert.ok(!foreign.some((one: { object: string }) => `/${one.object}` === name), `${name} is listed`)
      const { code, value } = await json('inspect', name)
      assert.deepEqual([code, value.error.code], [1, 'ERR_FOREIGN'])
    }
  } finally {
    rmdirSync(fileOf(folder))
    unlinkSync(fileOf(link))
  }
})

test('output that cannot be written is a failure in one line', async (t) => {
  // Not the option: Deno runs no hooks of a file that has a test with it.
  if (noFullDevice !== false) return t.skip(noFullDevice)
  const full = openSync('/dev/full', 'w')
  try {
    const child = spawn(process.execPath, [...runtimeArgs, main, '--help'], { stdio: ['ignore', full, 'pipe'] })
    let stderr = ''
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 1)
    assert.match(stderr, /^memlane: .*could not be written: .*\n$/)
  } finally {
    closeSync(full)
  }
})

test('random bytes in the body of any kind are shown, not stumbled over', async () => {
  for (const [name, kind] of Object.entries(KINDS)) kind.open(name.toLowerCase()).close()
  for (let round = 0; round < 2; round++) {
    const seed = randomBytes(8).toString('hex')
    for (const name of Object.keys(KINDS)) {
      const bytes = readFileSync(objectOf(name.toLowerCase()))
      let block = createHash('sha512')
        .update(seed + name)
        .digest()
      const body = Number(bytes.readBigUInt64LE(40))
      for (let at = body; at < bytes.length; at += block.length) {
        bytes.set(block.subarray(0, bytes.length - at), at)
        block = createHash('sha512').update(block).digest()
      }
      writeFileSync(objectOf(name.toLowerCase()), bytes)
    }
    const { code, value } = await json('list', '--ours')
    assert.equal(code, 0, `seed ${seed}`)
    assert.equal(value.segments.length, 6, `seed ${seed}`)
    for (const name of Object.keys(KINDS)) {
      const looked = await memlane('inspect', name.toLowerCase())
      assert.equal(looked.code, 0, `seed ${seed}: ${looked.stderr}`)
    }
  }
  removeAll()
})

test('a record shows its fields and the newest values', async () => {
  const Sensor = record({ temperature: f64(), status: str(32) })
  using out = Sensor.create('cam')
  out.write({ temperature: 23.5 })
  const { code, value } = await json('inspect', 'cam')
  assert.equal(code, 0)
  assert.equal(value.summary, 'latest value, 2 fields, 1 written')
  assert.deepEqual(value.details.tables[0].rows, [
    { field: 'temperature', type: 'f64()', status: 'valid, modified', value: '23.5' },
    { field: 'status', type: 'str(32)', status: 'unwritten', value: '' },
  ])
  assert.match((await memlane('inspect', 'cam')).stdout, /temperature +f64\(\) +valid, modified +23\.5/)
})

test('single values are shown as what they are', async () => {
  using hits = SharedInt.open('hits', { type: 'int64' })
  hits.add(-7n)
  using level = SharedFloat.open('level')
  level.set(Number.NaN)
  using on = SharedBool.open('on')
  on.set(true)
  const { value } = await json('list', '--ours')
  const summaries = value.segments.map((one: { name: string; summary: string }) => [one.name, one.summary])
  assert.deepEqual(
    summaries.filter(([name]: [string]) => ['hits', 'level', 'on'].includes(name)),
    [
      ['hits', 'int64 -7'],
      ['level', 'float64 NaN'],
      ['on', 'true'],
    ],
  )
  assert.equal((await json('inspect', 'hits')).value.details.facts.value, '-7')
  assert.equal((await json('inspect', 'level')).value.details.facts.value, 'NaN')
})

test('doctor undoes what a process left that was killed in the middle of a transaction', async () => {
  const child = spawn(process.execPath, [...runtimeArgs, dying, 'bank'], { stdio: 'ignore' })
  const [, signal] = await once(child, 'exit')
  assert.equal(signal, 'SIGKILL')
  const found = await json('doctor', 'bank')
  assert.equal(found.code, 1)
  assert.deepEqual(found.value.findings.map(({ what }: { what: string }) => what).sort(), [
    'held-by-the-dead',
    'unfinished-work',
  ])
  assert.equal((await memlane('doctor', 'bank', '--fix')).code, 0)
  const healthy = await json('doctor', 'bank', '--verify')
  assert.deepEqual({ code: healthy.code, findings: healthy.value.findings }, { code: 0, findings: [] })
  using heap = SharedHeap.open('bank')
  assert.equal(heap.map<string, number>('accounts').get('a'), 100)
})
