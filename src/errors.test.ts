import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemlaneError, withArticle } from './errors.js'

test('an error of another copy of the package is a MemlaneError, and nothing else is', async () => {
  const again: string = './errors.js?again'
  const other = (await import(again)) as typeof import('./errors.js')
  assert.notEqual(other.MemlaneError, MemlaneError)
  assert.ok(new other.MemlaneError('ERR_NAME', 'x') instanceof MemlaneError)
  assert.ok(new MemlaneError('ERR_NAME', 'x') instanceof other.MemlaneError)
  for (const stranger of [new Error('x'), { code: 'ERR_NAME' }, null, undefined, 'x', Object.create(null)])
    assert.ok(!((stranger as unknown) instanceof MemlaneError))
})

test('a subclass has its own instances only', () => {
  class Special extends MemlaneError {}
  assert.ok(new Special('ERR_NAME', 'x') instanceof Special)
  assert.ok(new Special('ERR_NAME', 'x') instanceof MemlaneError)
  assert.ok(!((new MemlaneError('ERR_NAME', 'x') as unknown) instanceof Special))
})

test('kinds have their article', () => {
  assert.deepEqual(['event', 'mutex', 'int', 'rwlock'].map(withArticle), ['an event', 'a mutex', 'an int', 'a rwlock'])
})
