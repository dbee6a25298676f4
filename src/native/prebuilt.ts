// native: the prebuilt addons that ship with the package, by paths that bundlers can read.
//
// Each path is a literal `new URL(…, import.meta.url)`: webpack and @vercel/nft (Next.js, Vercel) see the file in it and take
// it along. Bun's bundler sees `require` only: prebuilt.bun.ts is for it.

import { fileURLToPath } from 'node:url'

/** Loads the shipped addon of a platform; undefined where none is shipped. */
export type Prebuilt = (platform: string, load: (path: string) => unknown) => unknown

export let prebuilt: Prebuilt = (platform, load) => {
  switch (platform) {
    case 'linux-x64-glibc':
      return load(fileURLToPath(new URL('../../prebuilds/linux-x64-glibc/memlane.node', import.meta.url)))
    case 'linux-arm64-glibc':
      return load(fileURLToPath(new URL('../../prebuilds/linux-arm64-glibc/memlane.node', import.meta.url)))
    case 'linux-x64-musl':
      return load(fileURLToPath(new URL('../../prebuilds/linux-x64-musl/memlane.node', import.meta.url)))
    case 'linux-arm64-musl':
      return load(fileURLToPath(new URL('../../prebuilds/linux-arm64-musl/memlane.node', import.meta.url)))
    case 'win32-x64':
      return load(fileURLToPath(new URL('../../prebuilds/win32-x64/memlane.node', import.meta.url)))
    case 'win32-arm64':
      return load(fileURLToPath(new URL('../../prebuilds/win32-arm64/memlane.node', import.meta.url)))
    case 'darwin-arm64':
      return load(fileURLToPath(new URL('../../prebuilds/darwin-arm64/memlane.node', import.meta.url)))
    case 'darwin-x64':
      return load(fileURLToPath(new URL('../../prebuilds/darwin-x64/memlane.node', import.meta.url)))
    default:
      return undefined
  }
}

/** Another way to them, for a bundler that does not understand the one above. */
export function usePrebuilt(other: Prebuilt): void {
  prebuilt = other
}
