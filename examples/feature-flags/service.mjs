// A service that reads flags on every request, and hears of changes without asking.   node service.mjs [name] [changes]

import { SharedMap } from 'memlane'

const [name = 'flags', changes = 'Infinity'] = process.argv.slice(2)
const flags = SharedMap.open(name)
// Attaching overwrites nothing: defaults are stored only where there is no value yet.
flags.getOrInsert('dark-mode', { on: false, share: 0 })

/** As cheap as a look into a plain Map, so no copy of the flags is kept. */
const isOn = (flag, user) => {
  const { on, share } = flags.get(flag) ?? { on: false, share: 0 }
  return on && user % 100 < share
}

console.log(`dark-mode for user 7: ${isOn('dark-mode', 7)}`)
let left = Number(changes)
for await (const { type, key, value, coalesced } of flags.watch()) {
  const more = coalesced > 0 ? ` (and ${coalesced} more)` : ''
  console.log(`${type} ${key} ${JSON.stringify(value) ?? ''}${more}; dark-mode for user 7: ${isOn('dark-mode', 7)}`)
  if (--left <= 0) break
}
flags.close()
