// Draws docs/architecture-light.svg and docs/architecture-dark.svg: processes, the segment that they have mapped, and what is in it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

const LIGHT = {
  ink: '#1f2328',
  quiet: '#59636e',
  paper: '#ffffff',
  box: '#f6f8fa',
  line: '#d0d7de',
  accent: '#2f6feb',
  live: '#1a7f37',
  dead: '#bc4c00',
}
const DARK = {
  ink: '#e6edf3',
  quiet: '#9198a1',
  paper: '#0d1117',
  box: '#161b22',
  line: '#30363d',
  accent: '#58a6ff',
  live: '#3fb950',
  dead: '#f0883e',
}

const PROCESSES = [
  { name: 'Node.js', does: "players.update('ada', …)", slot: 0 },
  { name: 'Bun', does: "players.get('ada')", slot: 1 },
  { name: 'Deno', does: 'players.watch()', slot: 2 },
  { name: 'killed', does: '', slot: 3 },
]

function draw({ ink, quiet, box, line, accent, live, dead }) {
  const out = []
  const rect = (x, y, w, h, { fill = box, stroke = line, dash = '' } = {}) =>
    out.push(
      `<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="6" fill="${fill}" stroke="${stroke}"${dash ? ` stroke-dasharray="${dash}"` : ''}/>`,
    )
  const text = (x, y, words, { fill = ink, size = 13, anchor = 'middle', mono = false, bold = false } = {}) =>
    out.push(
      `<text x="${x}" y="${y}" fill="${fill}" font-size="${size}" text-anchor="${anchor}"${mono ? ' font-family="ui-monospace, Menlo, Consolas, monospace"' : ''}${bold ? ' font-weight="600"' : ''}>${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`,
    )
  for (const [i, { name, does, slot }] of PROCESSES.entries()) {
    const x = 20 + i * 230
    const gone = does === ''
    rect(x, 16, 210, 62, { dash: gone ? '4 3' : '', stroke: gone ? dead : line })
    text(x + 105, 40, gone ? 'a process, killed' : `a ${name} process`, { bold: true, fill: gone ? dead : ink })
    if (gone) text(x + 105, 61, 'the kernel let go of its lock', { size: 11, fill: quiet })
    else text(x + 105, 61, does, { size: 11, mono: true, fill: quiet })
    const to = 262 + slot * 92
    out.push(
      `<path d="M ${x + 105} 78 C ${x + 105} 118, ${to + 42} 104, ${to + 42} 150" fill="none" stroke="${gone ? dead : accent}" stroke-width="1.5"${gone ? ' stroke-dasharray="4 3"' : ''}/>`,
    )
  }
  rect(20, 126, 900, 176, { fill: 'none', stroke: accent })
  text(
    32,
    320,
    'one segment, /dev/shm/memlane:default:game: mapped by each process, no server and no copy between them',
    { anchor: 'start', size: 12, fill: quiet },
  )
  rect(36, 150, 200, 62)
  text(136, 176, 'header', { bold: true })
  text(136, 196, 'kind, format, sizes, boot', { size: 11, fill: quiet })
  for (const { slot, does } of PROCESSES) {
    const x = 262 + slot * 92
    const gone = does === ''
    rect(x, 150, 84, 62, { stroke: gone ? dead : live })
    text(x + 42, 176, `slot ${slot}`, { bold: true })
    text(x + 42, 196, gone ? 'dead: undone' : 'live', { size: 11, fill: gone ? dead : live })
  }
  rect(640, 150, 264, 62)
  text(772, 176, 'an undo log for each slot', { bold: true })
  text(772, 196, 'a change that was cut off is rolled back', { size: 11, fill: quiet })
  rect(36, 226, 868, 62)
  text(52, 252, 'heap', { bold: true, anchor: 'start' })
  text(52, 272, 'locks, versions, values', { size: 11, fill: quiet, anchor: 'start' })
  for (const [i, [what, value]] of [
    ['map players', "'ada' → { score: 11 }"],
    ['list chat', "[ 'hello', 'hi' ]"],
    ['int round', '3'],
  ].entries()) {
    rect(230 + i * 222, 236, 208, 42, { fill: 'none' })
    text(240 + i * 222, 254, what, { anchor: 'start', size: 12 })
    text(240 + i * 222, 270, value, { anchor: 'start', size: 11, mono: true, fill: quiet })
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 940 332" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" role="img">
<title>Processes that have mapped one segment</title>
${out.join('\n')}
</svg>
`
}

for (const [name, colours] of [
  ['light', LIGHT],
  ['dark', DARK],
])
  writeFileSync(join(root, 'docs', `architecture-${name}.svg`), draw(colours))
