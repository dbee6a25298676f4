// A token bucket per client, in a map that all workers share.

import { SharedMap } from 'memlane'

export class RateLimiter {
  #buckets
  #capacity
  #perSecond

  /** @param capacity requests at once; @param perSecond refilled. */
  constructor(name, { capacity, perSecond }) {
    this.#buckets = SharedMap.open(name, { maxSize: '64 MiB' })
    this.#capacity = capacity
    this.#perSecond = perSecond
  }

  /** One step for all workers: two requests of one client at once cannot take the same token. */
  take(client, now = Date.now()) {
    let allowed = false
    this.#buckets.update(client, (bucket = { tokens: this.#capacity, at: now }) => {
      // Another worker's clock may be a little ahead.
      const passed = Math.max(0, now - bucket.at) / 1000
      bucket.tokens = Math.min(this.#capacity, bucket.tokens + passed * this.#perSecond)
      bucket.at = Math.max(now, bucket.at)
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1
        allowed = true
      }
      return bucket
    })
    return allowed
  }

  /** Forgets clients whose buckets have long been full. */
  sweep(now = Date.now()) {
    const full = (this.#capacity / this.#perSecond) * 1000
    return this.#buckets.deleteMany(
      [...this.#buckets.snapshot()].filter(([, { at }]) => now - at > full).map(([client]) => client),
    )
  }

  get clients() {
    return this.#buckets.size
  }

  close() {
    this.#buckets.close()
  }
}
