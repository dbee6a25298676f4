// Makes the short table of docs/speed.md, and its chart for light and dark pages, from docs/speed-tables.md.
//
//   node scripts/speed-page.mjs           writes them
//   node scripts/speed-page.mjs --check   says what is not as it would be written
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './run.mjs'

/** The rows that matter: what is done, the table it stands in, ours and the nearest peer (how the rows' names begin). */
const ROWS = [
  ['Count up, from two processes', 'int locked increment, 2 processes', 'memlane (Node', 'rememory'],
  ['Read a number by its key', 'get int, 1000 keys', 'memlane (Node', 'lmdb 3'],
  ['Store a number by its key', 'set int, 1000 keys', 'memlane (Node', 'lmdb 3'],
  ['Read a field of an object by its key', 'dict get, 1000 keys', 'memlane (Node', 'Chronicle Map 2026.1 getUsing'],
  ['Store an object by its key', 'dict set, 1000 keys', 'memlane (Node', 'Chronicle Map 2026.1 put'],
  ['Hear of a change in another process', 'change to notification, p50', 'memlane (Node', 'process.send'],
  [
    'Send 64 bytes to another process',
    'SPSC one-way 64 B',
    'memlane/membridge (Node',
    'Node 20.20.2 naive ring',
    'into',
  ],
  [
    '64 bytes there and back, both awake',
    'ping-pong RTT 64 B p50',
    'memlane/membridge (Node',
    'membridge 1.0.0 bytes',
    'into',
  ],
  [
    'There and back, both asleep',
    'round trip that sleeps on both sides, on two processors, p50',
    'Memlane',
    'Unix socket',
  ],
  ['Write a record of four fields', 'record {3 f64, str[32]} write', 'memlane/record', 'FSM'],
  ['Read an image of 900 KiB into an array', 'image u8 480x640x3 read', 'memlane/record', 'FSM', 'readInto'],
]

const NAMES = [
  ['process.send', 'process.send (Node.js)'],
  ['rememory', 'Rememory (Python)'],
  ['lmdb', 'lmdb (npm)'],
  ['Chronicle', 'Chronicle Map (Java)'],
  ['Node 20.20.2 naive ring', 'ring on a SharedArrayBuffer, threads'],
  ['membridge', 'membridge (Python)'],
  ['Unix', 'Unix socket (node:net)'],
  ['FSM', 'flexible-shared-memory (Python)'],
]

const TIMES = { ns: 1, µs: 1e3, ms: 1e6, s: 1e9 }
const SCALES = { k: 1e3, M: 1e6, G: 1e9 }

/** `{ value, isTime }` of `3.22 M ops/s` or `430 ns`. */
function measured(text) {
  const [number, ...unit] = text.split(' ')
  if (unit.length === 1 && unit[0] in TIMES) return { value: Number(number) * TIMES[unit[0]], isTime: true }
  return { value: Number(number) * (SCALES[unit[0]] ?? 1), isTime: false }
}

