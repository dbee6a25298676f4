// testing: is there an order of the operations, within their times, that a plain structure would have given these results for?
//
// The search of J. Wing and C. Gong, "Testing and verifying concurrent objects" (1993), with the memory of visited
// (set of operations, state) pairs of G. Lowe, "Testing for linearizability" (2017), in the form with a linked list of
// calls and returns that A. Athalye's Porcupine made known. Histories of independent keys are checked one by one, as
// A. Horn and D. Kroening, "Faster linearizability checking via P-compositionality" (2015), allow.
//
// An operation whose process was killed has a call and no return: it may have happened, at any time since, or not.

export interface Operation<I, O> {
  /** By a clock that is the same for all processes: see clockBeside in histories.ts. */
  readonly called: number
  /** `undefined`: the process was killed in it. */
  readonly returned: number | undefined
  readonly input: I
  readonly output: O | undefined
}

export interface Model<S, I, O> {
  readonly initial: S
  /** What the plain structure does. `state` is not changed. */
  step(state: S, input: I): { state: S; output: O }
  /** A text that is the same for equal states. */
  key(state: S): string
}

interface Entry<I, O> {
  readonly operation: Operation<I, O>
  readonly index: number
  /** Of a call: its return, unless it has none. */
  match: Entry<I, O> | undefined
  readonly isCall: boolean
  before: Entry<I, O> | undefined
  next: Entry<I, O> | undefined
}

/** True when the history is linearizable. */
export function isLinearizable<S, I, O>(history: readonly Operation<I, O>[], model: Model<S, I, O>): boolean {
  const head = linked(history)
  const done = new Uint8Array(history.length)
  const visited = new Set<string>()
  const taken: { entry: Entry<I, O>; state: S }[] = []
  let left = history.filter(({ returned }) => returned !== undefined).length
  let state = model.initial
  let entry = head.next
  while (left > 0) {
    if (entry?.isCall) {
      const { operation } = entry
      const result = model.step(state, operation.input)
      const fits =
        operation.returned === undefined || JSON.stringify(result.output) === JSON.stringify(operation.output)
      if (fits) {
        done[entry.index] = 1
        const seen = `${packed(done)} ${model.key(result.state)}`
        if (!visited.has(seen)) {
          visited.add(seen)
          taken.push({ entry, state })
          state = result.state
          if (operation.returned !== undefined) left--
          lift(entry)
          entry = head.next
          continue
        }
        done[entry.index] = 0
      }
      entry = entry.next
      continue
    }
    // A return that must come before anything further, or the end: the last choice was wrong.
    const last = taken.pop()
    if (last === undefined) return false
    state = last.state
    done[last.entry.index] = 0
    if (last.entry.operation.returned !== undefined) left++
    unlift(last.entry)
    entry = last.entry.next
  }
  return true
}

function linked<I, O>(history: readonly Operation<I, O>[]): { next: Entry<I, O> | undefined } {
  const entries: { time: number; entry: Entry<I, O> }[] = []
  history.forEach((operation, index) => {
    const bare = { operation, index, before: undefined, next: undefined, match: undefined }
    const call: Entry<I, O> = { ...bare, isCall: true }
    entries.push({ time: operation.called, entry: call })
    if (operation.returned === undefined) return
    call.match = { ...bare, isCall: false }
    entries.push({ time: operation.returned, entry: call.match })
  })
  // Calls before returns of the same time: that allows more orders, never fewer.
  entries.sort((a, b) => a.time - b.time || Number(b.entry.isCall) - Number(a.entry.isCall))
  const head = { next: undefined } as { next: Entry<I, O> | undefined }
  let before = head as unknown as Entry<I, O>
  for (const { entry } of entries) {
    before.next = entry
    entry.before = before
    before = entry
  }
  return head
}

function lift<I, O>(call: Entry<I, O>): void {
  for (const entry of [call, call.match]) {
    if (entry === undefined) continue
    entry.before!.next = entry.next
    if (entry.next !== undefined) entry.next.before = entry.before
  }
}

function unlift<I, O>(call: Entry<I, O>): void {
  for (const entry of [call.match, call]) {
    if (entry === undefined) continue
    entry.before!.next = entry
    if (entry.next !== undefined) entry.next.before = entry
  }
}

function packed(done: Uint8Array): string {
  let text = ''
  for (let i = 0; i < done.length; i += 16) {
    let word = 0
    for (let bit = 0; bit < 16; bit++) word |= (done[i + bit] ?? 0) << bit
    text += String.fromCharCode(word)
  }
  return text
}
