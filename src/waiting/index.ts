// waiting: the room's door.

export { AdaptiveSpin } from './adaptive-spin.js'
export { EventCount } from './event-count.js'
export { EventLoopYield } from './event-loop-yield.js'
export * from './intervals.js'
export { keepAlive } from './keep-alive.js'
export { block, type Pollable, type Sleep, untilFound } from './wait.js'
export { WaitingIterator } from './waiting-iterator.js'