function tablesOf(page) {
  const tables = new Map()
  for (const part of page.split(/^### /m).slice(1)) {
    const [title, ...lines] = part.split('\n')
    const rows = lines
      .filter((line) => line.startsWith('| ') && !line.startsWith('| ---') && !line.startsWith('|  |'))
      .map((line) => line.slice(2).split(' | ').slice(0, 2))
    tables.set(title, rows)
  }
  return tables
}

function headline() {
  const tables = tablesOf(readFileSync(join(root, 'docs', 'speed-tables.md'), 'utf8'))
  return ROWS.map(([what, table, ours, theirs, marked = '']) => {
    const rows = tables.get(table) ?? []
    const find = (begin, mark) => rows.find(([peer]) => peer.startsWith(begin) && peer.includes(mark))
    const mine = find(ours, marked)
    // A peer that was measured twice counts by its better row.
    const better = (a, b) =>
      measured(a[1]).isTime ? measured(a[1]).value - measured(b[1]).value : measured(b[1]).value - measured(a[1]).value
    const other = rows.filter(([peer]) => peer.startsWith(theirs)).sort(better)[0]
    if (mine === undefined || other === undefined)
      throw new Error(`docs/speed-tables.md has no ${ours} or no ${theirs} in "${table}"`)
    const [a, b] = [measured(mine[1]), measured(other[1])]
    if (a.isTime !== b.isTime) throw new Error(`"${table}": ${mine[1]} and ${other[1]} cannot be compared`)
    const ratio = Number((a.isTime ? b.value / a.value : a.value / b.value).toPrecision(2))
    const peer = NAMES.find(([begin]) => other[0].startsWith(begin))?.[1] ?? other[0]
    return { what, ours: mine[1], peer, theirs: other[1], ratio }
  })
}

function table(rows) {
  const machine = /^Machine: .*$/m.exec(readFileSync(join(root, 'docs', 'speed-tables.md'), 'utf8'))?.[0] ?? ''
  const lines = rows.map(
    ({ what, ours, peer, theirs, ratio }) => `| ${what} | ${ours} | ${theirs}, ${peer} | ${ratio}x |`,
  )
  return ['| | Memlane | nearest peer | ratio |', '|---|---|---|---|', ...lines, '', machine].join('\n')
}

async function chart(rows, { ink, quiet, bar, behind }) {
  const [vega, lite] = [await import('vega'), await import('vega-lite')]
  const scale = { type: 'log', domain: [0.5, 128], nice: false }
  const spec = {
    width: 400,
    height: { step: 26 },
    background: null,
    padding: 8,
    data: { values: rows.map((row) => ({ ...row, label: `${row.ratio}x  ${row.peer}`, one: 1 })) },
    encoding: { y: { field: 'what', type: 'nominal', sort: null, axis: { title: null, labelLimit: 300 } } },
    layer: [
      {
        mark: { type: 'bar', height: 14, cornerRadiusEnd: 2 },
        encoding: {
          x: {
            field: 'ratio',
            type: 'quantitative',
            scale,
            axis: {
              title: 'times as fast as the nearest peer (logarithmic)',
              values: [0.5, 1, 2, 4, 8, 16, 32, 64, 128],
            },
          },
          x2: { field: 'one' },
          color: { condition: { test: 'datum.ratio >= 1', value: bar }, value: behind },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 6, fontSize: 11 },
        encoding: {
          x: { field: 'ratio', type: 'quantitative', scale },
          text: { field: 'label' },
          color: { value: ink },
        },
      },
    ],
    config: {
      view: { stroke: null },
      axis: {
        labelColor: ink,
        titleColor: quiet,
        tickColor: quiet,
        domainColor: quiet,
        gridColor: quiet,
        gridOpacity: 0.25,
        labelFontSize: 12,
        titleFontWeight: 'normal',
      },
      axisY: { labelLimit: 400, grid: false, ticks: false, domain: false },
      font: 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif',
    },
  }
  const view = new vega.View(vega.parse(lite.compile(spec).spec), { renderer: 'none' })
  return `${await view.toSVG()}\n`
}

const LIGHT = { ink: '#1f2328', quiet: '#59636e', bar: '#2f6feb', behind: '#bc4c00' }
const DARK = { ink: '#e6edf3', quiet: '#9198a1', bar: '#58a6ff', behind: '#f0883e' }

/** Path and text of everything that is made. */
async function pages() {
  const rows = headline()
  const path = join(root, 'docs', 'speed.md')
  const page = readFileSync(path, 'utf8')
  const [begin, end] = ['<!-- rows:', '<!-- end of rows -->'].map((mark) => page.indexOf(mark))
  if (begin < 0 || end < begin) throw new Error('docs/speed.md has lost the marks between which its rows stand')
  const head = page.slice(0, page.indexOf('\n', begin) + 1)
  return [
    [path, `${head}\n${table(rows)}\n\n${page.slice(end)}`],
    [join(root, 'docs', 'speed-light.svg'), await chart(rows, LIGHT)],
    [join(root, 'docs', 'speed-dark.svg'), await chart(rows, DARK)],
  ]
}

export async function writeSpeedPage() {
  for (const [path, text] of await pages()) writeFileSync(path, text)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const stale = (await pages()).filter(([path, text]) => !existsSync(path) || readFileSync(path, 'utf8') !== text)
    for (const [path] of stale)
      console.error(`${path} is not what docs/speed-tables.md says. Cure: node scripts/speed-page.mjs`)
    process.exitCode = stale.length === 0 ? 0 : 1
  } else await writeSpeedPage()
}
