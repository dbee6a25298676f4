// testing: a worker thread that attaches the memory of a test. `key` is an object's name, or a SharedArrayBuffer.

import { parentPort, workerData } from 'node:worker_threads'
import { LocalMemory, type Memory, ShmObject, unlinkObject } from '../../memory/index.js'
import { Segment } from '../../segment/index.js'

interface Order {
  readonly do: 'wake' | 'count' | 'busy-waker' | 'make-and-wait' | 'attach'
  readonly key: string | SharedArrayBuffer
  readonly word: number
  readonly times: number
}

const order = workerData as Order

function attachSegment(): Memory {
  const segment = Segment.open(order.key as string)
  parentPort?.on('message', () => segment.close())
  parentPort?.postMessage(segment.participant.slot)
  return segment.memory
}

function attach(): Memory {
  if (typeof order.key !== 'string') return LocalMemory.attach(order.key)
  if (order.do === 'make-and-wait') {
    const made = ShmObject.open(order.key, { create: true, exclusive: true })
    unlinkObject(order.key)
    made.resize(4096)
    made.commit(0, 4096)
    return made.map(4096)
  }
  const object = ShmObject.open(order.key)
  return object.map(object.stat().size)
}

const memory: Memory = order.do === 'attach' ? attachSegment() : attach()

switch (order.do) {
  case 'wake':
    parentPort?.on('message', () => {
      memory.store(order.word, 1)
      memory.wake(order.word, 1)
    })
    parentPort?.postMessage('ready')
    break
  case 'count':
    for (let i = 0; i < order.times; i++) memory.add(order.word, 1)
    memory.close()
    parentPort?.postMessage('done')
    break
  case 'make-and-wait':
    for (let word = 0; word < 300; word++) memory.waitAsync(word, 0, { timeout: 5 + word }).catch(() => {})
    parentPort?.on('message', () => {})
    parentPort?.postMessage('waiting')
    break
  case 'busy-waker': {
    // Waits of every kind, handles opened and closed, until somebody ends this thread.
    const all = Array.from({ length: 300 }, (_, i) =>
      memory.waitAsync(1000 + i, 0, i % 3 === 0 ? { timeout: 1 + (i % 7) } : {}).catch(() => {}),
    )
    parentPort?.on('message', () => void all)
    parentPort?.postMessage('ready')
    const again = (): void => {
      const other = attach()
      other.waitAsync(2000, 0).catch(() => {})
      setImmediate(() => {
        other.close()
        again()
      })
    }
    again()
    break
  }
}
