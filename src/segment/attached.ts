// segment: what every handle tells of who else has the same thing open.

import { Departures, type DeparturesOptions, type Peer, peersOf } from './peers.js'
import type { Segment } from './segment.js'

/** A handle of something that others may have open, too. */
export abstract class Attached {
  /** True after `close()`. */
  abstract get closed(): boolean

  /** @internal What it is attached to. @throws MemlaneError `ERR_CLOSED`. */
  protected abstract attachment(): Segment

  /** Who has it open: every handle of every process, this one included, with pid, time, and whether the process is stopped. @throws MemlaneError `ERR_CLOSED`. */
  participants(): Peer[] {
    return peersOf(this.attachment())
  }

  /**
   * Handles of others that are closed or die from now on, as an async iterator that sleeps between them. They are looked at
   * every 50 ms; a handle that is opened and gone between two looks is not told of.
   *
   * @throws MemlaneError `ERR_CLOSED`, `ERR_TYPE`; iterating rejects with the signal's reason.
   */
  departures(options: DeparturesOptions = {}): Departures {
    return new Departures(this.attachment(), () => this.closed, options)
  }
}
