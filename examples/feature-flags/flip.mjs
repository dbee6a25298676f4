// Turns a flag on for a share of the users, or off.   node flip.mjs FLAG SHARE [name]

import { SharedMap } from 'memlane'

const [flag = 'dark-mode', share = '100', name = 'flags'] = process.argv.slice(2)
const flags = SharedMap.open(name)
flags.update(flag, () => ({ on: Number(share) > 0, share: Number(share) }))
flags.close()
