// waiting/testing: a small loom. Runs the real code of several actors through every interleaving of their accesses to shared memory, and
// through every moment at which one of them may be killed, aborted or late. Named after the Rust crate that does it for threads.
//
// How: an actor is a function that knows others only by its memory. What it does next depends on nothing but the answers that its
// memory gave so far, so an actor is run from the start again and again with recorded answers, and stopped at the first access that
// has none. The loom plays that access on one model of the memory, records the answer, and tries the other actors from there, too.
// States that were met before are not gone through twice.
//
// Sleeping is the kernel's: comparing and falling asleep are one step, `wake` wakes in order. Time passes only in sleeps, and an abort
// comes only while a promise is awaited, as in JavaScript. A sleep ends after its longest time, to look again, only when nothing else
// can happen any more, and only where an actor was killed: nothing else may make that necessary.

import assert from 'node:assert/strict'
import { performance } from '../../host.js'
import { LOCKS, Memory, Wait, type WaitOptions } from '../../memory/index.js'

export interface LoomActor {
  readonly name: string
  /** What it does. Whatever it resolves to is kept for the check. */
  run(memory: Memory, signal: AbortSignal): unknown
  /** It may be killed before any of its accesses, and in its sleep. */
  readonly mayDie?: boolean
  /** Its signal may abort while it sleeps, or in the very moment in which it is woken. */
  readonly mayAbort?: boolean
  /** Its time may be over while it sleeps, or in the very moment in which it is woken. Its limit is LIMIT_MS. */
  readonly mayBeLate?: boolean
}

/** The time-out of an actor that may be late. */
export const LIMIT_MS = 1_000_000

/** How one interleaving ended. */
export interface Outcome {
  readonly words: readonly number[]
  readonly actors: readonly {
    readonly ended: 'done' | 'failed' | 'killed' | 'asleep'
    readonly value: unknown
  }[]
}

interface Access {
  readonly kind: string
  readonly args: readonly number[]
}

/** An answer: a number, or how a sleep ended. */
type Answer = number | 'abort' | 'late' | 'woken late'

interface Step {
  readonly access?: Access
  readonly value?: unknown
  readonly failed?: boolean
}

interface ActorState {
  readonly answers: readonly Answer[]
  readonly status: 'ready' | 'asleep' | 'woken' | 'over' | 'killed'
}

interface State {
  readonly words: readonly number[]
  readonly actors: readonly ActorState[]
  /** Who sleeps, in the order of falling asleep. */
  readonly sleepers: readonly number[]
  readonly lookedAgain: number
}

interface Choice {
  readonly what: string
  readonly next: State
}

const PAUSED = new Error('the loom stops this actor here')

/** The memory of one actor in one run. */
class LoomMemory extends Memory {
  readonly #answers: readonly Answer[]
  readonly #abort: AbortController
  #at = 0
  #access: Access | undefined
  clock = 0

  constructor(words: number, answers: readonly Answer[], abort: AbortController) {
    super(new SharedArrayBuffer(words * 4), words * 4)
    this.#answers = answers
    this.#abort = abort
  }

  /** The first access that has no answer. */
  get access(): Access | undefined {
    return this.#access
  }

  #ask(kind: string, ...args: number[]): number {
    if (this.#access === undefined && this.#at < this.#answers.length) return this.#take()
    this.#access ??= { kind, args }
    throw PAUSED
  }

  #take(): number {
    const answer = this.#answers[this.#at++]!
    if (typeof answer === 'number') {
      if (answer === Wait.timedOut) this.clock += 1000
      return answer
    }
    if (answer === 'abort') {
      this.#abort.abort(new Error('aborted'))
      throw this.#abort.signal.reason
    }
    this.clock += LIMIT_MS
    return answer === 'late' ? Wait.timedOut! : Wait.woken!
  }

  override load(word: number): number {
    return this.#ask('load', word)
  }
  override store(word: number, value: number): void {
    this.#ask('store', word, value)
  }
  override exchange(word: number, value: number): number {
    return this.#ask('exchange', word, value)
  }
  override compareExchange(word: number, expected: number, value: number): number {
    return this.#ask('compareExchange', word, expected, value)
  }
  override add(word: number, value: number): number {
    return this.#ask('add', word, value)
  }
  override and(word: number, bits: number): number {
    return this.#ask('and', word, bits)
  }
  override or(word: number, bits: number): number {
    return this.#ask('or', word, bits)
  }
  override wake(word: number, count: number): number {
    return this.#ask('wake', word, count)
  }
  override wait(word: number, expected: number, _timeout: number, watch: number): number {
    return this.#ask('wait', word, expected, watch)
  }
  override waitAsync(word: number, expected: number, options: WaitOptions = {}): Promise<number> {
    try {
      return Promise.resolve(this.#ask('waitAsync', word, expected, options.watch ?? -1))
    } catch (error) {
      return error === PAUSED ? new Promise(() => {}) : Promise.reject(error)
    }
  }
  override isLocked(lock: number): boolean {
    assert.ok(lock < LOCKS)
    return this.#ask('isLocked', lock) === 1
  }
  override lock(): boolean {
    return true
  }
  override unlock(): void {}
  override fence(): void {}
  override giveWay(): void {}
  override commit(): void {}
  override readonly faults: number = 0
  override close(): void {}
}

