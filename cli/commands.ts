import { type Command, Option } from "commander";
import { count, duration } from "./input.ts";
import { commandName, type Field, kebab, namingField, type Operation, pathNames, plural } from "./operations.ts";

/** Options that every command takes. */
export interface CommonOptions {
  readonly json?: true;
  readonly context?: string;
  readonly api?: string;
  readonly workspace?: string;
}

export const withCommonOptions = (command: Command): Command =>
  command
    .addOption(new Option("--json", "JSON for programs: one object, or one on each line for a list").helpGroup(COMMON))
    .addOption(new Option("-w, --workspace <workspace>", "name or id (SLIPWAY_WORKSPACE)").helpGroup(COMMON))
    .addOption(new Option("--context <name>", "which server and login (SLIPWAY_CONTEXT)").helpGroup(COMMON))
    .addOption(new Option("--api <url>", "a server's address (SLIPWAY_API)").helpGroup(COMMON));

const COMMON = "Common options:";

export const withWaitOptions = (command: Command): Command =>
  command
    .option("--no-wait", "do not wait for the intent to end: print it as it was accepted")
    .addOption(timeoutOption());

export const timeoutOption = (): Option =>
  new Option("--timeout <duration>", "how long to wait, such as 90s or 10m")
    .argParser(duration)
    .default(900_000, "15m");

/** The command of a noun, made when it is first needed. */
export const nounCommand = (program: Command, noun: string): Command => {
  const known = program.commands.find((command) => command.name() === noun);
  if (known !== undefined) return known;
  const command = program.command(noun).alias(plural(noun)).helpGroup("Things:");
  command.helpCommand(false);
  return command;
};

const PLACEHOLDER = {
  string: "<text>",
  secret: "<@file|->",
  time: "<time>",
  integer: "<n>",
  number: "<n>",
  strings: "<a,b>",
  array: "<json>",
  object: "<json|@file>",
};

const optionsOf = (field: Field): Option[] => {
  const flag = `--${kebab(field.name)}`;
  const told = [
    field.description?.replace(/^null removes it$/, ""),
    field.default === undefined ? "" : defaultText(field),
  ];
  const description = told.filter(Boolean).join(" ");
  if (field.type === "boolean") return [new Option(flag, description), new Option(`--no-${kebab(field.name)}`)];
  const option = new Option(`${flag} ${PLACEHOLDER[field.type]}`, description);
  // Of lists the API says what may be in them: here they are completed.
  if (field.choices !== undefined && field.type === "string") option.choices(field.choices);
  return field.nullable ? [option, new Option(`--no-${kebab(field.name)}`, `remove the ${field.name}`)] : [option];
};

const defaultText = ({ default: value }: Field): string =>
  Array.isArray(value) && value.length === 0 ? "" : `(default ${JSON.stringify(value)})`;

/** Fields of a query that the command line sees to by itself. */
const PAGING: readonly string[] = ["limit", "cursor"];

/** Adds a command for an operation. What it does is loaded when it is run. */
const addOperation = (noun: Command, operation: Operation, verb: string): void => {
  const command = noun.command(verb).description(operation.summary);
  const naming = namingField(operation);
  const names = pathNames(operation.path);
  const ofWorkspace = names.at(-1) === "workspace" && operation.path.endsWith("{workspace}");
  for (const name of names.filter((name) => name !== "workspace")) command.argument(`<${kebab(name)}>`);
  if (ofWorkspace) command.argument("[workspace]", "name or id; the context's unless it is given");
  if (naming !== undefined) command.argument(`<${naming.name}>`, naming.description);
  for (const field of operation.query.filter(({ name }) => !PAGING.includes(name))) {
    for (const option of optionsOf(field)) command.addOption(option);
  }
  if (operation.query.some(({ name }) => name === "limit")) {
    command.addOption(new Option("--limit <n>", "so many at most").argParser(count));
  }
  for (const field of operation.body ?? []) {
    if (field !== naming) for (const option of optionsOf(field)) command.addOption(option);
  }
  if (operation.body !== undefined) {
    command.option("--body <json|@file>", "the whole body, or - for the standard input; options count more");
  }
  if (operation.ifMatch !== undefined) {
    command.option("--if-match <etag>", "only if it is still this revision (default: whatever it is)");
  }
  if (operation.takesKey) command.option("--idempotency-key <key>", "the same key again does nothing twice");
  if (operation.status === 202) withWaitOptions(command);
  withCommonOptions(command);
  command.action(async () => {
    const { runOperation } = await import("./run.ts");
    await runOperation(operation, command.args, command.opts());
  });
};

/** Adds a command for each operation of the document, and says of each noun what can be done with it. */
export const addOperations = (program: Command, operations: readonly Operation[]): void => {
  for (const operation of operations) {
    const [noun, verb] = commandName(operation.operation) ?? [];
    if (noun === undefined || verb === undefined) continue;
    addOperation(nounCommand(program, noun), operation, verb);
  }
  for (const command of program.commands.filter((command) => command.description() === "")) {
    command.description(command.commands.map((inner) => inner.name()).join(", "));
  }
};
