// cli: memlane completion. A script that teaches a shell the commands, their options, and the names of segments.

import type { Command } from './command.js'
import { FINE, UsageError } from './failure.js'
import { print } from './terminal.js'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

/** Commands whose words are names of segments. */
const takesNames = ({ operands }: Command): boolean => operands.startsWith('NAME')

/** @param commands all of them, this one included. */
export function completionOf(commands: () => readonly Command[]): Command {
  return {
    name: 'completion',
    about: 'print a script that completes commands, options and names in a shell',
    operands: 'bash|zsh|fish',
    least: 1,
    most: 1,
    options: {},
    examples: [
      ['source <(memlane completion bash)', 'for this shell; in ~/.bashrc for all that come'],
      ['memlane completion zsh > ~/.zfunc/_memlane', 'where ~/.zfunc is in fpath'],
      ['memlane completion fish > ~/.config/fish/completions/memlane.fish', 'for fish'],
    ],
    notes: ['The script asks memlane list --names for the names when it is to complete one.'],
    exits: [
      [0, 'the script was printed'],
      [2, 'the command line was wrong'],
    ],
    run(call) {
      const shell = call.operands[0] as Shell
      if (!SHELLS.includes(shell)) throw new UsageError(`completion knows ${SHELLS.join(', ')}, not ${shell}`)
      print(SCRIPTS[shell](commands()))
      return FINE
    },
  }
}

const optionsOf = (command: Command): string[] => [...Object.keys(command.options), 'help'].map((name) => `--${name}`)

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Command[]) => string>> = {
  bash: (commands) => `# bash completion of memlane
_memlane() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${commands.map(({ name }) => name).join(' ')} help version"
  else
    case "$command" in
${commands
  .map(
    (one) =>
      `      ${one.name}) words="${one.name === 'completion' ? SHELLS.join(' ') : optionsOf(one).join(' ')}"${takesNames(one) ? '; case "$word" in -*) ;; *) words="$words $(memlane list --names 2>/dev/null)" ;; esac' : ''} ;;`,
  )
  .join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _memlane memlane`,
  zsh: (commands) => `#compdef memlane
_memlane() {
  local -a commands
  if (( CURRENT == 2 )); then
    commands=(${commands.map(({ name, about }) => quoted(`${name}:${about}`)).join(' ')})
    _describe command commands
    return
  fi
  case "$words[2]" in
${commands
  .map(
    (one) =>
      `    ${one.name}) compadd -- ${one.name === 'completion' ? SHELLS.join(' ') : optionsOf(one).join(' ')}${takesNames(one) ? ` \${(f)"$(memlane list --names 2>/dev/null)"}` : ''} ;;`,
  )
  .join('\n')}
  esac
}
compdef _memlane memlane`,
  fish: (commands) =>
    [
      '# fish completion of memlane',
      'complete -c memlane -f',
      ...commands.flatMap((one) => [
        `complete -c memlane -n __fish_use_subcommand -a ${one.name} -d ${quoted(one.about)}`,
        ...(takesNames(one)
          ? [`complete -c memlane -n '__fish_seen_subcommand_from ${one.name}' -a '(memlane list --names 2>/dev/null)'`]
          : []),
        ...(one.name === 'completion'
          ? [`complete -c memlane -n '__fish_seen_subcommand_from completion' -a '${SHELLS.join(' ')}'`]
          : []),
        ...Object.entries(one.options).map(
          ([name, { about, type }]) =>
            `complete -c memlane -n '__fish_seen_subcommand_from ${one.name}' -l ${name} ${type === 'string' ? '-x ' : ''}-d ${quoted(about)}`,
        ),
      ]),
    ].join('\n'),
}

/** For a shell: nothing in it means anything. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
