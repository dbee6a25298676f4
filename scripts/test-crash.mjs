// The crash suite of the heap: every store of every operation is a place to die, in the operation and in the repairs
// after it; every broken order of stores is switched on and must be found; then processes that really die of SIGKILL.
//
//   node scripts/test-crash.mjs                everything (some minutes)
//   node scripts/test-crash.mjs --sample       a sample, as npm test runs it
//   node scripts/test-crash.mjs --only WORD    scenarios whose name contains WORD, no broken orders, no processes
//   --seed N                                   where samples begin; printed, so that a run can be repeated
import { spawn } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BREAKS } from './broken-orders.mjs'
import { buildHooked } from './hook-stores.mjs'
import { root, since } from './run.mjs'

const { values } = parseArgs({
  options: { sample: { type: 'boolean' }, only: { type: 'string' }, seed: { type: 'string' } },
})
const seed = Number(values.seed ?? randomInt(1_000_000))
const start = performance.now()
process.env.MEMLANE_NAMESPACE ??= `crash-${randomBytes(4).toString('hex')}`
const { reached, runCrash } = await import(join(root, 'dist', 'heap', 'testing', 'run-crash.js'))

console.log(`seed ${seed}`)
const tag = values.sample ? 'sample' : undefined
const { folder, sites } = buildHooked(undefined, tag)
console.log(`${sites.length} store sites hooked`)
const only = values.only === undefined ? undefined : new RegExp(values.only)
const depths = values.sample
  ? { every: 17, repairs: 25, deep: 10, next: 6, seed }
  : { every: 1, repairs: 2500, deep: 700, next: 300, seed }
const tally = await runCrash(folder, depths, only, values.sample ? undefined : console.log)
console.log(
  `kill points ${tally.points}, kills in a repair ${tally.repairs}, kills in a repair's repair ${tally.deep}, of the next writer ${tally.next}: ${tally.bad.length} bad`,
)
let failed = tally.bad.length
for (const line of tally.bad.slice(0, 10)) console.log(`  ${line}`)

if (only === undefined && !values.sample) {
  // The making of a heap has its own visits below; and to get the lock while waiting for it takes two at once.
  const elsewhere = /H_FORMAT|H_PAGES_MAX|H_HASH_SEED|#token\) === 0/
  const missed = sites.filter((site, number) => !reached.has(number) && !elsewhere.test(site))
  for (const site of missed) console.log(`  no scenario comes by ${site}`)
  failed += missed.length

  const chosen =
    /^(set a number|set an object|insert$|delete$|split a b|a transaction of|overwrite|replace twice|a transaction that|empty spans|an inner|a log that)/
  for (const name of Object.keys(BREAKS)) {
    const broken = buildHooked(name)
    let { bad } = await runCrash(broken.folder, { every: 1, repairs: 0, deep: 0, next: 0, seed }, chosen)
    if (bad.length === 0)
      ({ bad } = await runCrash(
        broken.folder,
        { every: 1, repairs: 20_000, deep: 0, next: 0, seed },
        /^(set an object|a transaction that)/,
      ))
    console.log(
      `broken order ${name.padEnd(30)} ${bad.length === 0 ? 'NOT FOUND' : `found by ${bad.length} kill points`}`,
    )
    if (bad.length === 0) failed++
  }
}

if (only === undefined) {
  const { Heap, unlinkHeap } = await import(join(root, 'dist', 'heap', 'index.js'))
  const { checkSix } = await import(join(root, 'dist', 'heap', 'testing', 'scenarios.js'))
  const { mulberry } = await import(join(root, 'dist', 'testing', 'random.js'))
  const random = mulberry(seed)
  /** A process that dies of SIGKILL at a store. @returns false when it was done before. */
  const dieAt = async (name, work, store) => {
    const child = spawn(
      process.execPath,
      [join(root, 'dist', 'heap', 'testing', 'kill-child.js'), folder, name, work, String(store)],
      { stdio: 'inherit' },
    )
    const [code, signal] = await new Promise((resolve) => child.on('close', (...ended) => resolve(ended)))
    if (signal !== 'SIGKILL' && code !== 0) throw new Error(`the child ended by ${signal ?? code} instead of SIGKILL`)
    return signal === 'SIGKILL'
  }

  const kills = values.sample ? 8 : 150
  const name = 'crash-real'
  const heap = Heap.create(name, { maxSize: '4 MiB', participants: 8 })
  let repaired = 0
  try {
    for (let i = 0; i < kills; i++) {
      const store = Math.floor(random() * 40_000)
      await dieAt(name, 'change', store)
      const before = heap.core.arena.repairs
      try {
        heap.verify()
        checkSix(heap)
      } catch (error) {
        failed++
        console.log(`  killed at store ${store}: ${error}`)
      }
      repaired += heap.core.arena.repairs - before
    }
  } finally {
    heap.close()
    unlinkHeap(name)
  }
  console.log(`real SIGKILLs ${kills}, of which ${repaired} held the lock`)

  // Who is killed while making a heap leaves none, or one that is whole; whoever comes next has one.
  const every = values.sample ? 13 : 1
  let made = 0
  for (let store = seed % every; await dieAt(name, 'create', store); store += every) {
    made++
    try {
      const next = Heap.createOrOpen(name, { maxSize: '4 MiB', participants: 8 })
      if (next.verify().blocks !== 1 || next.names().length !== 0) throw new Error('it is not as a new one')
      next.map('afterwards').set('a', 1)
      next.verify()
      next.close()
    } catch (error) {
      failed++
      console.log(`  killed at store ${store} of making a heap: ${error}`)
    }
    unlinkHeap(name)
  }
  unlinkHeap(name)
  console.log(`SIGKILLs while a heap was made ${made}`)
}
console.log(`crash suite: ${failed === 0 ? 'good' : `${failed} BAD`}, ${since(start)}, seed ${seed}`)
process.exitCode = failed === 0 ? 0 : 1
