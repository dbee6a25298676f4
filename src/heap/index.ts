// heap: the room's door. Arena (one lock, striped versions, an undo log per participant), allocator, values, hash index.

export type {
  Adapter,
  HeapCellPlan,
  HeapListPlan,
  HeapMapPlan,
  HeapObjectPlan,
  HeapOptions,
  HeapPlan,
  HeapStats,
  Key,
  MapCursorPlan,
  WatchPlan,
} from './plan.js'
