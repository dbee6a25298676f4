import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SharedHeap, SharedInt, SharedList, SharedMap, SharedSet } from '../../collections/index.js'
import { inspectSegment, namespaceOf, objectName } from '../../segment/index.js'
import { Mutex } from '../../sync/index.js'
import { Crew, ownNamespace } from '../../testing/crew.js'
import { runtimeArgs } from '../../testing/runtime.js'
import { send } from '../../testing/signals.js'
import { parsePath } from './path.js'

// What is listed here is this file's own.
ownNamespace('cli')

const main = fileURLToPath(new URL('../main.js', import.meta.url))
type Said = { out: string; err: string; status: number | null }
const memlane = (...words: string[]): Said => memlaneAs(undefined, ...words)

function memlaneAs(uid: number | undefined, ...words: string[]): Said {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...runtimeArgs, main, ...words], {
    encoding: 'utf8',
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  return { out: stdout.trimEnd(), err: stderr, status }
}

describe('the command line reads and writes collections', () => {
  test('get, set and dump a map', async () => {
    await using crew = new Crew()
    const name = crew.name('game')
    using map = SharedMap.open<string | number, unknown>(name)
    map.set('ada', { score: 10, tags: ['new'], at: new Date(0) })
    map.set('a.b', 1n)
    map.set(7, null)
    assert.equal(memlane('get', name, 'ada.score').out, '10')
    assert.equal(memlane('get', name, 'ada.tags.0').out, 'new')
    assert.equal(memlane('get', name, '["a.b"]').out, '1n')
    assert.equal(memlane('get', name, '7', '--json').out, 'null')
    assert.equal(memlane('set', name, 'ada.score', '12').status, 0)
    assert.equal(memlane('set', name, 'ada.name', 'Ada').status, 0)
    assert.equal(memlane('set', name, 'bo', '{"score":[1,2]}').status, 0)
    assert.deepEqual(map.snapshot('ada'), { score: 12, tags: ['new'], at: new Date(0), name: 'Ada' })
    assert.deepEqual(map.snapshot('bo'), { score: [1, 2] })
    assert.deepEqual(JSON.parse(memlane('dump', name, '--json').out), [
      ['ada', { score: 12, tags: ['new'], at: '1970-01-01T00:00:00.000Z', name: 'Ada' }],
      ['a.b', '1'],
      [7, null],
      ['bo', { score: [1, 2] }],
    ])
    assert.match(memlane('dump', name).out, /'ada' => \{/)
    const missing = memlane('get', name, 'ada.nobody')
    assert.equal(missing.status, 1)
    assert.match(missing.err, /ERR_NOT_FOUND.*"ada" > "nobody" is not there/)
    assert.equal(memlane('get', name, 'constructor').status, 1)
    assert.equal(memlane('get', name, 'ada.').status, 2)
    assert.equal(memlane('set', name, '5').status, 2)
  })

  test('get and dump show as much as they are told, and say what they leave out', async () => {
    await using crew = new Crew()
    const name = crew.name('large')
    using heap = SharedHeap.open(name)
    const map = heap.map<number, unknown>('map')
    for (let i = 0; i < 20; i++) map.set(i, { deep: { er: i } })
    heap.list('list').push(...Array(30).keys())
    heap.set('set').add('a').add('b').add('c')
    heap.map('bytes').set('raw', new Uint8Array(5000))
    const few = memlane('get', name, 'map', '--limit', '2', '--json')
    assert.deepEqual(JSON.parse(few.out), [
      [0, { deep: { er: 0 } }],
      [1, { deep: { er: 1 } }],
    ])
    assert.match(few.err, /18 more entries are not shown/)
    assert.deepEqual(JSON.parse(memlane('get', name, 'list', '--limit', '3', '--json').out), [0, 1, 2])
    assert.match(memlane('get', name, 'set', '--limit', '1').err, /2 more entries/)
    assert.deepEqual(JSON.parse(memlane('dump', name, '--keys', '--json').out).sort(), ['bytes', 'list', 'map', 'set'])
    assert.deepEqual(JSON.parse(memlane('get', name, 'map', '--keys', '--limit', '3', '--json').out), [0, 1, 2])
    assert.deepEqual(JSON.parse(memlane('get', name, 'map.7', '--depth', '0', '--json').out), { deep: '[Object]' })
    assert.equal(memlane('get', name, 'map.7', '--depth', '0').out, '{ deep: [Object] }')
    assert.match(memlane('get', name, 'bytes').out, /Uint8Array\(5000\).*4936 more items/s)
    assert.match(memlane('get', name, 'bytes.raw', '--limit', '5').out, /4995 more items/)
    assert.equal(memlane('get', name, 'bytes.raw', '--json').out.length, Math.ceil(5000 / 3) * 4 + 2)
    assert.equal(memlane('get', name, 'list.0', '--keys').status, 2)
    for (const wrong of ['0', '-1', 'x', '', '1.5'])
      assert.equal(memlane('dump', name, '--limit', wrong).status, 2, wrong)
  })

  test('a slip in a path is answered with what was meant, and what is no collection with the command for it', async () => {
    await using crew = new Crew()
    const name = crew.name('slips')
    using heap = SharedHeap.open(name)
    heap.map('players').set('ada', { score: 1 })
    assert.match(memlane('get', name, 'playrs').err, /Did you mean "players"\?/)
    assert.match(memlane('get', name, 'players.adda').err, /Did you mean "ada"\?/)
    assert.match(memlane('get', name, 'players.ada.scroe').err, /Did you mean "score"\?/)
    const lock = crew.name('lock')
    using _ = Mutex.open(lock)
    for (const command of ['get', 'dump']) {
      const { err, status } = memlane(command, lock)
      assert.equal(status, 1)
      assert.match(err, new RegExp(`is a mutex, not a collection\n  memlane inspect ${lock} shows it`))
    }
  })

  test('sets, lists, cells and heaps', async () => {
    await using crew = new Crew()
    const [online, chat, hits, game] = ['online', 'chat', 'hits', 'game'].map((stem) => crew.name(stem)) as [
      string,
      string,
      string,
      string,
    ]
    using set = SharedSet.open(online)
    using list = SharedList.open<unknown>(chat)
    using int = SharedInt.open(hits, { type: 'int64' })
    using heap = SharedHeap.open(game)
    memlane('set', online, 'ada', 'true')
    assert.deepEqual([...set], ['ada'])
    assert.equal(memlane('get', online, 'ada').out, 'true')
    memlane('set', online, 'ada', 'false')
    assert.equal(set.size, 0)
    list.push({ text: 'hi' })
    assert.equal(memlane('get', chat, '0.text').out, 'hi')
    memlane('set', chat, '1', '1.10', '--text')
    assert.deepEqual(list, [{ text: 'hi' }, '1.10'])
    memlane('set', hits, '5')
    assert.equal(int.value, 5n)
    assert.equal(memlane('get', hits).out, '5n')
    heap.map('players').set('ada', { score: 1 })
    heap.int('round').value = 3
    assert.equal(memlane('get', game, 'players.ada.score').out, '1')
    memlane('set', game, 'round', '4')
    assert.equal(heap.int('round').value, 4)
    assert.deepEqual(JSON.parse(memlane('dump', game, '--json').out), { players: { ada: { score: 1 } }, round: 4 })
    assert.equal(memlane('get', 'nobody-here').status, 1)
    assert.equal(memlane('set', hits, 'many').status, 2)
    assert.equal(int.value, 5n)
  })

  test('watch prints changes as they come', async () => {
    await using crew = new Crew()
    const name = crew.name('flags')
    using map = SharedMap.open<string, unknown>(name)
    map.set('dark', { on: false })
    const child = spawn(process.execPath, [...runtimeArgs, main, 'watch', name, '--json', '--count', '2'])
    const closed = once(child, 'close')
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const first = lines.next()
      let heard = false
      first.then(() => {
        heard = true
      })
      for (let i = 0; !heard; i++) {
        ;(map.get('dark') as { on: unknown }).on = i
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      assert.equal(JSON.parse((await first).value as string).key, 'dark')
      map.delete('dark')
      // A change that came before the deletion may have been the second one.
      assert.deepEqual(await closed, [0, null])
    } finally {
      send(child)
    }
  })

  test('a negative number is a value, 64 bits are stored to the last one, and what is wrong is told with its code', async () => {
    await using crew = new Crew()
    const name = crew.name('balance')
    using int = SharedInt.open(name, { type: 'int64' })
    for (const [word, wanted] of [
      ['-5', -5n],
      ['9007199254740993', 9007199254740993n],
      ['-9223372036854775808', -(2n ** 63n)],
      ['7n', 7n],
    ] as const) {
      assert.deepEqual(memlane('set', name, word), { out: '', err: '', status: 0 })
      assert.equal(int.value, wanted)
    }
    assert.match(memlane('set', name, '1.5').err, /ERR_TYPE/)
    assert.match(memlane('set', name, '9223372036854775808').err, /ERR_RANGE/)
    assert.equal(int.value, 7n)
    assert.deepEqual(JSON.parse(memlane('set', name, '-1', '--json').out), { path: [], stored: '-1' })
    const { err, status } = memlane('get', name, '["\\q"]')
    assert.equal(status, 2)
    assert.match(err, /is not quoted as in JSON/)
    assert.match(memlane('watch', name, '--count', '-1').err, /a whole number from 1, got -1/)
  })

  test('watch --departures tells who leaves, of every kind, and how', async () => {
    await using crew = new Crew()
    const name = crew.name('left')
    using mutex = Mutex.open(name)
    const closer = Mutex.open(name)
    const victim = crew.start('open-handle', ['Mutex', name])
    await victim.hear('open')
    const child = spawn(process.execPath, [...runtimeArgs, main, 'watch', name, '--departures'])
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      // It says nothing before somebody leaves: others come and leave until it has seen one.
      const first = lines.next()
      let seen = false
      void first.then(() => {
        seen = true
      })
      closer.close()
      while (!seen) {
        const passing = Mutex.open(name)
        await new Promise((resolve) => setTimeout(resolve, 100))
        passing.close()
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      assert.match(String((await first).value), new RegExp(`^closed pid ${process.pid}( thread|,)`))
      await victim.end()
      let line = ''
      // More of those that passed by may be told of first.
      while (!line.startsWith('died')) line = String((await lines.next()).value)
      assert.match(line, new RegExp(`^died pid ${victim.pid}, attached for`))
      assert.equal(mutex.closed, false)
      assert.match(memlane('watch', name, 'path', '--departures').err, /leave the path out/)
    } finally {
      send(child)
    }
  })

  test('an interrupted watch ends in order and leaves no slot; one whose segment is removed says so', async () => {
    await using crew = new Crew()
    const name = crew.name('watched')
    using map = SharedMap.open<string, unknown>(name)
    map.set('a', 1)
    const participants = () => inspectSegment(name)!.participants
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const child = spawn(process.execPath, [...runtimeArgs, main, 'watch', name], { stdio: 'inherit' })
      const closed = once(child, 'close')
      while (participants().length < 2 && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 5))
      send(child, signal)
      assert.deepEqual(await closed, [0, null])
      assert.equal(participants().length, 1)
    }
    const child = spawn(process.execPath, [...runtimeArgs, main, 'watch', name], { stdio: ['ignore', 'pipe', 'pipe'] })
    const closed = once(child, 'close')
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    while (participants().length < 2 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
    SharedMap.unlink(name)
    using _another = SharedMap.open(name)
    assert.equal((await closed)[0], 1)
    assert.match(err, /ERR_NOT_FOUND.*was removed/)
  })

  test('get, dump and inspect read without a slot, also as a user who may only read; set says no', async () => {
    await using crew = new Crew()
    const [name, alone, secret] = [crew.name('game'), crew.name('alone'), crew.name('secret')]
    // Room for the two who are in, and for nobody else.
    using heap = SharedHeap.open(name, { mode: 0o644, participants: 2, maxSize: '1 MiB' })
    using _second = SharedHeap.open(name)
    using map = SharedMap.open(alone, { mode: 0o644 })
    using _secret = SharedMap.open(secret)
    map.set('a', 1)
    heap.map('players').set('ada', { score: 10, tags: ['new'] })
    heap.list('chat').push('hi', 'ho')
    heap.set('online').add('ada')
    heap.int('round').value = 3
    heap.string('motto').value = 'share'
    heap.block('config').value = { level: 'info' }
    const bytes = (): Buffer => readFileSync(`/dev/shm/${objectName(name, namespaceOf(undefined))}`)
    const before = bytes()
    for (const uid of process.geteuid?.() === 0 ? [undefined, 65534] : [undefined]) {
      assert.equal(memlaneAs(uid, 'get', name, 'players.ada.score').out, '10')
      assert.deepEqual(JSON.parse(memlaneAs(uid, 'dump', name, '--json').out), {
        players: { ada: { score: 10, tags: ['new'] } },
        chat: ['hi', 'ho'],
        online: ['ada'],
        round: 3,
        motto: 'share',
        config: { level: 'info' },
      })
      const { summary, participants, details } = JSON.parse(memlaneAs(uid, 'inspect', name, '--json').out)
      assert.match(summary, /^6 collections, /)
      assert.deepEqual(participants, { live: 2, dead: 0, slots: 2 })
      assert.deepEqual(details.tables[0].rows.map(Object.values), [
        ['players', 'map', '1 entry'],
        ['chat', 'list', '2 elements'],
        ['online', 'set', '1 value'],
        ['round', 'int32', '3'],
        ['motto', 'string', "'share'"],
        ['config', 'block', "{ level: 'info' }"],
      ])
      assert.match(memlaneAs(uid, 'inspect', alone).out, /\n {2}is +map\n {2}holds +1 entry\n/)
      assert.equal(memlaneAs(uid, 'doctor', name, '--verify').status, 1, 'no slot is left, and nothing else is wrong')
      assert.match(memlaneAs(uid, 'list', '--ours').out, /6 collections/)
      assert.ok(bytes().equals(before), 'not a byte has changed')
      const refused = memlaneAs(uid, 'set', name, 'round', '4')
      assert.equal(refused.status, 1)
      assert.match(refused.err, uid === undefined ? /ERR_PARTICIPANTS/ : /ERR_PERMISSION/)
      if (uid !== undefined) assert.match(memlaneAs(uid, 'get', secret).err, /ERR_PERMISSION/)
    }
    assert.equal(heap.int('round').value, 3)
  })

  test('what a killed process left half done is told by inspect, and read by get with the lock held', async () => {
    await using crew = new Crew()
    const name = crew.name('bank')
    using heap = SharedHeap.open(name)
    heap.map('accounts').set('a', { balance: 100 })
    heap.list('log')
    heap.int('moves')
    const child = crew.start('die-in-transaction', [name])
    await child.hear('inside')
    await child.end()
    const { summary, details } = JSON.parse(memlane('inspect', name, '--json').out)
    assert.match(
      `${summary} ${details.facts.holds}`,
      /not readable now.*which is dead not readable now, ERR_BUSY: .*killed/,
    )
    assert.equal(memlane('get', name, 'accounts.a.balance').out, '100')
    assert.match(memlane('inspect', name).out, /accounts +map +1 entry/)
    heap.verify()
  })

  test('paths have dots, brackets and quotes', () => {
    assert.deepEqual(parsePath('players["a.b"].tags[0]'), ['players', 'a.b', 'tags', '0'])
    assert.deepEqual(parsePath('a.0.ü x'), ['a', '0', 'ü x'])
    assert.deepEqual(parsePath(''), [])
    assert.deepEqual(parsePath(`"a.b".tags['it\\'s'].'x.y'`), ['a.b', 'tags', "it's", 'x.y'])
    assert.deepEqual(parsePath(`["a.b"]`), ['a.b'])
    assert.deepEqual(parsePath(`"a.b"`), ['a.b'])
    assert.deepEqual(parsePath(`it's.5"`), ["it's", '5"'])
    for (const wrong of ['"a', '[a', `["a]`, 'a.', `"a"b`])
      assert.throws(() => parsePath(wrong), /ends at character/, wrong)
  })
})
