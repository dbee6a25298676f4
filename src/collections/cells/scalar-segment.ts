// collections/cells: the segment of a single number, and the check that it holds the type that is wanted.

import { MemlaneError } from '../../errors.js'
import { checkNames, known } from '../../options.js'
import { CREATE_OPTIONS, type CreateOptions, Segment } from '../../segment/index.js'
import { type Access, isReadOnly } from '../access.js'
import { BYTES } from './word.layout.js'

/** Options of every number and switch that has a segment of its own. */
export interface ScalarOptions extends CreateOptions, Access {}

const BOOL_OPTIONS = known(CREATE_OPTIONS, 'readOnly', 'initial')
const NUMBER_OPTIONS = known(BOOL_OPTIONS, 'type')

export interface Scalar {
  kind: 'int' | 'float' | 'bool'
  /** Kept in the segment: which type it is. */
  code: number
  /** For messages. */
  typeName(code: number): string
  /** Stores the first value, when this call makes the segment. */
  init(segment: Segment): void
}

/**
 * Opens the segment of a number, or makes it. What is there already is left as it is.
 *
 * @throws MemlaneError `ERR_MISMATCH` when it holds another type; what `Segment.createOrOpen` throws.
 */
export function openScalar(name: string, options: ScalarOptions, scalar: Scalar): Segment {
  checkNames(options, scalar.kind === 'bool' ? BOOL_OPTIONS : NUMBER_OPTIONS)
  const segment = isReadOnly(options)
    ? Segment.open(name, { namespace: options.namespace, owner: options.owner, readOnly: true, kind: scalar.kind })
    : createOrOpen(name, options, scalar)
  const has = scalarCode(segment)
  if (has !== scalar.code) {
    segment.close()
    throw new MemlaneError(
      'ERR_MISMATCH',
      `${JSON.stringify(name)} holds ${scalar.typeName(has)}, not ${scalar.typeName(scalar.code)}`,
    )
  }
  return segment
}

function createOrOpen(name: string, options: ScalarOptions, scalar: Scalar): Segment {
  const parameters = new Uint8Array(4)
  new DataView(parameters.buffer).setUint32(0, scalar.code, true)
  return Segment.createOrOpen(name, {
    namespace: options.namespace,
    mode: options.mode,
    owner: options.owner,
    lifetime: options.lifetime,
    participants: options.participants,
    kind: scalar.kind,
    size: BYTES,
    parameters,
    init: scalar.init,
  })
}

export function scalarCode(segment: Segment): number {
  const { parameters } = segment
  return parameters.length < 4 ? 0 : new DataView(parameters.buffer, parameters.byteOffset).getUint32(0, true)
}
