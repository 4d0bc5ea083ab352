import type { Emulation } from "./emulation.ts";

const HEAD = `# The embedded cloud

\`npm start\` runs Slipway's own handlers and workflows against stand-ins of the AWS services that they use. This page is
made from the stand-ins' code by \`npm run docs\`: what each of them does as AWS does, what it does not do, and where the two
knowingly differ.

What is not emulated is refused, mostly with 501, under the operation's name. What is emulated is held against AWS's
documentation by the tables in \`tests/differential/\`, a row for each request with its source. \`tests/contract/\` fails
when an update of the SDK brings or takes operations.

`;

/** Text in a table's cell: one line, and no bar of its own. */
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

const row = (...cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |\n`;

const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(", ");

/** The operations of a client package: what it exports as commands. */
const operationsOf = async (client: string): Promise<string[]> =>
  Object.keys((await import(client)) as object)
    .filter((name) => name.endsWith("Command") && !name.startsWith("$"))
    .map((name) => name.slice(0, -"Command".length))
    .sort();

const rowsOf = async ({ service, client, operations, otherwise = "501", differences }: Emulation): Promise<string> => {
  const all = client === undefined ? [] : await operationsOf(client);
  const unknown = operations.filter((name) => client !== undefined && !all.includes(name));
  if (unknown.length > 0) throw new Error(`${service} has no operations ${unknown.join(", ")}`);
  const missing = all.filter((name) => !operations.includes(name));
  return [
    operations.length > 0 ? row(service, "emulated", code([...operations].sort()), "as on AWS") : "",
    missing.length > 0 ? row(service, "not emulated", code(missing), otherwise) : "",
    ...differences.map((difference) => row(service, difference.of, difference.aws, difference.here)),
  ].join("");
};

/** docs/EMBEDDED-CLOUD.md. @throws Error for an operation that the service's client does not have */
export const emulationDocument = async (emulations: readonly Emulation[]): Promise<string> => {
  const rows = await Promise.all(emulations.map(rowsOf));
  return `${HEAD}| service | what | on AWS | here |\n|---|---|---|---|\n${rows.join("")}`;
};
