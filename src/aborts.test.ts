// aborts: many waits of one signal are one listener.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSignal, onAbort } from './aborts.js'
import { SharedHeap } from './index.js'

/** A signal that counts what is done to it. */
function counted(): { controller: AbortController; added: () => number; removed: () => number } {
  const controller = new AbortController()
  const counts = { add: 0, remove: 0 }
  const { signal } = controller
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    counts.add++
    add(...args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    counts.remove++
    remove(...args)
  }
  return { controller, added: () => counts.add, removed: () => counts.remove }
}

test('a thousand works of one signal run in their order, but for those that were taken back, and are one listener', () => {
  const { controller, added, removed } = counted()
  const ran: number[] = []
  const release = Array.from({ length: 1000 }, (_, i) =>
    onAbort(controller.signal, () => {
      ran.push(i)
      // Taken back at the last moment.
      if (i === 500) release[501]!()
    }),
  )
  for (let i = 0; i < 10; i++) release[i]!()
  assert.equal(added(), 1)
  controller.abort()
  assert.deepEqual(
    ran,
    [...Array(1000).keys()].filter((i) => i >= 10 && i !== 501),
  )
  controller.signal.dispatchEvent(new Event('abort'))
  assert.equal(ran.length, 989)
  assert.equal(removed(), 1)
})

test('a signal that nobody waits with any more has no listener, and may be used again', () => {
  const { controller, added, removed } = counted()
  for (let i = 1; i < 4; i++) {
    const release = onAbort(controller.signal, () => assert.fail('taken back'))
    release()
    release()
    assert.deepEqual([added(), removed()], [i, i])
  }
  controller.abort()
})

test('thirty waits for a value are one listener of their signal', async () => {
  using heap = SharedHeap.local()
  const { controller, added } = counted()
  const text = heap.string('text')
  const waits = Array.from({ length: 30 }, () => text.waitAsync('x', { signal: controller.signal }))
  const ended = Promise.allSettled(waits)
  await new Promise(setImmediate)
  controller.abort('enough')
  for (const end of await ended) assert.deepEqual(end, { status: 'rejected', reason: 'enough' })
  assert.equal(added(), 1)
})

test('a signal is what behaves as one, whichever copy of the class made it', () => {
  const foreign = { aborted: false, addEventListener() {}, removeEventListener() {} }
  assert.ok(isSignal(foreign) && isSignal(new AbortController().signal))
  for (const no of [undefined, null, 1, {}, new AbortController(), new EventTarget(), { aborted: false }])
    assert.equal(isSignal(no), false)
})
