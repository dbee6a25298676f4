// What an executable file asks for and offers, read from its own tables, so that a file for any platform can be looked at on
// any other without its tools. Only what check-symbols.mjs needs.

const text = (bytes, at) => bytes.toString('latin1', at, bytes.indexOf(0, at))

const ELF_PROCESSORS = { 62: 'x64', 183: 'arm64' }
const DYNAMIC = 6
const DYNAMIC_SYMBOLS = 11
const VERSIONS_NEEDED = 0x6ffffffe
const NEEDED = 1

/** An ELF file of 64 bits, little endian: its processor, libraries, symbols both ways, and versions of symbols it asks for. */
export function readElf(bytes) {
  if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1)
    throw new Error('it is no ELF file of 64 bits')
  const table = Number(bytes.readBigUInt64LE(40))
  const sections = Array.from({ length: bytes.readUInt16LE(60) }, (_, i) => {
    const at = table + i * bytes.readUInt16LE(58)
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      link: bytes.readUInt32LE(at + 40),
      count: bytes.readUInt32LE(at + 44),
    }
  })
  const named = (section, offset) => text(bytes, sections[section.link].offset + offset)
  const of = (type) => sections.find((section) => section.type === type)

  const libraries = []
  const dynamic = of(DYNAMIC)
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16)
    if (Number(bytes.readBigInt64LE(at)) === NEEDED)
      libraries.push(named(dynamic, Number(bytes.readBigUInt64LE(at + 8))))

  const imports = []
  const exports = []
  const symbols = of(DYNAMIC_SYMBOLS)
  for (let at = symbols.offset + 24; at < symbols.offset + symbols.size; at += 24) {
    const name = named(symbols, bytes.readUInt32LE(at))
    if (bytes.readUInt16LE(at + 6) === 0) imports.push(name)
    else exports.push(name)
  }

  const versions = []
  const needed = of(VERSIONS_NEEDED)
  for (let i = 0, at = needed?.offset; i < (needed?.count ?? 0); i++) {
    const one = at + bytes.readUInt32LE(at + 8)
    for (let k = 0, entry = one; k < bytes.readUInt16LE(at + 2); k++) {
      versions.push(named(needed, bytes.readUInt32LE(entry + 8)))
      entry += bytes.readUInt32LE(entry + 12)
    }
    at += bytes.readUInt32LE(at + 12)
  }

  return { processor: ELF_PROCESSORS[bytes.readUInt16LE(18)], libraries, imports, exports: exports.sort(), versions }
}
