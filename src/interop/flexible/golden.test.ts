// interop/flexible: every vector recorded from the real package, both ways.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemlaneError } from '../../errors.js'
import { ShmObject } from '../../memory/index.js'
import type { Fields } from '../../record/fields.js'
import {
  type FieldResult,
  fieldOf,
  flexibleVectors,
  type Step,
  untag,
  type Vector,
} from '../../testing/flexible-vectors.js'
import { FlexibleMemory, type FlexibleRecord } from './index.js'

// What Python does wrong after a refused value: it has raised the sequence and stored the fields before the bad one.
// Memlane has stored nothing. These vectors are compared up to there, and then with what they ought to say.
const REFUSALS = new Map([
  ['single-failed-write-blocks-reads', 'Python keeps i = 2 of a write that it refused'],
  ['fifo-failed-finalize-keeps-the-stage', 'Python has stored part of the refused record in its slot'],
  ['single-sequence-at-the-top', 'Python refuses to write beyond 2^64 - 1, Memlane wraps around'],
])

const schemaOf = (vector: Vector): Fields =>
  Object.fromEntries(vector.schema.map(([name, type]) => [name, fieldOf(type)]))

let made = 0
const freshName = (): string => `memlane_fx_golden_${process.pid}_${++made}`

/** The bytes without seq_begin and seq_end, which must be equal to each other. */
function withoutSequences(vector: Vector, bytes: Uint8Array, whole: boolean): string {
  const copy = Buffer.from(bytes.subarray(0, vector.layout.total_size))
  const first = vector.slots > 1 ? 24 : 0
  for (let slot = 0; slot < vector.slots; slot++) {
    const begin = first + slot * vector.layout.slot_size
    const end = begin + vector.layout.slot_size - 8
    if (whole) assert.equal(copy.readBigUInt64LE(begin), copy.readBigUInt64LE(end), 'seq_begin equals seq_end')
    copy.fill(0, begin, begin + 8).fill(0, end, end + 8)
  }
  return copy.toString('hex')
}

function dump(name: string): Uint8Array {
  using object = ShmObject.open(name)
  const { size } = object.stat()
  return Uint8Array.from(object.map(size).u8)
}

function poke(name: string, at: number, hex: string): void {
  using object = ShmObject.open(name)
  object.map(object.stat().size).u8.set(Buffer.from(hex, 'hex'), at)
}

function checkRecord(
  got: FlexibleRecord<Fields> | undefined,
  wanted: Record<string, FieldResult> | null,
  where: string,
): void {
  if (wanted === null) return assert.equal(got, undefined, where)
  assert.notEqual(got, undefined, where)
  assert.deepEqual(Object.keys(got!), Object.keys(wanted), where)
  for (const [name, field] of Object.entries(wanted)) {
    const { value, valid, modified, truncated, unwritten } = got![name]!
    const flags = { valid, modified, truncated, unwritten }
    assert.deepEqual(
      flags,
      { valid: field.valid, modified: field.modified, truncated: field.truncated, unwritten: field.unwritten },
      `${where}, status of ${name}`,
    )
    const expected = untag(field.value)
    if (field.value.t === 'ndarray') {
      const { data, shape } = expected as { data: Uint8Array; shape: number[] }
      const nd = value as { data: Uint8Array; shape: number[] }
      assert.deepEqual([...nd.shape], shape, `${where}, shape of ${name}`)
      assert.deepEqual([...nd.data], [...data], `${where}, elements of ${name}`)
    } else {
      assert.ok(Object.is(value, expected), `${where}, ${name}: got ${String(value)}, wanted ${String(expected)}`)
    }
  }
}

