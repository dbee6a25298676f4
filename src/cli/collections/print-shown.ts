// cli: prints what get and dump have read.

import { print, printError, printJson } from '../terminal.js'
import { asJson, asText, type Shown } from './render.js'
import type { Showing } from './showing.js'

/** What was left out is said on stderr, where it is in no program's way. */
export function printShown({ value, left }: Shown, showing: Showing, json: boolean): void {
  if (json) printJson(asJson(value, showing))
  else print(asText(value, showing))
  if (left !== undefined) printError(`memlane: ${left}`)
}
