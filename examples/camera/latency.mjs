// Reads every change, measures how old it is, and checks every byte of it:   node latency.mjs [name] [frames]

import { Camera, isWhole, now } from './scene.mjs'

const [name = 'cam0', frames = '300'] = process.argv.slice(2)
const camera = Camera.open(name)
const ages = []
let [torn, missed, last] = [0, 0, 0]

while (ages.length < Number(frames)) {
  // Without a next frame within half a minute the writer has gone.
  const s = await camera.next({ timeout: 30_000 })
  if (s === undefined) break
  ages.push(now() - s.sent.value)
  if (!isWhole(s.image.value.data, s.frame.value)) torn++
  if (last > 0) missed += s.frame.value - last - 1
  last = s.frame.value
}
camera.close()

ages.sort((a, b) => a - b)
const at = (part) => ages[Math.min(ages.length - 1, Math.floor(ages.length * part))]?.toFixed(3)
console.log(
  `${ages.length} frames, ${missed} missed, ${torn} torn; age in ms: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, most ${at(1)}`,
)
process.exitCode = torn === 0 && ages.length > 0 ? 0 : 1
