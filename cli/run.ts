import type { Input, Intent, ListName, Schemas, Slipway } from "../client/index.ts";
import type { CommonOptions } from "./commands.ts";
import { type Connection, connect, type WaitOptions, waited } from "./connect.ts";
import { CliError } from "./failures.ts";
import { fieldsFrom, structured } from "./input.ts";
import { interrupted } from "./interrupted.ts";
import { commandName, namingField, type Operation, pathNames } from "./operations.ts";
import { details, print, printDone, shade, styled, tablePrinter } from "./output.ts";

type Options = CommonOptions & WaitOptions & { readonly limit?: number } & Readonly<Record<string, unknown>>;
type Value = Readonly<Record<string, unknown>>;

/** What people look at first in each list; other lists show what they have. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  listNodes: ["name", "status", "runtime", "connection.connected", "id", "createdAt"],
  listIntents: ["id", "kind", "subject.name", "status", "createdAt"],
  listDeployments: ["target.type", "target.name", "revision", "priority", "components", "updatedAt"],
  listComponentVersions: ["version", "status", "catalogueNumber", "id", "createdAt"],
  listReleases: ["id", "app", "environment", "version", "status", "size", "createdAt"],
  listMembers: ["id", "subject", "role", "invitedBy", "createdAt"],
  listInvitations: ["id", "role", "subject", "createdBy", "expiresAt"],
  listCredentials: ["id", "name", "role", "scopes", "createdBy", "expiresAt", "lastUsedAt"],
  listEvents: ["time", "type", "subject", "data.kind", "data.name", "data.problem.code"],
  listAudit: ["at", "actor", "operation", "object.type", "object.name", "object.id", "intent"],
  listNodeImports: ["id", "status", "format", "counts.rows", "counts.created", "counts.failed", "createdAt"],
};

/** What stands for the names in a path: arguments in their order, the workspace from where it was chosen. */
const pathInput = ({ path }: Operation, args: string[], { workspace }: Connection): Record<string, string> => {
  const rest = [...args];
  return Object.fromEntries(
    pathNames(path).map((name) => {
      if (name !== "workspace") return [name, rest.shift() ?? ""];
      return [name, path.endsWith("{workspace}") ? (rest.shift() ?? workspace()) : workspace()];
    }),
  );
};

const bodyInput = async (operation: Operation, args: readonly string[], options: Options): Promise<unknown> => {
  const { body: fields } = operation;
  if (fields === undefined) return undefined;
  const naming = namingField(operation);
  const whole = typeof options.body === "string" ? await structured(options.body, "--body") : {};
  if (typeof whole !== "object" || whole === null) throw new CliError("usage", "--body must be an object");
  return {
    ...whole,
    ...(await fieldsFrom(
      fields.filter((field) => field !== naming),
      options,
    )),
    ...(naming !== undefined && { [naming.name]: args.at(-1) }),
  };
};

/** Prints a list as it comes, a page at a time. @param limit so many at most */
export const printList = async (
  { slipway }: Connection,
  name: ListName,
  input: Value,
  options: { readonly json?: true; readonly limit?: number },
): Promise<void> => {
  const { limit = Number.POSITIVE_INFINITY } = options;
  const printRows = tablePrinter(COLUMNS[name]);
  let left = limit;
  const pages = slipway.pages(name, { ...input, limit: Math.min(100, limit), signal: interrupted.signal } as never);
  for await (const page of pages as AsyncIterable<{ items: Value[] }>) {
    const items = page.items.slice(0, left);
    if (options.json) await print(items.map((item) => `${JSON.stringify(item)}\n`).join(""));
    else await printRows(items);
    left -= items.length;
    if (left <= 0) return;
  }
};

export const printOne = async (value: unknown, { json }: { readonly json?: true }): Promise<void> => {
  await print(json ? `${JSON.stringify(value)}\n` : details(value as Value));
};

/** All pages of a diff as one. @param limit so many changes at most */
const wholeDiff = async (
  { slipway }: Connection,
  input: Input<"getComponentVersionDiff">,
  { limit = Number.POSITIVE_INFINITY }: { readonly limit?: number },
): Promise<Schemas["ComponentVersionDiff"] | undefined> => {
  let whole: Schemas["ComponentVersionDiff"] | undefined;
  const pages = slipway.pages("getComponentVersionDiff", {
    ...input,
    limit: Math.min(100, limit),
    signal: interrupted.signal,
  });
  for await (const { nextCursor: _next, ...page } of pages) {
    whole ??= { ...page, recipe: [], files: [] };
    whole.recipe.push(...page.recipe.slice(0, limit - whole.recipe.length));
    whole.files.push(...page.files.slice(0, limit - whole.recipe.length - whole.files.length));
    if (whole.recipe.length + whole.files.length >= limit) break;
  }
  return whole;
};

/** What is done for any operation: its input from arguments and options, the call, the wait, the answer. */
export const runOperation = async (operation: Operation, args: string[], options: Options): Promise<void> => {
  const connection = connect(options);
  const { slipway } = connection;
  const input = { ...pathInput(operation, args, connection), ...(await fieldsFrom(operation.query, options)) };
  if (operation.operation === "getComponentVersionDiff") {
    return printOne(await wholeDiff(connection, input as never, options), options);
  }
  if (operation.query.some(({ name }) => name === "cursor")) {
    return printList(connection, operation.operation as ListName, input, options);
  }
  const body = await bodyInput(operation, args, options);
  const { data, headers } = await slipway.call(operation.operation, {
    ...input,
    ...(body !== undefined && { body }),
    ...(operation.ifMatch !== undefined && { ifMatch: options.ifMatch ?? "*" }),
    ...(options.idempotencyKey !== undefined && { idempotencyKey: options.idempotencyKey }),
    signal: interrupted.signal,
  } as never);
  if (operation.status === 202) return printIntent(slipway, data as unknown as Intent, options);
  if (operation.status === 204) {
    const [what = "", done = ""] = commandName(operation.operation) ?? [];
    const { workspace: _chosen, ...names } = pathInput(operation, args, connection);
    return printDone(done, what, names, options);
  }
  // For --if-match: nothing else of the answer's headers is of use here.
  const etag = headers.get("etag");
  await printOne(data === undefined || etag === null ? data : { ...(data as Value), etag }, options);
};

/**
 * Waits for an accepted intent as options say, and prints how it stands. What is shown once, such as a token, is in the first
 * answer alone: people see it before the wait, and programs get it as one object with the rest, or alone if the wait fails.
 */
export const printIntent = async (slipway: Slipway, accepted: Intent, options: WaitOptions): Promise<void> => {
  const besides = Object.entries(accepted).filter(([name]) => !INTENT.includes(name));
  if (!options.json) await print(details(Object.fromEntries(besides)));
  const ended = await waited(slipway, accepted, options).catch(async (error: unknown) => {
    if (options.json && besides.length > 0) await printOne(accepted, options);
    throw error;
  });
  if (options.json) return printOne({ ...accepted, ...ended }, options);
  const { kind, subject, status, id } = ended;
  await print(`${shade("status", status)}  ${kind} ${subject.name}  ${styled("dim", id)}\n`);
};

const INTENT: readonly string[] = [
  ...["id", "kind", "status", "workspaceId", "subject", "attempt"],
  ...["createdAt", "updatedAt", "finishedAt", "problem"],
];
