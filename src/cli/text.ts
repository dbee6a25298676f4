// cli: small pieces of text.

/** Control characters, and those that turn the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const ACTING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/**
 * Text that cannot move the cursor or colour the screen: object names, kinds and commands come from other programs.
 * Everything that is a control character or turns the direction of writing is shown as an escape.
 */
export function printable(text: string): string {
  return text.replace(ACTING, (character) => {
    const code = character.charCodeAt(0)
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** The same for text that may have lines and tabs. */
export function printableLines(text: string): string {
  return text.replace(/[^\n\t]+/g, printable)
}

/** A JSON document that means the same and cannot act on a terminal: JSON itself escapes only what is below U+0020. */
export function printableJson(document: string): string {
  return document.replace(ACTING, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A name as a shell reads it: those of other programs may hold anything, and advice is there to be copied. */
export function quoted(name: string): string {
  return /^[\w/.:@%+=,-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`
}

/** `1 slot`, `3 slots`. */
export function count(n: number, one: string, many: string = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`
}

const STEPS = [
  [1000, 'ms'],
  [60, 's'],
  [60, 'min'],
  [24, 'h'],
] as const

/** How long ago, in the largest unit that fits: `42 s`, `3 h`, `12 d`. A clock that was set back gives `0 ms`. */
export function age(ms: number): string {
  let value = Math.max(0, ms)
  for (const [step, unit] of STEPS) {
    if (value < step) return `${Math.floor(value)} ${unit}`
    value /= step
  }
  return `${Math.floor(value)} d`
}

/** A moment for people: local date and time to the second. */
export function moment(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? '?' : date.toISOString().replace('T', ' ').replace(/\..*/, ' UTC')
}
