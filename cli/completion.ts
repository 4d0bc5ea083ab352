import type { Command } from "commander";
import { CliError } from "./failures.ts";
import { print } from "./output.ts";

interface Known {
  /** Words of the command, such as `node list`; empty for slipway itself. */
  readonly path: string;
  /** The path with the last word in each of its forms: `node`, `nodes`. */
  readonly typed: readonly string[];
  readonly words: readonly (readonly [word: string, description: string])[];
}

/** What may follow each command: its commands, and its options. */
const known = (command: Command, path: readonly string[] = []): Known[] => [
  {
    path: path.join(" "),
    typed: [command.name(), ...command.aliases()].map((last) => [...path.slice(0, -1), last].join(" ")),
    words: [
      ...command.commands.map((inner): [string, string] => [inner.name(), inner.description()]),
      ...command.options.map((option): [string, string] => [option.long ?? option.flags, option.description]),
    ],
  },
  ...command.commands.flatMap((inner) => known(inner, [...path, inner.name()])),
];

/** The cases of a shell's `case "$before $word"` that lead to each command. */
const cases = (all: readonly Known[], variable: string): string =>
  all
    .filter(({ path }) => path !== "")
    .map(({ path, typed }) => {
      const patterns = typed.map((one) => quoted(one.includes(" ") ? one : ` ${one}`));
      return `      ${patterns.join("|")}) ${variable}=${quoted(path)} ;;`;
    })
    .join("\n");

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const bash = (
  all: readonly Known[],
): string => `# slipway completion bash > ~/.local/share/bash-completion/completions/slipway
_slipway() {
  local word path="" words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${cases(all, "path")}
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
  local word at=""
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
${cases(all, "at")}
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
  const aliases = all
    .filter(({ path, typed }) => !path.includes(" ") && typed.length > 1)
    .map(
      ({ path, typed }) => `      case ${typed.slice(1).map(quoted).join(" ")}\n        set given[1] ${quoted(path)}`,
    );
  return `# slipway completion fish > ~/.config/fish/completions/slipway.fish
function __slipway_at
  set -l words (commandline -opc | string match -v -- '-*')
  set -l given $words[2..-1]
  if test (count $given) -gt 0
    switch $given[1]
${aliases.join("\n")}
    end
  end
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
