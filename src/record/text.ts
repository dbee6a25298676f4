// record: text is counted in code points, as people and Python count it, never in UTF-16 units.

import { MemlaneError } from '../errors.js'

/** The UTF-16 length of the first `limit` code points; the text's whole length when it has no more than that. */
export function cutAt(text: string, limit: number): number {
  if (text.length <= limit) return text.length
  let at = 0
  for (let points = 0; points < limit && at < text.length; points++) {
    const unit = text.charCodeAt(at)
    at += unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00 ? 2 : 1
  }
  return at
}

/** The error for half a character. */
export function loneSurrogate(text: string, what: string): MemlaneError {
  const at = text.search(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/)
  const unit = text.charCodeAt(Math.max(0, at)).toString(16)
  return new MemlaneError(
    'ERR_RANGE',
    `${what} holds half a character (the lone surrogate \\u${unit} at index ${at}), which is no text`,
  )
}

/** False when the text holds half a character. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}
