// live: how the heap shows live values, and how it gets from them to their handles.

import type { Adapter } from '../heap/index.js'
import { handleOf } from './handle-of.js'
import { liveList } from './live-list.js'
import { foreignObject, liveObject } from './live-object.js'

export const LIVE: Adapter = {
  object: (handle, className) => (className === undefined ? liveObject(handle) : foreignObject(handle, className)),
  list: (handle) => liveList(handle),
  unwrap: handleOf,
}
