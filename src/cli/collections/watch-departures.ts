// cli: memlane watch --departures. Prints who closes a segment, or dies with it open, as it happens.

import { MemlaneError } from '../../errors.js'
import { Departures } from '../../segment/index.js'
import { UsageError } from '../failure.js'
import { openToLook, type Target } from '../look.js'
import { paint, print, printJson } from '../terminal.js'
import { age } from '../text.js'

export async function printDepartures(
  target: Target,
  path: string,
  most: number,
  json: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (path !== '') throw new UsageError('--departures is about a whole segment: leave the path out')
  if (target.type === 'foreign')
    throw new MemlaneError('ERR_FOREIGN', `/${target.object} belongs to another program; nothing tells who leaves it`)
  using segment = openToLook(target.info)
  let left = most
  for await (const one of new Departures(segment, () => segment.closed, { signal })) {
    const { pid, thread, since, cause, elsewhere } = one
    if (json) printJson({ pid, thread, since: since.toISOString(), elsewhere, cause }, 0)
    else {
      const where = `${thread === 0 ? '' : ` thread ${thread}`}${elsewhere ? ' of another pid namespace' : ''}`
      const text = cause === 'unknown' ? 'gone, cause unknown' : cause
      print(
        `${paint(cause === 'died' ? 'red' : 'yellow', text)} pid ${pid}${where}, attached for ${age(Date.now() - since.getTime())}`,
      )
    }
    if (--left <= 0) return
  }
}
