// The public entry of the same name for Bun: with the addon where Bun's bundler finds it. See native/prebuilt.bun.ts.

import '../../native/prebuilt.bun.js'

export * from './index.js'
