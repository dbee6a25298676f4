// cli: the commands, in the order in which help shows them. A new command is a file beside this one, and a line here.

import { dump } from './collections/dump.js'
import { get } from './collections/get.js'
import { set } from './collections/set.js'
import { watch } from './collections/watch.js'
import type { Command } from './command.js'
import { completionOf } from './completion.js'
import { doctor } from './doctor.js'
import { inspect } from './inspect.js'
import { list } from './list.js'
import { rm } from './rm.js'

export const COMMANDS: readonly Command[] = [
  list,
  inspect,
  get,
  set,
  watch,
  dump,
  rm,
  doctor,
  completionOf(() => COMMANDS),
]
