// Turns the JSON lines of bench programs ({ case, metric, peer, unit, runs, note, rtt? }) into tables: one per metric,
// Memlane's rows beside those of its peers from the same run. Times are better when small, rates when large; a ratio
// above 1 always means that Memlane is ahead. Rows of two processes that were measured on near and on far cores never
// share a ratio, and limits (a bare memcpy, Atomics, a Map of the process's own) are shown but are no peers.
const TIMES = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9 }

const middle = (runs) => {
  const sorted = [...runs].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}
const isOurs = ({ peer }) => /memlane|shared(map|int|float|list|set|heap)|external arraybuffer/i.test(peer)

function spell(value, unit) {
  if (unit in TIMES) {
    const nanoseconds = value * TIMES[unit]
    for (const [name, scale] of [
      ['s', 1e9],
      ['ms', 1e6],
      ['µs', 1e3],
    ]) {
      if (nanoseconds >= scale) return `${(nanoseconds / scale).toPrecision(3)} ${name}`
    }
    return `${nanoseconds.toPrecision(3)} ns`
  }
  for (const [name, scale] of [
    [' G', 1e9],
    [' M', 1e6],
    [' k', 1e3],
  ]) {
    if (Math.abs(value) >= scale) return `${(value / scale).toPrecision(3)}${name} ${unit}`
  }
  return `${Number(value.toPrecision(3))} ${unit}`
}

/** near, far or mixed, where the row was taken between two processes. */
const placeOf = ({ note = '', rtt = [] }) => {
  const said = /^(near|far|mixed)\b/.exec(note)
  if (said !== null) return said[1]
  if (rtt.length === 0) return ''
  return Math.max(...rtt) < 250 ? 'near' : Math.min(...rtt) >= 250 ? 'far' : 'mixed'
}

/** What the machine can do at best: shown, and no peer. */
const isLimit = ({ peer }) => /^limit\b|\(private/.test(peer)

/** Where the cores were matters only to what two processes did. */
const isAlike = (ours, theirs) => placeOf(ours) === '' || placeOf(ours) === placeOf(theirs)

function ratio(row, rows) {
  if (!isOurs(row)) return ''
  const peers = rows.filter(
    (other) => !isOurs(other) && !isLimit(other) && other.unit === row.unit && isAlike(row, other),
  )
  const best = (a, b) => (row.unit in TIMES ? middle(a.runs) - middle(b.runs) : middle(b.runs) - middle(a.runs))
  const rival = peers.sort(best)[0]
  if (rival === undefined) return ''
  const ours = middle(row.runs)
  const theirs = middle(rival.runs)
  return `${(row.unit in TIMES ? theirs / ours : ours / theirs).toPrecision(2)}x`
}

const HEAD = ['', 'median', 'least … most', 'runs', 'cores', 'against best peer', 'note']

/** One group of rows for each metric: what does the same work stands together, whichever program measured it. */
function grouped(rows) {
  const groups = new Map()
  for (const row of rows) {
    if (!Array.isArray(row.runs) || row.runs.length === 0) continue
    groups.set(row.metric, [...(groups.get(row.metric) ?? []), row])
  }
  return [...groups].map(([metric, group]) => ({
    metric,
    cells: group.map((row) => [
      row.peer,
      spell(middle(row.runs), row.unit),
      `${spell(Math.min(...row.runs), row.unit)} … ${spell(Math.max(...row.runs), row.unit)}`,
      `${row.runs.length}`,
      placeOf(row),
      ratio(row, group),
      (row.note ?? '').replace(/^(near|far|mixed); /, ''),
    ]),
  }))
}

/** The same tables as Markdown. */
export function markdown(rows) {
  return grouped(rows)
    .map(({ metric, cells }) => {
      const line = (cell) => `| ${cell.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`
      return [`### ${metric}`, '', line(HEAD), line(HEAD.map(() => '---')), ...cells.map(line), ''].join('\n')
    })
    .join('\n')
}

/** Text of the tables of these rows. */
export function tables(rows) {
  const lines = []
  for (const { metric, cells } of grouped(rows)) {
    const widths = HEAD.map((name, i) => Math.max(name.length, ...cells.map((cell) => cell[i].length)))
    const line = (cell) =>
      `  ${cell.map((text, i) => (i === 0 || i > 5 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join('  ')}`.trimEnd()
    lines.push('', metric, line(HEAD), ...cells.map(line))
  }
  return lines.join('\n')
}
