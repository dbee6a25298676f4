// The C layer of Linux by itself, under sanitizers and with every system call failing in turn (native/test/linux/faults.c):
//
//   node scripts/test-native.mjs              with AddressSanitizer and UBSan, then with ThreadSanitizer
//   node scripts/test-native.mjs --broken     with one mend after the other taken out: each must be missed
//   node scripts/test-native.mjs mappings     only this scenario; with --broken, only the mends whose name has this word
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { filesUnder, root, run, since } from './run.mjs'

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { broken: { type: 'boolean', default: false } },
})

if (process.platform !== 'linux') {
  console.log(`test-native skipped: it makes the calls of Linux fail, and this is ${process.platform}`)
  process.exit(0)
}

/** Begins the name of every object of this run. */
const NAME = `memlane-faults-${process.pid}`

const compiler = (process.env.CC ?? 'cc').split(' ').filter(Boolean)
const FLAGS = [
  '-std=c11',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-O1',
  '-g',
  '-fno-omit-frame-pointer',
  '-D_GNU_SOURCE',
  '-pthread',
]

const SANITIZERS = {
  'address and undefined behaviour': {
    flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
    library: 'libasan.so',
    // The processes of the test end in the middle of things; what is held it counts itself. SIGBUS is the layer's own.
    environment: {
      ASAN_OPTIONS: 'detect_leaks=0:handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1:abort_on_error=1',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    },
  },
  threads: {
    flags: ['-fsanitize=thread'],
    library: 'libtsan.so',
    // A forked child has no threads, and would be told that it lost them.
    environment: { TSAN_OPTIONS: 'handle_segv=0:handle_sigbus=0:report_thread_leaks=0:atexit_sleep_ms=0:exitcode=66' },
  },
}
const NONE = { flags: [], environment: {} }

/** Calls that cannot fail as they are made here, or whose failure shows by what comes after; with the compiler's own. */
const HARMLESS =
  /^(__errno_location|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|tsan)_\w+|mem\w+|str\w+|snprintf|clock_gettime|sysconf|sched_yield|prctl|raise|dladdr|dlopen|sig\w+|pthread_(mutex|attr)_\w+|pthread_sigmask)$/

