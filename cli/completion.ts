import type { Command } from "commander";
import { CliError } from "./failures.ts";
import { print } from "./output.ts";

interface Known {
  /** Words of the command, such as `node list`; empty for slipway itself. */
  readonly path: string;
  readonly words: readonly (readonly [word: string, description: string])[];
}

/** What may follow each command: its commands, and its options. */
const known = (command: Command, path: readonly string[] = []): Known[] => [
  {
    path: path.join(" "),
    words: [
      ...command.commands.map((inner): [string, string] => [inner.name(), inner.description()]),
      ...command.options.map((option): [string, string] => [option.long ?? option.flags, option.description]),
    ],
  },
  ...command.commands.flatMap((inner) => known(inner, [...path, inner.name()])),
];

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const bash = (
  all: readonly Known[],
): string => `# slipway completion bash > ~/.local/share/bash-completion/completions/slipway
_slipway() {
  local word path="" words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${all
  .filter(({ path }) => path !== "")
  .map(({ path }) => `      ${quoted(path.includes(" ") ? path : ` ${path}`)}) path=${quoted(path)} ;;`)
  .join("\n")}
    esac
  done
  case "$path" in
${all.map(({ path, words }) => `    ${quoted(path)}) words=${quoted(words.map(([word]) => word).join(" "))} ;;`).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  if [ "\${#COMPREPLY[@]}" = 0 ]; then COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")); fi
}
complete -F _slipway slipway
`;

const zsh = (all: readonly Known[]): string => `#compdef slipway
# slipway completion zsh > "\${fpath[1]}/_slipway"
_slipway() {
  local word at="" -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
${all
  .filter(({ path }) => path !== "")
  .map(({ path }) => `      ${quoted(path.includes(" ") ? path : ` ${path}`)}) at=${quoted(path)} ;;`)
  .join("\n")}
    esac
  done
  case "$at" in
${all
  .map(
    ({ path, words }) =>
      `    ${quoted(path)}) found=(${words.map(([word, told]) => quoted(`${word}:${told}`)).join(" ")}) ;;`,
  )
  .join("\n")}
  esac
  _describe 'slipway' found || _files
}
if [ "$funcstack[1]" = "_slipway" ]; then _slipway "$@"; else compdef _slipway slipway; fi
`;

const fish = (all: readonly Known[]): string => {
  const lines = all.flatMap(({ path, words }) =>
    words.map(([word, told]) => {
      const at = path === "" ? "__slipway_at" : `__slipway_at ${path}`;
      const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-f -a ${quoted(word)}`;
      return `complete -c slipway -n ${quoted(at)} ${what} -d ${quoted(told)}`;
    }),
  );
  return `# slipway completion fish > ~/.config/fish/completions/slipway.fish
function __slipway_at
  set -l words (commandline -opc | string match -v -- '-*')
  set -l given $words[2..-1]
  test (count $given) -ge (count $argv); or return 1
  if test (count $argv) -eq 0
    test (count $given) -eq 0
    return
  end
  test "$given[1..$(count $argv)]" = "$argv"; or return 1
  test (count $argv) -gt 1; or test (count $given) -eq 1
end
${lines.join("\n")}
`;
};

const SHELLS: Readonly<Record<string, (all: readonly Known[]) => string>> = { bash, zsh, fish };

/** Prints the script that completes commands and options in a shell. @throws CliError for another shell */
export const printCompletion = async (shell: string, program: Command): Promise<void> => {
  const script = SHELLS[shell];
  if (script === undefined)
    throw new CliError("usage", `there is no completion for ${shell}`, "Take bash, zsh or fish.");
  await print(script(known(program)));
};
