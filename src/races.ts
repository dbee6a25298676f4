// Races: how often something begins again because another process was faster. Nothing begins again for ever.
//
// Whoever loses a compare-and-exchange has lost it to somebody who got further, so a fair race is won soon: among 64 rivals the
// chance to lose it 100,000 times in a row has 680 zeros behind its point. Who does lose so often has met a program that stores
// to that word without a pause, by mistake or on purpose, and is told so.

import { MemlaneError } from './errors.js'

/** Tries of a compare-and-exchange: a few milliseconds at most. */
export const RACE_TRIES = 100_000

/** Tries to open or make a name that others remove and make at the same time; each takes some 20 µs. */
export const NAME_TRIES = 1000

/** A poll of a wait looks so often before the limits of the wait are looked at again. */
export const POLL_TRIES = 1000

/** @param what was tried, and the name of where. */
export function lostRace(what: string, tries: number = RACE_TRIES): MemlaneError {
  return new MemlaneError('ERR_BUSY', `${what} was tried ${tries} times, and each time another process was faster`)
}
