// heap: one way to say that the bytes cannot be what a heap has written.

import { MemlaneError } from '../errors.js'

export function corrupt(name: string, what: string): MemlaneError {
  return new MemlaneError('ERR_CORRUPT', `the heap ${JSON.stringify(name)} is damaged: ${what}`)
}
