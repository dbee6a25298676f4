// segment: an opener that looks while a creator begins, at every moment of the one and of the other.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LocalMemory, type Memory } from '../memory/index.js'
import { PAGE } from '../sizes.js'
import { isUnfinished, readHeader, stateOf, writeHeader } from './header.js'
import { READY, W_COMMITTED, W_STATE } from './header.layout.js'

const fields = {
  kind: 'steps',
  schema: 7n,
  lifetime: 0,
  slots: 1,
  participantBytes: 0,
  bodySize: PAGE,
  parameters: Uint8Array.of(1, 2, 3),
}
const total = 3 * PAGE

/** A typed array that tells before each access of an element. */
function watched<T extends object>(array: T, before: (store: boolean) => void): T {
  return new Proxy(array, {
    get(target, property) {
      if (typeof property === 'string' && /^\d/.test(property)) before(false)
      const value = Reflect.get(target, property) as unknown
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        before(property === 'set')
        return Reflect.apply(value, target, args)
      }
    },
    set(target, property, value) {
      before(true)
      return Reflect.set(target, property, value)
    },
  })
}

function seen(memory: LocalMemory, before: (store: boolean) => void): Memory {
  return Object.create(memory, {
    u8: { value: watched(memory.u8, before) },
    u32: { value: watched(memory.u32, before) },
    load: {
      value(word: number) {
        before(false)
        return memory.load(word)
      },
    },
    store: {
      value(word: number, value: number) {
        before(true)
        memory.store(word, value)
      },
    },
  }) as Memory
}

/** What the first page holds after each store of a creator, from nothing to READY. */
function moments(): Uint8Array[] {
  const memory = LocalMemory.create(total)
  const pages: Uint8Array[] = []
  const note = (): void => void pages.push(memory.u8.slice(0, PAGE))
  const creator = seen(memory, (store) => {
    if (store) note()
  })
  writeHeader(creator, fields)
  creator.store(W_COMMITTED, 1)
  creator.store(W_STATE, READY)
  note()
  return pages
}

test('a creator that begins while an opener looks never passes for finished, nor for something else', () => {
  const pages = moments()
  assert.ok(pages.length > 30, `${pages.length} moments`)
  const memory = LocalMemory.create(total)
  let looks = 0
  for (let first = 0; first < pages.length; first++) {
    // The creator goes on at one of the opener's first or last looks, to any later moment.
    for (let later = first; later < pages.length; later++) {
      for (const at of [1, 2, 3, 4, 5, 6, 20, 21, 22, 23, 40, 60, 100, 1000, 1020]) {
        memory.u8.set(pages[first]!)
        let count = 0
        const opener = seen(memory, () => {
          if (++count === at) memory.u8.set(pages[later]!)
        })
        looks++
        if (isUnfinished(opener)) continue
        assert.equal(stateOf(memory), READY, `from moment ${first} to ${later} at look ${at}`)
        assert.equal(readHeader(memory, total, 'steps').kind, 'steps')
      }
    }
  }
  console.log(`${looks} looks at ${pages.length} moments`)
})

test('a header in the making is read by its creator alone', () => {
  const memory = LocalMemory.create(total)
  writeHeader(memory, fields)
  assert.throws(() => readHeader(memory, total, 'steps'), { code: 'ERR_CORRUPT' })
})

test('a boot that is unknown, to the creator or to the opener, refuses nobody', () => {
  const memory = LocalMemory.create(total)
  writeHeader(memory, fields)
  memory.store(W_STATE, READY)
  assert.equal(readHeader(memory, total, 'steps').kind, 'steps')
})
