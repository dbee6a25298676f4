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

const PE_PROCESSORS = { 34404: 'x64', 43620: 'arm64' }

/** A PE file of 64 bits: its processor, the libraries and functions it asks for, and what it exports. */
export function readPe(bytes) {
  const header = bytes.readUInt32LE(60)
  if (bytes.toString('latin1', header, header + 4) !== 'PE\0\0') throw new Error('it is no PE file')
  const optional = header + 24
  if (bytes.readUInt16LE(optional) !== 0x20b) throw new Error('it is no PE file of 64 bits')
  const table = optional + bytes.readUInt16LE(header + 20)
  const sections = Array.from({ length: bytes.readUInt16LE(header + 6) }, (_, i) => ({
    address: bytes.readUInt32LE(table + i * 40 + 12),
    size: bytes.readUInt32LE(table + i * 40 + 16),
    offset: bytes.readUInt32LE(table + i * 40 + 20),
  }))
  const at = (address) => {
    const section = sections.find((one) => address >= one.address && address < one.address + one.size)
    if (section === undefined) throw new Error(`no section holds address ${address}`)
    return address - section.address + section.offset
  }
  const directory = (i) => bytes.readUInt32LE(optional + 112 + i * 8)

  const libraries = []
  const imports = []
  for (let entry = at(directory(1)); bytes.readUInt32LE(entry + 12) !== 0; entry += 20) {
    libraries.push(text(bytes, at(bytes.readUInt32LE(entry + 12))))
    const names = bytes.readUInt32LE(entry) || bytes.readUInt32LE(entry + 16)
    for (let name = at(names); bytes.readBigUInt64LE(name) !== 0n; name += 8)
      imports.push(text(bytes, at(bytes.readUInt32LE(name)) + 2))
  }
  const exported = at(directory(0))
  const names = at(bytes.readUInt32LE(exported + 32))
  const exports = Array.from({ length: bytes.readUInt32LE(exported + 24) }, (_, i) =>
    text(bytes, at(bytes.readUInt32LE(names + i * 4))),
  )
  return {
    processor: PE_PROCESSORS[bytes.readUInt16LE(header + 4)],
    libraries,
    imports,
    exports: exports.sort(),
    versions: [],
  }
}

const MACH_PROCESSORS = { 16777223: 'x64', 16777228: 'arm64' }
const LOAD_DYLIB = 12
const SYMBOL_TABLE = 2
const BUILD_VERSION = 50

/** A Mach-O file of 64 bits. `versions` holds the oldest macOS that loads it. Names are without their underscore. */
export function readMachO(bytes) {
  if (bytes.readUInt32LE(0) !== 0xfeedfacf) throw new Error('it is no Mach-O file of 64 bits')
  const libraries = []
  const imports = []
  const exports = []
  const versions = []
  for (let i = 0, at = 32; i < bytes.readUInt32LE(16); i++) {
    const kind = bytes.readUInt32LE(at)
    if (kind === LOAD_DYLIB) libraries.push(text(bytes, at + bytes.readUInt32LE(at + 8)))
    if (kind === BUILD_VERSION) versions.push(`${bytes.readUInt16LE(at + 14)}.${bytes[at + 13]}`)
    if (kind === SYMBOL_TABLE) {
      const strings = bytes.readUInt32LE(at + 16)
      for (let k = 0, symbol = bytes.readUInt32LE(at + 8); k < bytes.readUInt32LE(at + 12); k++, symbol += 16) {
        const type = bytes[symbol + 4]
        // Neither for debuggers (0xe0) nor of this file alone (not external, 1).
        if ((type & 0xe0) !== 0 || (type & 1) === 0) continue
        const name = text(bytes, strings + bytes.readUInt32LE(symbol)).replace(/^_/, '')
        if ((type & 0x0e) === 0) imports.push(name)
        else if ((type & 0x10) === 0) exports.push(name)
      }
    }
    at += bytes.readUInt32LE(at + 4)
  }
  return { processor: MACH_PROCESSORS[bytes.readUInt32LE(4)], libraries, imports, exports: exports.sort(), versions }
}