/** Runs steps against handles of ours. `strict` is off where Python's own answer is the defect. */
function play(vector: Vector, steps: Step[], handles: Map<string, FlexibleMemory<Fields>>, name: string): void {
  const schema = schemaOf(vector)
  const differs = REFUSALS.has(vector.name)
  let refused = false
  let parted = false
  let half = false
  for (const [index, step] of steps.entries()) {
    const where = `${vector.name}, step ${index} (${step.op})`
    const handle = handles.get(step.on ?? 'a')!
    if (step.op === 'open') {
      handles.set(step.as!, FlexibleMemory.open(schema, name, { slots: vector.slots }))
    } else if (step.op === 'poke') {
      poke(name, step.at!, step.hex!)
      if (step.at === 0) half = true
    } else if (step.op === 'dump') {
      const bytes = (step.result as { hex: string }).hex
      if (!refused)
        assert.equal(
          withoutSequences(vector, dump(name), !half),
          withoutSequences(vector, Buffer.from(bytes, 'hex'), false),
          where,
        )
    } else if (step.op === 'read') {
      const options = { latest: step.latest === true, resetModified: step.reset_modified === true }
      if (step.error !== undefined) {
        assert.throws(() => handle.read(options), MemlaneError, where)
      } else if (refused && vector.slots === 1 && step.result === null) {
        assert.notEqual(handle.read(options), undefined, `${where}: a refused value leaves the record readable`)
      } else if (parted) {
        assert.notEqual(handle.read(options), undefined, where)
      } else {
        checkRecord(handle.read(options), step.result as Record<string, FieldResult> | null, where)
      }
    } else {
      const act =
        step.op === 'finalize'
          ? () => handle.finalize()
          : () =>
              handle.write(
                Object.fromEntries(
                  Object.entries(step.fields!).map(([field, value]) => [field, untag(value)]),
                ) as never,
              )
      if (step.error === undefined || step.error.message === 'int too big to convert') {
        act()
        if (step.error !== undefined) parted = true
        half = false
        if (vector.slots === 1) refused = false
      } else {
        const before = dump(name)
        assert.throws(act, MemlaneError, where)
        assert.deepEqual(dump(name), before, `${where}: a refused value changes no byte`)
        refused = true
        parted = differs && vector.slots === 1
      }
    }
  }
}

for (const vector of flexibleVectors()) {
  test(`${vector.name}: layout, results and bytes are those of the Python package`, () => {
    const name = freshName()
    const handles = new Map([['a', FlexibleMemory.create(schemaOf(vector), name, { slots: vector.slots })]])
    try {
      const { layout } = handles.get('a')!
      assert.equal(layout.slotSize, vector.layout.slot_size)
      assert.equal(layout.totalSize, vector.layout.total_size)
      assert.deepEqual(Object.fromEntries(layout.fields.map((f) => [f.name, f.offset])), vector.layout.offsets)
      assert.deepEqual(Object.fromEntries(layout.fields.map((f) => [f.name, f.size])), vector.layout.sizes)
      play(vector, vector.steps, handles, name)
      if (!REFUSALS.has(vector.name)) {
        const wanted = withoutSequences(vector, Buffer.from(vector.bytes_hex, 'hex'), false)
        assert.equal(withoutSequences(vector, dump(name), true), wanted)
      }
    } finally {
      for (const handle of handles.values()) handle.close()
      FlexibleMemory.unlink(name)
    }
  })

  // Python's bytes first, ours from there on: after every dump, and at the end.
  const starts = vector.steps.flatMap((step, at) =>
    step.op === 'dump' ? [{ hex: (step.result as { hex: string }).hex, at: at + 1 }] : [],
  )
  const last = vector.steps.at(-1)
  if (vector.slots === 1 && last?.op === 'read' && last.result !== null && last.reset_modified !== true) {
    starts.push({ hex: vector.bytes_hex, at: vector.steps.length - 1 })
  }
  for (const { hex, at } of starts) {
    const staged = vector.name === 'fifo-staging' || vector.name === 'fifo-failed-finalize-keeps-the-stage'
    if (staged) continue // What is staged lives in the Python process, not in the bytes.
    test(`${vector.name}: goes on from the bytes that Python left at step ${at}`, () => {
      const name = freshName()
      const schema = schemaOf(vector)
      const handles = new Map([['a', FlexibleMemory.create(schema, name, { slots: vector.slots })]])
      try {
        poke(name, 0, hex)
        for (const step of vector.steps.slice(0, at)) {
          if (step.op === 'open') handles.set(step.as!, FlexibleMemory.open(schema, name, { slots: vector.slots }))
        }
        const half = vector.name === 'single-failed-write-blocks-reads' && at < vector.steps.length - 1
        if (half) assert.equal(handles.get('a')!.read(), undefined, 'what Python left half written is not read')
        else play(vector, vector.steps.slice(at), handles, name)
      } finally {
        for (const handle of handles.values()) handle.close()
        FlexibleMemory.unlink(name)
      }
    })
  }
}
