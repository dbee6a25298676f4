// interop/flexible: UTF-8 as Python decodes it with errors='ignore': what is no character is left out.

import { isUtf8, utf8 } from '../../host.js'

export function decodeUtf8(bytes: Uint8Array): string {
  return isUtf8(bytes) ? utf8.text(bytes) : decodeIgnoring(bytes)
}

/** Least and most second byte after a lead byte: surrogates, overlong forms and what is beyond U+10FFFF are no characters. */
function secondByte(lead: number): [number, number] {
  if (lead === 0xe0) return [0xa0, 0xbf]
  if (lead === 0xed) return [0x80, 0x9f]
  if (lead === 0xf0) return [0x90, 0xbf]
  if (lead === 0xf4) return [0x80, 0x8f]
  return [0x80, 0xbf]
}

function decodeIgnoring(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at++]!
    if (lead < 0x80) {
      text += String.fromCharCode(lead)
      continue
    }
    const more = lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 0
    if (more === 0) continue
    let point = lead & (0x3f >> more)
    let left = more
    let [least, most] = secondByte(lead)
    while (left > 0 && at < bytes.length && bytes[at]! >= least && bytes[at]! <= most) {
      point = (point << 6) | (bytes[at++]! & 0x3f)
      least = 0x80
      most = 0xbf
      left--
    }
    if (left === 0) text += String.fromCodePoint(point)
  }
  return text
}