const sources = filesUnder('native/linux', (path) => path.endsWith('.c'))
const tests = filesUnder('native/test/linux', (path) => path.endsWith('.c'))
const injector = readFileSync(join(root, 'native/test/linux/injector.c'), 'utf8')
/** Every call that the injector has something to say about. */
const wrapped = [
  ...new Set(
    [...injector.matchAll(/__wrap_(\w+)\(/g), ...injector.matchAll(/^SIMPLE\([^,]+, [^,]+, (\w+),/gm)].map((m) => m[1]),
  ),
].filter((name) => name !== '')

const must = async (command, args) => {
  const { ok, output } = await run(command, args, { quiet: true })
  if (!ok) throw new Error(`${[command, ...args].join(' ')}\n${output}`)
  return output
}

/** Builds the program from these C files of the layer. */
async function build(folder, { flags }, layer) {
  const all = [...FLAGS, ...flags]
  const objects = layer.map((file) => join(folder, `${basename(file, '.c')}.o`))
  for (const [i, file] of layer.entries())
    await must(compiler[0], [...compiler.slice(1), ...all, '-c', file, '-o', objects[i]])
  // Put together first, so that the layer's calls are replaced and those of the test are not.
  const whole = join(folder, 'layer.o')
  await must('ld', ['-r', ...wrapped.flatMap((name) => ['--wrap', name]), ...objects, '-o', whole])
  const undefinedOnes = (await must('nm', ['-u', whole])).split('\n').map((line) => line.trim().split(' ').at(-1))
  const unknown = undefinedOnes.filter((name) => name && !name.startsWith('__wrap_') && !HARMLESS.test(name))
  if (unknown.length > 0)
    throw new Error(
      `the layer calls ${unknown.join(', ')}: make it fail in native/test/linux/injector.c, or say in test-native.mjs why it cannot`,
    )
  const program = join(folder, 'faults')
  await must(compiler[0], [...compiler.slice(1), ...all, '-rdynamic', '-o', program, whole, ...tests, '-ldl'])
  return program
}

/** Runs scenarios, each in a process of its own, a few at a time: most of the time they wait. */
async function play(program, { environment }, names, { quiet = false } = {}) {
  const sum = { passed: 0, failed: 0, said: '' }
  const left = [...names]
  const worker = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const { ok, output } = await run(program, [name], {
        quiet: true,
        env: { ...process.env, ...environment, FAULTS_NAME: NAME },
        limit: 20 * 60_000,
      })
      const failed = (output.match(/^not ok /gm) ?? []).length
      sum.passed += (output.match(/^ok /gm) ?? []).length
      sum.failed += ok ? failed : Math.max(1, failed)
      sum.said += output
      if (!ok && !quiet) console.log(`--- ${name}\n${output.replace(/^ok .*\n/gm, '').trimEnd()}`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return sum
}

const scenariosOf = (program) => spawnSync(program, ['names'], { encoding: 'utf8' }).stdout.trim().split('\n')

/** One mend taken out of a copy of the layer: [what, file, text, its replacement, where it must be missed]. */
const BROKEN = [
  [
    'committing tries the same again when it is interrupted',
    'object.c',
    'step = step > COMMIT_STEP ?',
    'step = step == 0 ?',
    'tests',
    /not ok .*committing ends|called for ever/,
  ],
  [
    'committing goes on in larger steps',
    'object.c',
    '#define COMMIT_STEP (1024u * 1024u)',
    '#define COMMIT_STEP (2048u * 1024u)',
    'tests',
    /not ok .*committing ends/,
  ],
  [
    'a fork may come between opening and remembering',
    'object.c',
    '  if (result == 0) result = open_regular(path, how, flags, mode);',
    '  unlock_descriptors();\n  if (result == 0) result = open_regular(path, how, flags, mode);\n  lock_descriptors();',
    'tests',
    /not ok .*a fork by another thread/,
  ],
  [
    'a fork may come between forgetting and closing',
    'object.c',
    '  int result = close(o->fd) < 0 ? -errno : 0;',
    '  unlock_descriptors();\n  int result = close(o->fd) < 0 ? -errno : 0;\n  lock_descriptors();',
    'tests',
    /not ok .*a fork by another thread/,
  ],
  [
    'whether forks are heard of is nobody’s business',
    'object.c',
    'after_fork_child) != 0) return -ENOMEM;',
    'after_fork_child) != 0) fork_handled = true;',
    'mappings',
    /not ok .*pthread_atfork/,
  ],
  [
    'a listing that breaks off passes for whole',
    'object.c',
    '    result = -errno;\n',
    '    result = 0;\n',
    'objects',
    /not ok .*readdir/,
  ],
  [
    'a file that is refused stays open',
    'object.c',
    '    close(fd);\n    return bad;',
    '    return bad;',
    'objects',
    /not ok .*fstat/,
  ],
  [
    'mapped from the descriptor that holds the locks',
    'mapping.c',
    ' || errno == ENOMEM ? -errno',
    ' ? -errno',
    'mappings',
    /not ok .*open fails/,
  ],
  [
    'a mapping that was refused keeps its memory',
    'mapping.c',
    '  if (result < 0) free(v);\n  else *out',
    '  if (result >= 0) *out',
    'mappings',
    /not ok .*mmap/,
  ],
  [
    'a thread that was refused is not reported',
    'waiter.c',
    '  return -r;',
    '  (void)r;\n  return 0;',
    'waits',
    /not ok .*pthread_create/,
  ],
  [
    'the kernel is asked once to cancel',
    'loop_waiter.c',
    '  if (!w->taken_back) arm(',
    '  w->taken_back = true;\n  if (!w->taken_back) arm(',
    'tests',
    /hang|status 14|not ok .*no room to cancel/,
  ],
  [
    'a ring that was half opened stays',
    'loop_waiter.c',
    '  close_ring(r);\n  return NULL;',
    '  r->fd = -1;\n  return NULL;',
    'loop-waits',
    /not ok .*(mmap|io_uring_register)/,
  ],
]

async function playBroken(folder) {
  let missed = 0
  const chosen = BROKEN.filter(([what]) => words.length === 0 || words.some((word) => what.includes(word)))
  for (const [what, file, text, replacement, scenario, expected] of chosen) {
    const copy = join(folder, 'linux')
    rmSync(copy, { recursive: true, force: true })
    mkdirSync(copy, { recursive: true })
    const layer = sources.map((path) => {
      let source = readFileSync(join(root, path), 'utf8').replaceAll('"../', `"${root}/native/`)
      if (basename(path) === file) {
        if (source.split(text).length !== 2) throw new Error(`${file} does not say once: ${text}`)
        source = source.replace(text, () => replacement)
      }
      writeFileSync(join(copy, basename(path)), source)
      return join(copy, basename(path))
    })
    writeFileSync(
      join(copy, 'system.h'),
      readFileSync(join(root, 'native/linux/system.h'), 'utf8').replaceAll('"../', `"${root}/native/`),
    )
    const program = await build(folder, NONE, layer)
    const { failed, said } = await play(program, NONE, [scenario], { quiet: true })
    const found = failed > 0 && (expected.test(said) || !/^1\.\./m.test(said))
    if (!found) missed++
    console.log(`${found ? 'ok    ' : 'MISSED'}  ${what}`)
  }
  console.log(`${chosen.length - missed} passed, ${missed} failed`)
  return missed === 0
}

/** What a program that was ended by force leaves. */
function removeLeftovers() {
  for (const file of readdirSync('/dev/shm')) if (file.startsWith(NAME)) rmSync(join('/dev/shm', file), { force: true })
}

const folder = mkdtempSync(join(root, '.cache', 'native-'))
let ok = true
try {
  if (options.broken) ok = await playBroken(folder)
  else {
    const sum = { passed: 0, failed: 0, skipped: 0 }
    for (const [what, sanitizer] of Object.entries(SANITIZERS)) {
      const start = performance.now()
      const library = spawnSync(compiler[0], [`-print-file-name=${sanitizer.library}`], {
        encoding: 'utf8',
      }).stdout?.trim()
      if (!library || !existsSync(library)) {
        console.log(`${what}: skipped: ${compiler[0]} has no ${sanitizer.library} on this machine`)
        if (process.env.CI) sum.failed++
        else sum.skipped++
        continue
      }
      const program = await build(
        folder,
        sanitizer,
        sources.map((path) => join(root, path)),
      )
      const { passed, failed } = await play(program, sanitizer, words.length > 0 ? words : scenariosOf(program))
      console.log(`the C layer, ${what}: ${passed} passed, ${failed} failed (${since(start)})`)
      sum.passed += passed
      sum.failed += failed
    }
    console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
    ok = sum.failed === 0
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
  removeLeftovers()
}
process.exitCode = ok ? 0 : 1
