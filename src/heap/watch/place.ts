// heap/watch: a place in the table of a structure's watchers, as the handle that has taken it knows it.

/** What a handle watches, and from where: all of its iterators that watch the same share it. */
export interface Place {
  /** What it is found by in this handle. */
  readonly id: string
  /** Word index of it. */
  readonly word: number
  /** The WATCH block it lies in. */
  readonly block: number
  /** The structure's word `watch`. */
  readonly watchWord: number
  /** Of this use of the place. */
  readonly serial: number
  /** Iterators that share it. */
  uses: number
}
