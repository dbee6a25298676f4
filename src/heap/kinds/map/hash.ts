// heap/kinds/map: hashing keys. Seeded per heap, so that nobody outside can prepare keys that collide; and where hashes do
// collide, a chain of buckets holds them (see map.ts), slow but right.
//
// Two characters a step, each mixed by a multiplication and a shift (the constants are those of MurmurHash3, A. Appleby);
// the final mix spreads the last characters over the top bits, which choose stripe and directory slot.

export function mix(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

export function hashText(text: string, seed: number): number {
  let h = seed ^ text.length
  const length = text.length
  let i = 0
  for (; i + 1 < length; i += 2) {
    h = Math.imul(h ^ (text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16)), 0x9e3779b1)
    h ^= h >>> 15
  }
  if (i < length) h = Math.imul(h ^ text.charCodeAt(i), 0x9e3779b1)
  return mix(h)
}

/** Of a primitive's slot. */
export function hashSlot(low: number, high: number, seed: number): number {
  return mix(Math.imul(low ^ seed, 0x9e3779b1) ^ Math.imul(high, 0xcc9e2d51))
}