class Loom {
  readonly #words: number
  readonly #actors: readonly LoomActor[]
  readonly #steps: Map<string, Step> = new Map()

  constructor(words: number, actors: readonly LoomActor[]) {
    this.#words = words
    this.#actors = actors
  }

  /** What an actor does after those answers. */
  async stepOf(actor: number, answers: readonly Answer[]): Promise<Step> {
    const key = `${actor}:${answers.join()}`
    const known = this.#steps.get(key)
    if (known !== undefined) return known
    const abort = new AbortController()
    const memory = new LoomMemory(this.#words, answers, abort)
    const now = performance.now
    performance.now = () => memory.clock
    let step: Step | undefined
    try {
      Promise.resolve()
        .then(() => this.#actors[actor]!.run(memory, abort.signal))
        .then(
          (value) => (step = { value }),
          (error: unknown) => (step = { value: error, failed: true }),
        )
      await new Promise((resolve) => setImmediate(resolve))
    } finally {
      performance.now = now
    }
    if (memory.access !== undefined) step = { access: memory.access }
    assert.ok(step !== undefined, 'an actor may wait for nothing but its memory')
    this.#steps.set(key, step)
    return step
  }

  async choices(state: State): Promise<Choice[]> {
    const found: Choice[] = []
    for (const [i, { status }] of state.actors.entries()) {
      const actor = this.#actors[i]!
      if (status === 'over' || status === 'killed') continue
      const { access } = await this.stepOf(i, state.actors[i]!.answers)
      const isAsync = access?.kind === 'waitAsync'
      const choose = (what: string, next: State): void => void found.push({ what: `${actor.name}: ${what}`, next })
      if (actor.mayDie === true) choose('killed', kill(state, i))
      if (status === 'ready') choose(access === undefined ? 'ends' : text(access), this.#play(state, i, access))
      if (status === 'woken') choose('wakes up', answer(state, i, Wait.woken!))
      if (status === 'asleep' && this.#watchesTheDead(state, access!))
        choose('notices the death', answer(state, i, Wait.dead!))
      if (status !== 'ready' && actor.mayAbort === true && isAsync) choose('aborted', answer(state, i, 'abort'))
      if (status === 'asleep' && actor.mayBeLate === true) choose('is late', answer(state, i, 'late'))
      if (status === 'woken' && actor.mayBeLate === true) choose('wakes up late', answer(state, i, 'woken late'))
    }
    return found
  }

  /** Sleeps that end after their longest time. */
  looksAgain(state: State): Choice[] {
    return state.sleepers.map((i) => ({
      what: `${this.#actors[i]!.name}: looks again by itself`,
      next: { ...answer(state, i, Wait.timedOut!), lookedAgain: state.lookedAgain + 1 },
    }))
  }

  #watchesTheDead(state: State, { args }: Access): boolean {
    return state.actors[args[2]!]?.status === 'killed'
  }

  #play(state: State, i: number, access: Access | undefined): State {
    if (access === undefined) return become(state, i, 'over')
    const [word = 0, a = 0, b = 0] = access.args
    const old = state.words[word]!
    const put = (value: number): State => answer({ ...state, words: state.words.with(word, value | 0) }, i, old)
    switch (access.kind) {
      case 'load':
        return answer(state, i, old)
      case 'store':
      case 'exchange':
        return put(a)
      case 'compareExchange':
        return put(old === a ? b : old)
      case 'add':
        return put(old + a)
      case 'and':
        return put(old & a)
      case 'or':
        return put(old | a)
      case 'isLocked': {
        const status = state.actors[word]?.status
        return answer(state, i, word !== i && status !== undefined && status !== 'killed' ? 1 : 0)
      }
      case 'wake':
        return this.#wake(state, i, word, a)
      default:
        if (old !== a) return answer(state, i, Wait.changed!)
        return { ...become(state, i, 'asleep'), sleepers: [...state.sleepers, i] }
    }
  }

  #wake(state: State, i: number, word: number, count: number): State {
    const woken = state.sleepers.filter((sleeper) => this.wordOf(state, sleeper) === word).slice(0, count)
    let next: State = { ...state, sleepers: state.sleepers.filter((sleeper) => !woken.includes(sleeper)) }
    for (const sleeper of woken) next = become(next, sleeper, 'woken')
    return answer(next, i, woken.length)
  }

  wordOf(state: State, i: number): number | undefined {
    return this.#steps.get(`${i}:${state.actors[i]!.answers.join()}`)?.access?.args[0]
  }
}

function text({ kind, args }: Access): string {
  return `${kind}(${args.join(', ')})`
}

function become(state: State, i: number, status: ActorState['status']): State {
  return { ...state, actors: state.actors.with(i, { ...state.actors[i]!, status }) }
}

function answer(state: State, i: number, given: Answer): State {
  const actors = state.actors.with(i, { answers: [...state.actors[i]!.answers, given], status: 'ready' })
  return { ...state, actors, sleepers: state.sleepers.filter((sleeper) => sleeper !== i) }
}

function kill(state: State, i: number): State {
  return { ...become(state, i, 'killed'), sleepers: state.sleepers.filter((sleeper) => sleeper !== i) }
}

interface Node {
  readonly state: State
  readonly what: string
  readonly before: Node | undefined
}

function traceOf(node: Node): string[] {
  const trace: string[] = []
  for (let at: Node | undefined = node; at !== undefined; at = at.before) if (at.what !== '') trace.unshift(at.what)
  return trace
}

/**
 * Goes through every interleaving.
 *
 * @param words how many the shared memory has, or what they hold at first.
 * @param check is called with every way in which it can end; what it throws is completed by the steps that led there.
 * @returns how many states were met, and how many of them were ends.
 */
export async function explore(
  words: number | readonly number[],
  actors: readonly LoomActor[],
  check: (outcome: Outcome) => void,
): Promise<{ states: number; ends: number }> {
  const first = typeof words === 'number' ? new Array<number>(words).fill(0) : words
  const loom = new Loom(first.length, actors)
  const start: State = {
    words: first,
    actors: actors.map(() => ({ answers: [], status: 'ready' })),
    sleepers: [],
    lookedAgain: 0,
  }
  const seen = new Set<string>()
  const open: Node[] = [{ state: start, what: '', before: undefined }]
  let ends = 0
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const { state } = node
    const key = JSON.stringify(state)
    if (seen.has(key)) continue
    seen.add(key)
    let choices = await loom.choices(state)
    // What may happen need not happen: an actor that is never killed, aborted or late must come to its end, too.
    const goesOn = state.actors.some(({ status }) => status === 'ready' || status === 'woken')
    if (!goesOn && !choices.some(({ what }) => what.endsWith('notices the death'))) {
      const killed = state.actors.some(({ status }) => status === 'killed')
      const looks = killed && state.lookedAgain < 2 * actors.length ? loom.looksAgain(state) : []
      choices = [...choices, ...looks]
      if (looks.length === 0) {
        ends++
        await report(loom, node, actors.length, check)
      }
    }
    for (const { what, next } of choices) open.push({ state: next, what, before: node })
  }
  return { states: seen.size, ends }
}

async function report(loom: Loom, node: Node, count: number, check: (outcome: Outcome) => void): Promise<void> {
  const { state } = node
  const ended: Outcome['actors'][number][] = []
  for (let i = 0; i < count; i++) {
    const { status, answers } = state.actors[i]!
    if (status === 'over') {
      const { value, failed } = await loom.stepOf(i, answers)
      ended.push({ ended: failed === true ? 'failed' : 'done', value })
    } else {
      ended.push({ ended: status === 'killed' ? 'killed' : 'asleep', value: undefined })
    }
  }
  const trace = traceOf(node)
  try {
    check({ words: state.words, actors: ended })
  } catch (error) {
    throw new Error(`${(error as Error).message}\nafter these steps:\n  ${trace.join('\n  ')}`, { cause: error })
  }
}
