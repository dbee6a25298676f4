// npm run test:sanitize: the C layer by itself (test-native.mjs), then the rooms nearest to it, on an addon built with
// AddressSanitizer and UBSan. Words choose files of these rooms, as in test.mjs.
//
// The runtime itself is not instrumented, so the sanitizer is preloaded, leaks are not reported (the engine's are not
// ours), and SIGSEGV and SIGBUS stay with the handler that memory's own tests rely on.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildNative } from './build-native.mjs'
import { filesUnder, root, run } from './run.mjs'

const rooms = ['native', 'memory', 'segment', 'sync']
const words = process.argv.slice(2)

const compiler = (process.env.CC ?? 'cc').split(' ')[0]
const { stdout } = spawnSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' })
const library = stdout?.trim()
if (process.platform !== 'linux' || !library || !existsSync(library)) {
  console.log(`test:sanitize skipped: ${compiler} has no libasan.so on this machine`)
  console.log('0 passed, 0 failed, 0 skipped')
  process.exit(process.env.CI ? 1 : 0)
}

const itself = words.length > 0 || (await run(process.execPath, [join(root, 'scripts', 'test-native.mjs')])).ok
const { path } = buildNative({ sanitize: true, strict: true })
const files = rooms
  .flatMap((room) => filesUnder(`dist/${room}`, (file) => file.endsWith('.test.js')))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
if (files.length === 0) {
  console.error(`test:sanitize: no test file in ${rooms.join(', ')}`)
  process.exit(1)
}

const { ok } = await run(process.execPath, [join(root, 'scripts', 'test.mjs'), ...files], {
  env: {
    ...process.env,
    MEMLANE_ADDON: path,
    LD_PRELOAD: library,
    ASAN_OPTIONS: 'detect_leaks=0:handle_segv=0:handle_sigbus=0:allow_user_segv_handler=1:abort_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  },
})
process.exitCode = ok && itself ? 0 : 1
