// Writes some frames as PNG files:   node png.mjs [name] [count] [folder]

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PNG } from 'pngjs'
import { Camera, HEIGHT, WIDTH } from './scene.mjs'

const [name = 'cam0', count = '3', folder = 'frames'] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
const camera = Camera.open(name)

for (let i = 0; i < Number(count); i++) {
  const s = await camera.next({ timeout: 30_000 })
  if (s === undefined) throw new Error(`"${name}" has not changed for half a minute: is the writer running?`)
  const png = new PNG({ width: WIDTH, height: HEIGHT, colorType: 2, inputColorType: 2, inputHasAlpha: false })
  png.data = Buffer.from(s.image.value.data.buffer)
  const path = join(folder, `${String(s.frame.value).padStart(6, '0')}.png`)
  writeFileSync(path, PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false }))
  console.log(`wrote ${path}`)
  if (i + 1 < Number(count)) await sleep(200)
}
camera.close()
