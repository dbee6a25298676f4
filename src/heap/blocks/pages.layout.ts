// heap/blocks: the page table, and where the blocks of a span lie.
//
//              0        4        8        12       16       20       24        28       32
//              +--------+--------+--------+--------+--------+--------+---------+--------+
//  page i      | carve  | kind   | used   | next   | prev   | hint   | extent  | bits   |
//              +--------+--------+--------+--------+--------+--------+---------+--------+
//
// carve   +1 whenever the page is carved anew. A handle remembers it beside the block's generation: what lies at an old
//         block's place after that is never taken for it. Not logged, so that it never goes back.
// kind    SPAN | class << 8: first page of a span. LARGE: first page of one large block. PART: a further page.
// used    live blocks of the span.
// next, prev   1 + page number in the list of spans of this class that have room; 0: none.
// hint    word of the bitmap where the next search begins. Advice only, not logged.
// extent  first page: pages of the run. PART: page number of the first one.
// bits    the bitmap of a span of up to 32 blocks: 1 taken. Larger spans keep theirs at their start:
//
//         +---------------+---------+---------+---------+----
//         | bitmap        | block 0 | block 1 | block 2 | ...      span of one class, 1 to 8 pages
//         +---------------+---------+---------+---------+----
//
// A block:
//              0            4      5       6        7        8
//              +------------+------+-------+--------+--------+----
//              | generation | kind | flags | stripe | mark   | payload
//              +------------+------+-------+--------+--------+----
//
// generation  +1 when the block is taken (not logged: it must survive a roll back, or a handle made in the rolled back
//             transaction would fit the next owner) and +1 when it is freed (logged: it lives again after a roll back). +2
//             when an object is overwritten by another one in place (logged).
//
// mark    of shared objects: see objects/collector.layout.ts.
//
// The descriptor of a page whose bit in the page bitmap is 0 means nothing, but for carve: carving stores it before it
// logs the bit, so killed half way nothing has happened.

export const D_CARVE: number = 0
export const D_KIND: number = 1
export const D_USED: number = 2
export const D_NEXT: number = 3
export const D_PREV: number = 4
export const D_HINT: number = 5
export const D_EXTENT: number = 6
export const D_BITS: number = 7

export const SPAN: number = 1
export const LARGE: number = 2
export const PART: number = 3

/** Bits of a block's second word. */
export const KIND_MASK: number = 0xff
export const FLAGS_SHIFT: number = 8
export const STRIPE_SHIFT: number = 16
