// cli: what --help shows.

import { type Command, HELP, type Option } from './command.js'
import { paint, print } from './terminal.js'

const head = (text: string): string => paint('bold', text)

export function printCommandHelp(command: Command): void {
  print(`memlane ${command.name}: ${command.about}`)
  print()
  print(`${head('Usage')}   memlane ${[command.name, '[options]', command.operands].join(' ').trimEnd()}`)
  print()
  print(head('Options'))
  printPairs(
    Object.entries({ ...command.options, help: HELP }).map(([name, option]) => [signature(name, option), option.about]),
  )
  for (const note of command.notes) {
    print()
    print(note)
  }
  print()
  print(head('Examples'))
  printPairs(command.examples)
  print()
  print(head('Exit codes'))
  printPairs(command.exits.map(([code, when]) => [String(code), when]))
}

export function printHelp(commands: readonly Command[]): void {
  print('memlane: see and mend shared memory from a terminal')
  print()
  print(`${head('Usage')}   memlane COMMAND [options]`)
  print()
  print(head('Commands'))
  printPairs(commands.map(({ name, operands, about }) => [`${name} ${operands}`.trimEnd(), about]))
  print()
  print(head('Examples'))
  printPairs(commands.flatMap(({ examples }) => examples.slice(0, 1)))
  print()
  print('memlane COMMAND --help shows options and examples of a command; memlane --version the version.')
  print('Exit codes: 0 fine, 1 a problem was found or the work could not be done, 2 the command line was wrong.')
}

function signature(name: string, { short, value }: Option): string {
  return `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`
}

function printPairs(pairs: readonly (readonly [string, string])[]): void {
  const width = Math.max(0, ...pairs.map(([left]) => left.length))
  for (const [left, right] of pairs) print(`  ${left.padEnd(width)}  ${right}`.trimEnd())
}
