// The orders of stores that the heap must not have, as edits of its compiled text. Each is switched on alone by
// hook-stores.mjs --break NAME, and the crash suite must find it: that is the test of the suite itself.

const ARENA = 'arena/arena.js'

/** An edit: `from` must be there exactly as compiled, line for line, whatever the indentation. */
const edit = (file, from, to) => ({
  file,
  from: new RegExp(
    from
      .trim()
      .split('\n')
      .map((line) => line.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('\\s*\\n\\s*'),
  ),
  // A function, so that $ in the text means itself.
  to: () => to,
})

const PUT_ENTRY = `
  i32[entry] = word;
  i32[entry + 1] = i32[word];
  i32[this.#log] = length + 1;
  this.#length = length + 1;
  i32[word] = value;`
const PUT2_ENTRY = `
  i32[entry] = word;
  i32[entry + 1] = i32[word];
  i32[entry + 2] = word + 1;
  i32[entry + 3] = i32[word + 1];
  i32[this.#log] = length + 2;
  this.#length = length + 2;
  i32[word] = low;
  i32[word + 1] = high;`
const ODD = `
  // SYNC: "odd before the first store, even after the last"
  memory.openVersion(version, i32[version] | 1);
  }
  /** Commits`
const COMMIT = `
  i32[this.#log] = 0;
  this.#length = 0;
  if (this.#extents !== 0)
  this.#useExtents(0);
  }
  if (this.unsettled)
  this.pages.settle();
  if ((this.#dirtyLow | this.#dirtyHigh) !== 0)
  this.#cleanStripes();
  memory.closeVersion(version, (i32[version] + 1) & ~1);
  this.depth = 0;
  this.#lock.release();
  if (this.#undoables.length !== 0)`
const REPAIR = `
  memory.openVersion(version, i32[version] | 1);
  const log = segment.areaOf(slot) / 4 + L_LENGTH;
  const length = i32[log];
  if (length !== 0) {
  this.#undo(log, length >>> 0, 0);
  i32[log] = 0;
  }`

export const BREAKS = {
  'data-before-entry': [
    edit(
      ARENA,
      PUT_ENTRY,
      `
        const old = i32[word];
        i32[word] = value;
        i32[entry] = word;
        i32[entry + 1] = old;
        i32[this.#log] = length + 1;
        this.#length = length + 1;`,
    ),
    edit(
      ARENA,
      PUT2_ENTRY,
      `
        const old = i32[word];
        const old1 = i32[word + 1];
        i32[word] = low;
        i32[word + 1] = high;
        i32[entry] = word;
        i32[entry + 1] = old;
        i32[entry + 2] = word + 1;
        i32[entry + 3] = old1;
        i32[this.#log] = length + 2;
        this.#length = length + 2;`,
    ),
  ],
  'data-before-length': [
    edit(
      ARENA,
      PUT_ENTRY,
      `
        i32[entry] = word;
        i32[entry + 1] = i32[word];
        i32[word] = value;
        i32[this.#log] = length + 1;
        this.#length = length + 1;`,
    ),
    edit(
      ARENA,
      PUT2_ENTRY,
      `
        i32[entry] = word;
        i32[entry + 1] = i32[word];
        i32[entry + 2] = word + 1;
        i32[entry + 3] = i32[word + 1];
        i32[word] = low;
        i32[word + 1] = high;
        i32[this.#log] = length + 2;
        this.#length = length + 2;`,
    ),
  ],
  'length-before-entry': [
    edit(
      ARENA,
      PUT_ENTRY,
      `
        i32[this.#log] = length + 1;
        i32[entry] = word;
        i32[entry + 1] = i32[word];
        this.#length = length + 1;
        i32[word] = value;`,
    ),
    edit(
      ARENA,
      PUT2_ENTRY,
      `
        i32[this.#log] = length + 2;
        i32[entry] = word;
        i32[entry + 1] = i32[word];
        i32[entry + 2] = word + 1;
        i32[entry + 3] = i32[word + 1];
        this.#length = length + 2;
        i32[word] = low;
        i32[word + 1] = high;`,
    ),
  ],
  'version-not-odd': [
    edit(
      ARENA,
      ODD,
      `
    }
    /** Commits`,
    ),
  ],
  'version-odd-before-lock': [
    edit(
      ARENA,
      ODD,
      `
    }
    /** Commits`,
    ),
    edit(
      ARENA,
      'if (memory.compareExchange(this.#lockWord, 0, this.#token) !== 0) {',
      `
        memory.openVersion(version, i32[version] | 1);
        if (memory.compareExchange(this.#lockWord, 0, this.#token) !== 0) {`,
    ),
  ],
  'version-even-before-commit': [
    edit(
      ARENA,
      COMMIT,
      `
            this.#cleanStripes();
            memory.closeVersion(version, (i32[version] + 1) & ~1);
            i32[this.#log] = 0;
            this.#length = 0;
            if (this.#extents !== 0)
                this.#useExtents(0);
        }
        this.pages.settle();
        this.depth = 0;
        this.#lock.release();
        if (this.#undoables.length !== 0)`,
    ),
  ],
  'unlock-before-commit': [
    edit(
      ARENA,
      COMMIT,
      `
            this.#cleanStripes();
            memory.closeVersion(version, (i32[version] + 1) & ~1);
            this.#lock.release();
            i32[this.#log] = 0;
            this.#length = 0;
            if (this.#extents !== 0)
                this.#useExtents(0);
        }
        this.pages.settle();
        this.depth = 0;
        if (this.#undoables.length !== 0)`,
    ),
  ],
  'reuse-in-transaction': [
    edit(ARENA, 'this.#deferred[this.#deferredCount++] = pointer;', 'this.pages.release([pointer], 1);'),
  ],
  'recycled-block-unlogged': [
    edit(
      'blocks/allocator.js',
      'arena.put(bitmap + word, bits | lowest);',
      `
        i32[bitmap + word] = bits | lowest;`,
    ),
  ],
  'index-unlogged': [
    edit(
      'map/buckets.js',
      `if (i32[slot + 1] === 0) {
  arena.put2(slot, hash, entry);`,
      `if (i32[slot + 1] === 0) {
                        i32[slot] = hash;
                        i32[slot + 1] = entry;`,
    ),
  ],
  'free-generation-unlogged': [
    edit(
      'blocks/allocator.js',
      'arena.put(header, (arena.i32[header] + 1) | 0);',
      `
        arena.i32[header] = (arena.i32[header] + 1) | 0;`,
    ),
  ],
  'undo-forwards': [
    edit(
      ARENA,
      `let extent = starts.length - 1;
  for (let i = Math.min(from, start) - 1; i >= to; i--) {
  while (i < starts[extent])
  extent--;`,
      `
        let extent = 0;
        for (let i = to; i < Math.min(from, start); i++) {
            while (extent + 1 < starts.length && i >= starts[extent + 1])
                extent++;`,
    ),
  ],
  'repair-version-first': [
    edit(
      ARENA,
      REPAIR,
      `
            memory.closeVersion(version, (i32[version] + 1) & ~1);
            const log = segment.areaOf(slot) / 4 + L_LENGTH;
            const length = i32[log];
            if (length !== 0) {
                this.#undo(log, length >>> 0, 0);
                i32[log] = 0;
            }`,
    ),
  ],
  'repair-length-first': [
    edit(
      ARENA,
      REPAIR,
      `
            memory.openVersion(version, i32[version] | 1);
            const log = segment.areaOf(slot) / 4 + L_LENGTH;
            const length = i32[log];
            if (length !== 0) {
                i32[log] = 0;
                this.#undo(log, length >>> 0, 0);
            }`,
    ),
  ],
  // Beyond the fourteen of the prototype: orders that only this heap can get wrong.
  'stripes-even-before-commit': [
    edit(
      ARENA,
      COMMIT,
      `
            this.#cleanStripes();
            i32[this.#log] = 0;
            this.#length = 0;
            if (this.#extents !== 0)
                this.#useExtents(0);
        }
        this.pages.settle();
        memory.closeVersion(version, (i32[version] + 1) & ~1);
        this.depth = 0;
        this.#lock.release();
        if (this.#undoables.length !== 0)`,
    ),
  ],
  'overwritten-text-unlogged': [
    edit(
      'values/overwrite.js',
      `if (i32[word] !== four)
  arena.put(word, four);`,
      `
            i32[word] = four;`,
    ),
  ],
  'overwritten-generation-unlogged': [
    edit(
      'values/overwrite.js',
      'arena.put(o, (i32[o] + 2) | 0);',
      `
        i32[o] = (i32[o] + 2) | 0;`,
    ),
  ],
  'emptied-pages-unlogged': [edit('blocks/allocator.js', 'this.#keepForUndo(page, size);', '')],
  'extent-named-late': [
    edit(
      ARENA,
      `this.i32[this.#log + L_EXTENTS + this.#extents] = page;
  this.#useExtents(this.#extents + 1);`,
      `
        this.#entries = this.#pageWord(page) - (this.#limit << 1);
        this.#limit += extentEntries(this.#extents);
        this.#extents++;`,
    ),
  ],
}
