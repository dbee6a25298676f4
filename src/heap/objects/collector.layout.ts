// heap/objects: what finding and freeing unreachable objects needs in memory, in the header of the heap and in each shared object.
//
//   word from H_COLLECTOR
//         0        1        2        3        4        5        6        7        8        9        10       11       12
//         +--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+
//         | PHASE  | EPOCH  | CURSOR | LIST   | PLACE  | STEPS  | SPILLED| REWALK | GREYS  | CYCLES | BORN   | KEPT   | HOLDS  | 13: STORE, 14: AFTER
//         +--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+--------+
//
// PHASE    IDLE → MARK → SWEEP → IDLE. Who has the lock does a step of it, whoever did the last one.
// EPOCH    1 to 127, another one in each cycle. New shared objects bear it.
// CURSOR   the page at which looking for roots, or sweeping, goes on.
// LIST     an owned array that is too long for one step, 0: none; PLACE: where in its store to go on; STORE: that store;
//          AFTER: the block in the run of pages at CURSOR after which looking goes on when that is done.
// STEPS    +1 at each step: a process whose own stack belongs to the last step still knows all grey objects.
// SPILLED  1: there are grey objects that only the stack of the last step knows, or nobody.
// REWALK   1 + the page at which looking for such ones goes on; 0: they are not looked for.
// GREYS    pointers in H_GREY: objects that writers have made grey.
// CYCLES   finished ones. KEPT: shared objects after the last one. BORN: made since, one of many bytes counts as several.
//          Advice: for stats(), and when to begin.
// HOLDS    the first HOLD block.
//
// mark (byte 7 of a shared object): the epoch in which it was reached; with GREY, what it leads to was not looked at yet.
// All of this is plain stores under the lock, not logged: what a dead process has marked stays marked, and is kept once
// too often. Only PHASE changes by a change of the heap, so that readers hear of it, and HOLDS as any list does.
//
// Rules, which make one look at each object enough:
//   1. New objects bear the epoch, and a slot gets a reference only to an object that is marked at that time: see shade().
//      Who copies slots raw, from one block to another or within a list, tells moved().
//   2. What a process holds is looked at when nothing is grey any more, in the same step that ends MARK.
//   3. Grey objects are in H_GREY, or on the stack of the last step, or SPILLED says that some are in neither.
//
//   HOLD block: what the live objects of one participant stand for
//
//   word  0         2       3        4                    6
//         +---------+-------+--------+--------+-----------+----------+----------+----
//         | header  | owner | next   | room   | -         | pointer, 0: none    | ...
//         +---------+-------+--------+--------+-----------+----------+----------+----
//
// owner    token of the participant; when it is dead the collector frees the block. Only the owner stores pointers, at any time:
//          SYNC: "held before the reference is looked at once more".

/** Word offsets from H_COLLECTOR. */
export const G_PHASE: number = 0
export const G_EPOCH: number = 1
export const G_CURSOR: number = 2
export const G_LIST: number = 3
export const G_PLACE: number = 4
export const G_STEPS: number = 5
export const G_SPILLED: number = 6
export const G_REWALK: number = 7
export const G_GREYS: number = 8
export const G_CYCLES: number = 9
export const G_BORN: number = 10
export const G_KEPT: number = 11
export const G_HOLDS: number = 12
export const G_STORE: number = 13
export const G_AFTER: number = 14

export const IDLE: number = 0
export const MARK: number = 1
export const SWEEP: number = 2

export const EPOCHS: number = 127
/** Of a mark byte. */
export const GREY: number = 0x80
export const MARK_SHIFT: number = 24

/** Pointers in H_GREY. */
export const GREYS_MAX: number = 1024

export const HOLD_OWNER: number = 2
export const HOLD_NEXT: number = 3
export const HOLD_ROOM: number = 4
export const HOLD_FIRST: number = 6
