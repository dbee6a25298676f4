// leaf: hearing of an AbortSignal. However many waits share a signal, it has one listener of ours: an EventTarget looks
// through all of its listeners at every adding and removing, so that 20,000 waits of one signal would cost 10^8 looks.

/** The works of a signal, in the order they came. */
const works = new WeakMap<AbortSignal, Set<() => void>>()

/** True for an AbortSignal, whichever copy of that class made it: simulated browsers bring their own. */
export function isSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>
  return (
    typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof removeEventListener === 'function'
  )
}

/**
 * Runs `work` once, when the signal is aborted. For a signal that is aborted already nothing happens: that is asked first.
 *
 * @returns a function that takes it back.
 */
export function onAbort(signal: AbortSignal | undefined, work: () => void): () => void {
  if (signal === undefined) return nothing
  let set = works.get(signal)
  if (set === undefined) {
    set = new Set()
    works.set(signal, set)
    signal.addEventListener('abort', tell)
  }
  const mine = set
  mine.add(work)
  return () => {
    if (!mine.delete(work) || mine.size > 0 || works.get(signal) !== mine) return
    works.delete(signal)
    signal.removeEventListener('abort', tell)
  }
}

function tell(this: AbortSignal): void {
  const set = works.get(this)
  if (set === undefined) return
  works.delete(this)
  this.removeEventListener('abort', tell)
  // Who takes itself back meanwhile is not called any more: a Set tells its loop.
  for (const work of set) {
    set.delete(work)
    work()
  }
}

function nothing(): void {}
