// What main.mjs shows: one live line on a terminal, plain lines elsewhere.

const WIDTH = 32
/** Milliseconds between plain lines. */
const PLAIN_STEP = 500
const terminal = process.stdout.isTTY === true

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`

export class Screen {
  #total
  #start = performance.now()
  #shown = 0
  #before

  constructor(total) {
    this.#total = total
  }

  /** Shows how far it is. */
  progress(totals, force = false) {
    const now = performance.now()
    if (!terminal && !force && now - this.#shown < PLAIN_STEP) return
    this.#shown = now
    const last = this.#before ?? { at: this.#start, bytes: 0, next: 0 }
    const seconds = Math.max(0.001, (now - last.at) / 1000)
    const part = this.#total === 0 ? 1 : totals.bytes / this.#total
    const bar = '█'.repeat(Math.round(part * WIDTH)).padEnd(WIDTH, '░')
    const speed = megabytes((totals.bytes - last.bytes) / seconds)
    const rate = ((totals.next - last.next) / seconds / 1e3).toFixed(0)
    if (now - last.at > 200) this.#before = { at: now, bytes: totals.bytes, next: totals.next }
    const done = `${(part * 100).toFixed(0).padStart(3)} %  ${megabytes(totals.bytes).padStart(9)}`
    const line = `${bar} ${done}  ${speed.padStart(9)}/s  ${rate.padStart(5)} k messages/s`
    if (terminal) process.stdout.write(`\r\x1b[K${line}`)
    else console.log(line)
  }

  /** A line that stays. */
  say(line) {
    console.log(terminal ? `\r\x1b[K${line}` : line)
  }
}
