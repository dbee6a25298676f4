// Copies dist/ to build/hooked/ with a hook before every store to shared memory in the heap, so that the crash suite can
// stop there. Production code carries no hook: what is numbered is the very text that ships, line by line.
//
//   node scripts/hook-stores.mjs                 build/hooked
//   node scripts/hook-stores.mjs --break NAME    build/hooked-NAME: the same with one order of stores broken on purpose
//   node scripts/hook-stores.mjs --list          names of the broken orders
//
// A store is a statement on a line of its own: an assignment to a view (i32[…] = …), a bulk store (u8.set(…)), or a call
// that publishes (openVersion, closeVersion, release, …). The script fails when it meets one that is not.
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BREAKS } from './broken-orders.mjs'
import { filesUnder, root } from './run.mjs'

const assignment = String.raw`(?:this\.)?#?(?:arena\.)?(?:i32|u8|f64|u32)\[.*\] = `
const bulk = String.raw`(?:this\.)?#?(?:i32|u8|f64|bytes)\.(?:set|fill|copyWithin|latin1Write|ucs2Write)\(`
const publish = String.raw`(?:this\.)?(?:memory\.(?:openVersion|closeVersion|store|add)|#lock\.release|got = this\.#lock\.acquire)\(|if \(memory\.compareExchange\(`
const STORE = new RegExp(String.raw`^(\s*)((?:const got = |${assignment}|${bulk}|${publish}).*)$`)
const HIDDEN = [
  /^(?!\s*(?:\/\/|\*)).*\S.*\b(?:i32|u8|f64|u32)\[[^=]*\] = (?!=)/,
  /\b(?:i32|u8|f64|u32)\[[^=]*\] (?:[-+|&^]=|\+\+|--)/,
]

/** The text with hooks, and the sites where they are, numbered from `first`. */
export function hook(text, path, first) {
  const sites = []
  const lines = text.split('\n').map((line, index, all) => {
    const match = STORE.exec(line)
    if (match !== null && !/^\s*const got = (?!this\.#lock)/.test(line)) {
      if (/^\s*(?:for|while|if|\} else if) \(.*\)\s*$|^\s*(?:\} )?else\s*$/.test(all[index - 1] ?? ''))
        throw new Error(`${path}: a store that is the body of a statement needs braces to be hooked:\n  ${line.trim()}`)
      sites.push(`${path}:${index + 1}  ${match[2]}`)
      return `${match[1]}globalThis.__memlaneStore(${first + sites.length - 1}); ${match[2]}`
    }
    if (
      HIDDEN.some((pattern) => pattern.test(line)) &&
      !/^\s*(?:const|let|return|if|for|while)\b[^{]*===?/.test(line)
    ) {
      throw new Error(`${path}: a store that is not a statement on its own line cannot be hooked:\n  ${line.trim()}`)
    }
    return line
  })
  return { text: lines.join('\n'), sites }
}

/** Makes build/hooked or build/hooked-NAME. @returns the folder, and where the stores are. */
export function buildHooked(broken, tag = broken) {
  const folder = join(root, 'build', tag === undefined ? 'hooked' : `hooked-${tag}`)
  rmSync(folder, { recursive: true, force: true })
  // The collections come along without hooks, so that what users call runs over the hooked heap.
  for (const room of ['heap', 'live', 'collections'])
    cpSync(join(root, 'dist', room), join(folder, room), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || (/\.js$/.test(path) && !/\.(test|soak|bench)\.js$/.test(path)),
    })
  const leaves = readdirSync(join(root, 'dist')).filter((name) => /^[\w-]+\.js$/.test(name) && name !== 'index.js')
  const below = new RegExp(
    `from '(?:\\.\\./)+((?:memory|waiting|segment|sync)/|${leaves.join('|').replaceAll('.', '\\.')})`,
    'g',
  )
  const sites = []
  const edits = broken === undefined ? [] : BREAKS[broken]
  if (edits === undefined) throw new Error(`there is no broken order ${broken}; --list names them`)
  const used = new Set()
  for (const path of filesUnder(
    folder.slice(root.length + 1),
    (file) => file.endsWith('.js') && !file.includes('/testing/'),
  )) {
    const file = join(root, path)
    let text = readFileSync(file, 'utf8')
    for (const [index, edit] of edits.entries()) {
      if (!path.endsWith(edit.file)) continue
      const changed = text.replace(edit.from, edit.to)
      if (changed !== text) used.add(index)
      text = changed
    }
    // The rooms and leaves below are not under test here: they are the ones in dist/.
    text = text.replace(below, `from '${pathToFileURL(join(root, 'dist')).href}/$1`)
    if (file.startsWith(join(folder, 'heap'))) {
      const hooked = hook(text, path.slice(path.indexOf('/heap/') + 1), sites.length)
      sites.push(...hooked.sites)
      text = hooked.text
    }
    writeFileSync(file, text)
  }
  if (used.size !== edits.length)
    throw new Error(`the broken order ${broken} does not fit the code any more: change scripts/broken-orders.mjs`)
  return { folder, sites }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv.includes('--list')) console.log(Object.keys(BREAKS).join('\n'))
  else {
    const at = process.argv.indexOf('--break')
    const { folder, sites } = buildHooked(at < 0 ? undefined : process.argv[at + 1])
    console.log(`${sites.length} stores hooked in ${folder}`)
  }
}
