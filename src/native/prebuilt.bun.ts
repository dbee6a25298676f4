// native: the prebuilt addons for Bun, whose bundler takes along what is required by a literal path, and whose
// `bun build --compile` embeds it. The public entries come by here in Bun only (the condition "bun" in package.json): other
// bundlers stop at a required file that is no JavaScript.

import { usePrebuilt } from './prebuilt.js'

usePrebuilt((platform) => {
  switch (platform) {
    case 'linux-x64-glibc':
      return require('../../prebuilds/linux-x64-glibc/memlane.node')
    case 'linux-arm64-glibc':
      return require('../../prebuilds/linux-arm64-glibc/memlane.node')
    case 'linux-x64-musl':
      return require('../../prebuilds/linux-x64-musl/memlane.node')
    case 'linux-arm64-musl':
      return require('../../prebuilds/linux-arm64-musl/memlane.node')
    case 'win32-x64':
      return require('../../prebuilds/win32-x64/memlane.node')
    case 'win32-arm64':
      return require('../../prebuilds/win32-arm64/memlane.node')
    case 'darwin-arm64':
      return require('../../prebuilds/darwin-arm64/memlane.node')
    case 'darwin-x64':
      return require('../../prebuilds/darwin-x64/memlane.node')
    default:
      return undefined
  }
})
