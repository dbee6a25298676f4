import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLinearizable, type Model, type Operation } from './linearizability.js'

type Input = { set: number } | 'get'
const register: Model<number, Input, number | null> = {
  initial: 0,
  step: (state, input) => (input === 'get' ? { state, output: state } : { state: input.set, output: null }),
  key: String,
}
const op = (
  called: number,
  returned: number | undefined,
  input: Input,
  output?: number | null,
): Operation<Input, number | null> => ({
  called,
  returned,
  input,
  output,
})

test('a read may see a write that overlaps it, or not', () => {
  assert.ok(isLinearizable([op(0, 10, { set: 1 }, null), op(1, 9, 'get', 0), op(2, 9, 'get', 1)], register))
})

test('a read must see a write that was over before it began', () => {
  assert.ok(!isLinearizable([op(0, 10, { set: 1 }, null), op(11, 12, 'get', 0)], register))
})

test('what one read has seen a later read must not take back', () => {
  const history = [op(0, 100, { set: 1 }, null), op(1, 10, 'get', 1), op(11, 20, 'get', 0)]
  assert.ok(!isLinearizable(history, register))
})

test('what was cut off may have happened, late, or not at all', () => {
  assert.ok(isLinearizable([op(0, undefined, { set: 1 }), op(5, 6, 'get', 0), op(7, 8, 'get', 1)], register))
  assert.ok(isLinearizable([op(0, undefined, { set: 1 }), op(5, 6, 'get', 0)], register))
  assert.ok(!isLinearizable([op(0, undefined, { set: 1 }), op(5, 6, 'get', 1), op(7, 8, 'get', 0)], register))
})
