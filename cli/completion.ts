import type { Command } from "commander";
import type { CommonOptions } from "./commands.ts";
import { commandName, kebab, type Operation, readOperations } from "./operations.ts";
import { print } from "./output.ts";

interface Values {
  /** Such as `--role`. */
  readonly option: string;
  readonly choices: readonly string[];
  /** Whether several may be given with commas. */
  readonly isList: boolean;
}

interface Known {
  /** Words of the command, such as `node list`; empty for slipway itself. */
  readonly path: string;
  /** The path with the last word in each of its forms: `node`, `nodes`. */
  readonly typed: readonly string[];
  readonly words: readonly (readonly [word: string, description: string])[];
  /** What options take that take one of so many texts. */
  readonly values: readonly Values[];
}

/** Options that take the same as another, of which the document says all that it takes. */
const SAME: Readonly<Record<string, string>> = {
  "event list --type": "webhook create --events",
  "event tail --type": "webhook create --events",
};

/** What may be in a list, by command and option: `webhook create --events`. */
const lists = (operations: readonly Operation[]): ReadonlyMap<string, readonly string[]> =>
  new Map(
    operations.flatMap(({ operation, query, body = [] }) =>
      [...query, ...body].flatMap(({ name, type, choices }): [string, readonly string[]][] => {
        const command = commandName(operation)?.join(" ");
        if (command === undefined || type !== "strings" || choices === undefined) return [];
        // A bare star the shell would take for all of its files.
        return [[`${command} --${kebab(name)}`, choices.filter((choice) => choice !== "*")]];
      }),
    ),
  );

/** What may follow each command: its commands, its options, and what these take. */
const known = (
  command: Command,
  listed: ReadonlyMap<string, readonly string[]>,
  path: readonly string[] = [],
): Known[] => [
  {
    path: path.join(" "),
    typed: [command.name(), ...command.aliases()].map((last) => [...path.slice(0, -1), last].join(" ")),
    words: [
      ...command.commands.map((inner): [string, string] => [inner.name(), inner.description()]),
      ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
        argChoices.map((choice): [string, string] => [choice, description]),
      ),
      ...command.options.map((option): [string, string] => [option.long ?? option.flags, option.description]),
    ],
    values: command.options.flatMap(({ long, argChoices }): Values[] => {
      if (long == null) return [];
      if (argChoices !== undefined) return [{ option: long, choices: argChoices, isList: false }];
      const at = `${path.join(" ")} ${long}`;
      const choices = listed.get(SAME[at] ?? at);
      return choices === undefined ? [] : [{ option: long, choices, isList: true }];
    }),
  },
  ...command.commands.flatMap((inner) => known(inner, listed, [...path, inner.name()])),
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

/** The cases of a shell's `case "$path $option"` for options of which it is known what they take. */
const valueCases = (all: readonly Known[], command: (values: Values) => string): string =>
  all
    .flatMap(({ path, values }) =>
      values.map((one) => `    ${quoted(`${path} ${one.option}`.trim())}) ${command(one)} ;;`),
    )
    .join("\n");

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const bash = (
  all: readonly Known[],
): string => `# slipway completion bash > ~/.local/share/bash-completion/completions/slipway
_slipway_reply() {
  local word
  while IFS= read -r word; do COMPREPLY+=("$word"); done
}
_slipway() {
  local word path="" words="" values="" head=""
  local now="\${COMP_WORDS[COMP_CWORD]}" option="\${COMP_WORDS[COMP_CWORD-1]}"
  if [ "$now" = "=" ]; then now=""; elif [ "$option" = "=" ]; then option="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${cases(all, "path")}
    esac
  done
  case "$path" in
${all.map(({ path, words }) => `    ${quoted(path)}) words=${quoted(words.map(([word]) => word).join(" "))} ;;`).join("\n")}
  esac
  case "$path $option" in
${valueCases(all, ({ choices, isList }) => {
  const given = `values=${quoted(choices.join(" "))}`;
  return isList ? `${given}; case "$now" in *,*) head="\${now%,*},"; now="\${now##*,}" ;; esac` : given;
})}
  esac
  COMPREPLY=()
  if [ -n "$values" ]; then
    _slipway_reply < <(compgen -P "$head" -W "$values" -- "$now")
    return
  fi
  _slipway_reply < <(compgen -W "$words" -- "$now")
  if [ "\${#COMPREPLY[@]}" = 0 ]; then _slipway_reply < <(compgen -f -- "$now"); fi
}
complete -F _slipway slipway
`;

const zsh = (all: readonly Known[]): string => `#compdef slipway
# slipway completion zsh > "\${fpath[1]}/_slipway"
_slipway() {
  local word at="" option="\${words[CURRENT-1]}"
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
  if [[ "$PREFIX" == --*=* ]]; then option="\${PREFIX%%=*}"; compset -P "$option="; fi
  case "$at $option" in
${valueCases(all, ({ choices, isList }) => {
  const add = `compadd -- ${choices.map(quoted).join(" ")}; return`;
  return isList ? `compset -P '*,'; ${add}` : add;
})}
  esac
  _describe 'slipway' found || _files
}
if [ "$funcstack[1]" = "_slipway" ]; then _slipway "$@"; else compdef _slipway slipway; fi
`;

/** In quotes of their own, so that a star in them stays one. */
const fishValues = ({ choices, isList }: Values): string => {
  const all = choices.map((choice) => `"${choice}"`).join(" ");
  return isList ? `(__fish_append , ${all})` : all;
};

const fish = (all: readonly Known[]): string => {
  const lines = all.flatMap(({ path, words, values }) =>
    words.map(([word, told]) => {
      const at = path === "" ? "__slipway_at" : `__slipway_at ${path}`;
      const takes = values.find(({ option }) => option === word);
      const taken = takes === undefined ? "" : ` -x -a ${quoted(fishValues(takes))}`;
      const what = word.startsWith("--") ? `-l ${word.slice(2)}${taken}` : `-f -a ${quoted(word)}`;
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

const SHELLS = { bash, zsh, fish } as const;

/** Prints the script that completes commands, options and what these take in a shell. */
export const printCompletion = async (
  shell: keyof typeof SHELLS,
  program: Command,
  { json }: CommonOptions,
): Promise<void> => {
  const script = SHELLS[shell](known(program, lists(readOperations())));
  await print(json ? `${JSON.stringify({ shell, script })}\n` : script);
};
