// The platforms that the package carries a native addon for, in the order of the table in docs/platforms.md. The key is
// the folder under prebuilds/, which src/native/load.ts computes from the machine it finds itself on.
//
// zig     what the compiler calls it; the glibc is the oldest one that Node.js 20 itself runs on (2.28) or older
// runs    how a machine with Linux x64 runs it: scripts/test-platforms.mjs; undefined: it cannot

/** The largest version of glibc whose symbols an addon may ask for. Enterprise Linux 7 has this one. */
export const OLDEST_GLIBC = '2.17'

/** Node.js 20 itself asks for it. */
export const OLDEST_MACOS = '11.0'

/** All addons together, in bytes: what every installation carries, whatever its platform. */
export const MOST_BYTES = 2 * 2 ** 20

export const platforms = {
  'linux-x64-glibc': { zig: `x86_64-linux-gnu.${OLDEST_GLIBC}`, runs: 'here' },
  'linux-arm64-glibc': { zig: `aarch64-linux-gnu.${OLDEST_GLIBC}`, runs: 'qemu-user' },
  'linux-x64-musl': { zig: 'x86_64-linux-musl', runs: 'the musl loader' },
  'linux-arm64-musl': { zig: 'aarch64-linux-musl', runs: 'qemu-user and the musl loader' },
  'win32-x64': { zig: 'x86_64-windows-gnu', runs: 'Wine' },
  'win32-arm64': { zig: 'aarch64-windows-gnu', runs: undefined },
  'darwin-arm64': { zig: 'aarch64-macos.11.0', runs: undefined },
  'darwin-x64': { zig: 'x86_64-macos.11.0', runs: undefined },
}
