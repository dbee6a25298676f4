// leaf: what spareStack() promises holds at every depth, before and after the engine has optimized it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spareStack, spareStackToLeave } from './spare-stack.js'
import { atEveryDepth } from './testing/stack.js'

let made = 0

/** A function that nobody has called yet, so that the engine compiles it at its first call. */
function uncompiled(): (list: readonly number[]) => number {
  return new Function(`return function uncompiled${made++}(list) {
    let sum = 0
    for (const item of list) {
      if (item > 1 && list.map((x) => { const y = { z: [x, { deep: [1, () => ({ q: x * 2 })] }] }; return y.z[0] }).length > 2) {
        try { sum += item } catch (error) { throw new Error(String(error)) } finally { sum-- }
      } else sum += 2
    }
    return sum
  }`)()
}

function holds(ask: () => void): void {
  let last = 0
  let asked = 0
  const outcome = { answered: false, broke: undefined as unknown }
  let fresh = uncompiled()
  const { depths } = atEveryDepth(() => {
    ask()
    asked++
    try {
      last = fresh([1, 2, 3])
      outcome.answered = true
    } catch (error) {
      outcome.broke = error
    }
  })
  fresh = uncompiled()
  assert.equal(outcome.broke, undefined)
  assert.equal(last, 5)
  assert.ok(asked > 0 && asked < depths, `${asked} of ${depths} depths had room`)
}

test('where there was spare stack, code that was never compiled can run; where there was none, nothing has begun', () => {
  holds(spareStack)
  holds(spareStackToLeave)
})

test('it holds after the engine has optimized it, too', () => {
  for (let i = 0; i < 300_000; i++) {
    spareStack()
    spareStackToLeave()
  }
  holds(spareStack)
  holds(spareStackToLeave)
})

test('who had room to take has room to leave', () => {
  let refused = 0
  let kept = 0
  atEveryDepth(() => {
    spareStack()
    try {
      spareStackToLeave()
      kept++
    } catch {
      refused++
    }
  })
  assert.ok(kept > 0)
  assert.equal(refused, 0)
})
