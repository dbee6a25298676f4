// collections/testing: names that a scenario makes by itself.

import { Segment } from '../../segment/index.js'

/** Unlinks the names when the test is over. */
export function unlinking(names: readonly string[]): Disposable {
  return {
    [Symbol.dispose]() {
      for (const name of names) Segment.unlink(name)
    },
  }
}
