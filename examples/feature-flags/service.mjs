// A service that reads flags on every request, and hears of changes without asking.   node service.mjs [name] [changes]

import { SharedMap } from 'memlane'

const [name = 'flags', changes = 'Infinity'] = process.argv.slice(2)
const flags = SharedMap.open(name)
// Attaching overwrites nothing: defaults are stored only where there is no value yet.
flags.getOrInsert('dark-mode', { on: false, share: 0 })

/**
 * One whole value of one moment, read anew for every request. What `get` gives is live instead: when another process
 * replaces it between two reads of its fields, the second says ERR_STALE.
 */
const isOn = (flag, user) => {
  const { on, share } = flags.snapshot(flag) ?? { on: false, share: 0 }
  return on && user % 100 < share
}

// Watching begins here, before the first look: no change falls between the two.
const watching = flags.watch()
console.log(`dark-mode for user 7: ${isOn('dark-mode', 7)}`)
let left = Number(changes)
for await (const { type, key, coalesced } of watching) {
  const more = coalesced > 0 ? ` (and ${coalesced} more)` : ''
  const value = JSON.stringify(flags.snapshot(key)) ?? ''
  console.log(`${type} ${key} ${value}${more}; dark-mode for user 7: ${isOn('dark-mode', 7)}`)
  if (--left <= 0) break
}
flags.close()
