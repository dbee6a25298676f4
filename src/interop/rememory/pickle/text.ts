// interop/rememory/pickle: text as Python pickles it: UTF-8 in which lone surrogates are written like any other character
// ("surrogatepass").

/** A surrogate without its other half. */
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

/** Bytes that a text takes. */
export function textLength(text: string): number {
  // Node counts three bytes for a lone surrogate, which is what it takes here.
  return Buffer.byteLength(text)
}

/** Writes a text of that many bytes. */
export function writeText(into: Buffer, at: number, text: string, length: number): void {
  if (length === text.length && length < 24) {
    for (let i = 0; i < length; i++) into[at + i] = text.charCodeAt(i)
  } else if (length === text.length || !LONE.test(text)) {
    into.write(text, at, length)
  } else {
    for (const character of text) {
      const code = character.codePointAt(0)!
      if (code >= 0xd800 && code <= 0xdfff) {
        into[at++] = 0xe0 | (code >> 12)
        into[at++] = 0x80 | ((code >> 6) & 0x3f)
        into[at++] = 0x80 | (code & 0x3f)
      } else {
        at += into.write(character, at)
      }
    }
  }
}

/** Reads a text. @returns undefined when the bytes are none. */
export function readText(from: Buffer, start: number, end: number): string | undefined {
  if (end - start < 16) {
    let text = ''
    for (let at = start; at < end; at++) {
      const byte = from[at]!
      if (byte > 0x7f) return readLong(from, start, end)
      text += String.fromCharCode(byte)
    }
    return text
  }
  return readLong(from, start, end)
}

function readLong(from: Buffer, start: number, end: number): string | undefined {
  const text = from.toString('utf8', start, end)
  return text.includes('\ufffd') ? readStrictly(from, start, end) : text
}

/** The replacement character may stand for bytes that are no text, for surrogates, or for itself. */
function readStrictly(from: Buffer, start: number, end: number): string | undefined {
  const parts: string[] = []
  for (let at = start; at < end; ) {
    const first = from[at]!
    const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
    if (length === 0 || at + length > end) return undefined
    let code = length === 1 ? first : first & (0x7f >> length)
    for (let i = 1; i < length; i++) {
      const byte = from[at + i]!
      if ((byte & 0xc0) !== 0x80) return undefined
      code = (code << 6) | (byte & 0x3f)
    }
    if ((length === 3 && code < 0x800) || (length === 4 && (code < 0x10000 || code > 0x10ffff))) return undefined
    parts.push(String.fromCodePoint(code))
    at += length
  }
  return parts.join('')
}
