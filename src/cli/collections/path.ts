// cli: paths into collections, as `ada.score`, `0.text` or `players["a.b"].tags[0]`.

import {
  Cell,
  type Found,
  type Key,
  SharedHeap,
  SharedList,
  SharedMap,
  SharedQueue,
  SharedSet,
} from '../../collections/index.js'
import { MemlaneError } from '../../errors.js'
import { nearest } from '../../nearest.js'
import { Advised, UsageError } from '../failure.js'

/** Takes a path apart. Dots and brackets part; a step may be quoted, in brackets or not, as in JSON or in single quotes. */
export function parsePath(text: string): string[] {
  const steps: string[] = []
  const step =
    /\.?(?:\[("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\]"']*)\]|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')(?=[.[]|$)|([^.["'][^.[]*))/y
  while (step.lastIndex < text.length) {
    const at = step.lastIndex
    const match = step.exec(text)
    if (match === null)
      throw new UsageError(
        `the path ${JSON.stringify(text)} ends at character ${at + 1}`,
        'As in: ada.score, 0.text, ["a.b"].tags[0]',
      )
    const [, bracket, alone, word] = match
    const written = bracket ?? alone
    steps.push(written === undefined ? word! : /^["']/.test(written) ? unquoted(written) : written)
  }
  return steps
}

function unquoted(text: string): string {
  if (text.startsWith("'")) return text.slice(1, -1).replace(/\\(.)/g, '$1')
  try {
    return JSON.parse(text) as string
  } catch {
    throw new UsageError(`${text} is not quoted as in JSON`, 'Within quotes, \\" is a quote and \\\\ a backslash.')
  }
}

/** The key of a map that a step means: the string, else the number, boolean, null, bigint or undefined it reads as. */
export function findKey(map: { has(key: Key): boolean }, step: string): { key: Key } | undefined {
  const readings: Key[] = [step]
  if (step !== '' && !Number.isNaN(Number(step))) readings.push(Number(step))
  if (/^-?\d+n$/.test(step)) readings.push(BigInt(step.slice(0, -1)))
  if (step in WORDS) readings.push(WORDS[step])
  return readings.map((key) => ({ key })).find(({ key }) => map.has(key))
}

const WORDS: Readonly<Record<string, Key>> = Object.assign(Object.create(null), {
  true: true,
  false: false,
  null: null,
  undefined: undefined,
  NaN: Number.NaN,
})

/** A place: something that holds, and the step within it. No step: the thing itself. */
export interface Place {
  readonly holder: unknown
  readonly step: string | undefined
}

/** Goes all steps but the last. @throws MemlaneError `ERR_NOT_FOUND` naming how far it came. */
export function findPlace(root: unknown, steps: readonly string[]): Place {
  let holder = root
  const rest = [...steps]
  if (holder instanceof SharedHeap) holder = collectionOf(holder, rest)
  while (rest.length > 1) {
    const step = rest.shift()!
    holder = valueAt({ holder, step }, steps.slice(0, steps.length - rest.length))
    if (typeof holder !== 'object' || holder === null)
      throw notThere(steps.slice(0, steps.length - rest.length), 'is a plain value, and holds nothing')
  }
  return { holder, step: rest[0] }
}

/** The first step names a collection of the heap. */
function collectionOf(heap: SharedHeap, rest: string[]): unknown {
  const [name] = rest
  if (name === undefined) return heap
  const names = heap.names()
  // The queue without a name gives way to a collection that is called so.
  const found = names.find((one) => one.name === name) ?? (name === 'messages' ? names.find(isUnnamed) : undefined)
  if (found === undefined)
    throw notThere(
      [name],
      'is not in this heap',
      names.map((one) => (isUnnamed(one) ? 'messages' : one.name)),
    )
  rest.shift()
  return heap.collection(found)
}

/** The messages of a heap. */
function isUnnamed({ name }: Found): boolean {
  return name === ''
}

/** What is at a place. @throws MemlaneError `ERR_NOT_FOUND`. */
export function valueAt({ holder, step }: Place, path: readonly string[]): unknown {
  const inside = holder instanceof Cell ? holder.value : holder
  if (step === undefined) return inside
  if (inside instanceof SharedMap || inside instanceof Map) {
    const found = findKey(inside as SharedMap<Key>, step)
    if (found === undefined) throw notThere(path, 'is not there', (inside as SharedMap<Key>).keys())
    return (inside as SharedMap<Key>).get(found.key)
  }
  if (inside instanceof SharedSet || inside instanceof Set) return findKey(inside as SharedSet<Key>, step) !== undefined
  if (inside instanceof SharedQueue) return valueAt({ holder: inside.snapshot(), step }, path)
  if (typeof inside === 'object' && inside !== null && Object.hasOwn(inside, step))
    return (inside as Record<string, unknown>)[step]
  throw notThere(path, 'is not there', typeof inside === 'object' && inside !== null ? Object.keys(inside) : [])
}

/** Stores at a place. @throws MemlaneError `ERR_NOT_FOUND`, and what storing throws. */
export function storeAt({ holder, step }: Place, value: unknown, path: readonly string[]): void {
  if (step === undefined) {
    if (!(holder instanceof Cell))
      throw new UsageError('set needs a path into this collection', 'As in: memlane set game_state ada.score 5')
    holder.set(value as never)
    return
  }
  const inside = holder instanceof Cell ? holder.value : holder
  if (inside instanceof SharedMap) {
    const map = inside as SharedMap<Key>
    map.set((findKey(map, step) ?? { key: step }).key, value)
  } else if (inside instanceof SharedSet) {
    const set = inside as SharedSet<Key>
    const { key } = findKey(set, step) ?? { key: step }
    if (value === false) set.delete(key)
    else set.add(key)
  } else if (
    typeof inside === 'object' &&
    inside !== null &&
    (isPlain(inside) || Array.isArray(inside) || inside instanceof SharedList)
  ) {
    ;(inside as Record<string, unknown>)[step] = value
  } else throw notThere(path.slice(0, -1), 'cannot be changed from here')
}

function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype
}

/** Of so many keys what was meant is looked for among the first. */
const KEYS_COMPARED = 10_000

function notThere(path: readonly string[], why: string, others: Iterable<unknown> = []): MemlaneError {
  const error = new MemlaneError('ERR_NOT_FOUND', `${path.map((step) => JSON.stringify(step)).join(' > ')} ${why}`)
  const candidates: string[] = []
  for (const key of others) {
    if (candidates.length === KEYS_COMPARED) break
    candidates.push(String(key))
  }
  const close = nearest(path.at(-1) ?? '', candidates)
  return close === undefined ? error : new Advised(error, `Did you mean ${JSON.stringify(close)}?`)
}
