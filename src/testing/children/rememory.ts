// testing: a Memlane process that uses an object of memlane/rememory. Arguments: what to do, a name, and more.

import { RMDict, RMInt, RMList, RMLock, RMString } from '../../interop/rememory/index.js'

const [what = '', name = '', ...rest] = process.argv.slice(2)
const many = Number(rest[0] ?? 0)

switch (what) {
  case 'hold': {
    RMLock.open(name).acquire()
    console.log('holding')
    setInterval(() => {}, 1000)
    break
  }
  case 'count': {
    // Adds one so many times, to a dict's value, with the lock of another name around it, and to an integer.
    const dict = RMDict.open<string, number>(name)
    const int = RMInt.open(`${name}-int`)
    const lock = RMLock.open(`${name}-lock`)
    console.log('ready')
    process.stdin.once('data', () => {
      for (let i = 0; i < many; i++) {
        lock.run(() => dict.update('n', (n = 0) => n + 1))
        lock.run(() => int.add(1n))
      }
      console.log('done')
      process.stdin.destroy()
    })
    break
  }
  case 'change': {
    // Writes values that are right or wrong as a whole, for ever: the length of the text says what its letters are.
    const dict = RMDict.open<string, { size: number; text: string }>(name)
    console.log('changing')
    for (let i = 0; ; i++) {
      const size = (i * 37) % 300
      dict.set(`key${i % 5}`, { size, text: String.fromCharCode(97 + (size % 26)).repeat(size) })
    }
  }
  case 'self-test': {
    // The package's own tests, with the lock of the very object around two accesses, which is a deadlock in Python.
    const pid = String(process.pid)
    const dict = RMDict.open<string, { start: boolean; end: boolean }>(`${name}-dict`)
    dict.set(pid, { start: true, end: false })
    const list = RMList.open<string>(`${name}-list`)
    list.push('start')
    console.log('started')
    process.stdin.once('data', () => {
      dict.update(pid, (mine) => ({ ...mine!, end: true }))
      list.push('end')
      using intLock = RMLock.open(`${name}-int`)
      using int = RMInt.open(`${name}-int`, { type: 'int32' })
      intLock.run(() => int.set(int.get() + 1))
      using textLock = RMLock.open(`${name}-text`)
      using text = RMString.open(`${name}-text`, { size: 128 })
      textLock.run(() => text.set(`${text.get()}|rememory`))
      console.log('ended')
      process.stdin.destroy()
    })
    break
  }
}
