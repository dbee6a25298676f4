// Writes frames at 60 Hz:   node writer.mjs [name] [frames] [--flexible]
//
// With --flexible the same frames also go to the segment <name>_py, in the format of the Python package
// flexible-shared-memory, for reader.py.

import { setTimeout as sleep } from 'node:timers/promises'
import { FlexibleMemory } from 'memlane/flexible'
import { array, f64, i32, str } from 'memlane/record'
import { Camera, HEIGHT, now, render, WIDTH } from './scene.mjs'

const RATE = 60
const flexible = process.argv.includes('--flexible')
const [name = 'cam0', frames = 'Infinity'] = process.argv.slice(2).filter((word) => !word.startsWith('--'))

const camera = Camera.createOrOpen(name)
const python = flexible ? openForPython(`${name}_py`) : undefined

let stopping = false
process.once('SIGINT', () => {
  stopping = true
})

console.log(`writing ${WIDTH}x${HEIGHT} frames at ${RATE} Hz into "${name}"${python ? ` and "${python.name}"` : ''}`)
// A writer that starts again goes on where the last one stopped, or was killed.
const first = (camera.read()?.frame.value ?? 0) + 1
const start = now()
for (let i = 0; i < Number(frames) && !stopping; i++) {
  const frame = first + i
  camera.update((w) => {
    render(w.image, frame) // straight into shared memory
    w.frame = frame
    w.label = `frame ${frame}`
    w.sent = now()
  })
  if (python)
    camera.view((v) =>
      python.write({ frame, sent: v.sent, label: v.label, image: { data: v.image, shape: [HEIGHT, WIDTH, 3] } }),
    )
  await sleep(Math.max(0, start + ((i + 1) * 1000) / RATE - now()))
}

camera.close()
Camera.unlink(name)
python?.close()
python?.unlink()
console.log('stopped')

/** Made afresh, unless a writer that was killed has left it behind: then its readers are still there too. */
function openForPython(name) {
  const schema = { frame: i32(), sent: f64(), label: str(32), image: array('u8', [HEIGHT, WIDTH, 3]) }
  try {
    return FlexibleMemory.create(schema, name)
  } catch (error) {
    if (error.code !== 'ERR_EXISTS') throw error
    return FlexibleMemory.open(schema, name)
  }
}
