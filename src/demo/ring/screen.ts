// demo: what the parent shows: one live line on a terminal, plain lines elsewhere.

import { formatSize } from '../../sizes.js'
import type { Totals } from './wire.js'

const WIDTH = 32
/** Milliseconds between plain lines. */
const PLAIN_STEP = 500
const terminal = process.stdout.isTTY === true

export class Screen {
  readonly #total: number
  readonly #start = performance.now()
  #shown = 0
  #before: { at: number; bytes: number; next: number } | undefined

  constructor(total: number) {
    this.#total = total
  }

  /** Shows how far it is. */
  progress(totals: Totals, force = false): void {
    const now = performance.now()
    if (!terminal && !force && now - this.#shown < PLAIN_STEP) return
    this.#shown = now
    const last = this.#before ?? { at: this.#start, bytes: 0, next: 0 }
    const seconds = Math.max(0.001, (now - last.at) / 1000)
    const part = this.#total === 0 ? 1 : totals.bytes / this.#total
    const bar = '█'.repeat(Math.round(part * WIDTH)).padEnd(WIDTH, '░')
    const speed = (totals.bytes - last.bytes) / seconds
    const rate = (totals.next - last.next) / seconds
    if (now - last.at > 200) this.#before = { at: now, bytes: totals.bytes, next: totals.next }
    const line = `${bar} ${(part * 100).toFixed(0).padStart(3)} %  ${formatSize(totals.bytes).padStart(9)}  ${(speed / 1e6).toFixed(1).padStart(6)} MB/s  ${rate >= 1e6 ? `${(rate / 1e6).toFixed(2)} M` : `${(rate / 1e3).toFixed(0)} k`} messages/s`
    if (terminal) process.stdout.write(`\r\x1b[K${line}`)
    else console.log(line)
  }

  /** A line that stays. */
  say(line: string): void {
    console.log(terminal ? `\r\x1b[K${line}` : line)
  }
}
