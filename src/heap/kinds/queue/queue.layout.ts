// heap/kinds/queue: messages in the order they were put, and those that were taken and are not done.
//
//   word         0        2        3         4        5        6        7        8        9
//                +--------+--------+---------+--------+--------+--------+--------+--------+--------+
//  QUEUE         | header | size   | changes | first  | last   | taken  | newest | bell   | -      |
//                +--------+--------+---------+--------+--------+--------+--------+--------+--------+
//  MESSAGE       | header | next   | prev    | slot: the value | taker  | times  |
//                +--------+--------+---------+-----------------+--------+--------+
//
// size     messages that wait, from `first` (the oldest, or one that came back) to `last`, linked both ways; 0 ends a list.
// changes  +1 with every change of either list, so that who has looked in vain knows whether to look again.
// taken    messages that were taken to be acknowledged, from `newest` on by `next`, also linked both ways.
// bell     number of the bell in the header that its waiters sleep on, see heap.layout.ts.
// taker    token of the participant that has taken the message; 0 while it waits.
// times    it was handed out to be acknowledged.
//
// The value belongs to its message, and the message to its queue, until it is taken or done.
//
// Who writes: the holder of the lock, logged; a message before it is linked, unlogged.
//
// Crash windows: killed inside put, take, done or give back, the change is undone as any other. Killed after the commit of a
// put and before the bell, sleepers look by themselves (heap.layout.ts). A taker killed between take and done leaves its token
// in the message: whoever wants a message next finds that no such participant lives, and puts it back in front.

export const Q_SIZE: number = 2
export const Q_CHANGES: number = 3
export const Q_FIRST: number = 4
export const Q_LAST: number = 5
export const Q_TAKEN: number = 6
export const Q_NEWEST: number = 7
export const Q_BELL: number = 8
export const Q_UNITS: number = 5

export const G_NEXT: number = 2
export const G_PREV: number = 3
export const G_SLOT: number = 4
export const G_TAKER: number = 6
export const G_TIMES: number = 7
export const MESSAGE_UNITS: number = 4
