import { once } from "node:events";
import { stripVTControlCharacters, styleText } from "node:util";
import type { Failure } from "./failures.ts";

export type Style = Parameters<typeof styleText>[0];

/** Text in a colour, where the stream is a terminal and neither NO_COLOR nor TERM=dumb speaks against it. */
export const styled = (style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string =>
  process.env.TERM === "dumb" ? text : styleText(style, text, { stream });

let isRead = true;

/** From now on nothing is printed: who read it has gone. */
export const stopPrinting = (): void => {
  isRead = false;
};

/** Writes, and waits where the reader is slower: what is printed never piles up in memory. */
export const print = async (text: string): Promise<void> => {
  if (!isRead || process.stdout.write(text)) return;
  await once(process.stdout, "drain").catch((error: unknown) => {
    if (isRead) throw error;
  });
};

/** Names and other texts come from people: control characters among them are not for the terminal to obey. */
export const harmless = (text: string): string => stripVTControlCharacters(String(text)).replace(/\p{Cc}/gu, "\ufffd");

const GOOD = ["active", "succeeded", "published", "true"];
const BAD = ["failed", "revoked", "false"];
const UNDER_WAY = ["creating", "deleting", "requested", "running", "publishing", "revoking", "pending", "draft"];

/** A status in the colour of its kind. @param column its name */
export const shade = (column: string, text: string): string => {
  if (!/status|connected|publishable/.test(column)) return text;
  const word = text.trim();
  if (GOOD.includes(word)) return styled("green", text);
  if (BAD.includes(word)) return styled("red", text);
  if (UNDER_WAY.includes(word)) return styled("yellow", text);
  return text;
};

type Value = Readonly<Record<string, unknown>>;

/** `connection.connected` of an object. */
const at = (value: Value, path: string): unknown =>
  path.split(".").reduce<unknown>((inner, key) => (inner as Value | undefined)?.[key], value);

const textOf = (value: unknown): string => {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) return harmless(value.join(","));
  return harmless(typeof value === "object" ? JSON.stringify(value) : String(value));
};

const isPlain = (value: unknown): boolean => typeof value !== "object" || value === null;
/** Long, and the same on every line or of no use to people: they are in the JSON. */
const RARELY_READ = [
  "description",
  "sha256",
  "md5",
  "arn",
  "thing",
  "thingGroup",
  "bucket",
  "updatedAt",
  "workspaceId",
];

const columnsOf = (items: readonly Value[]): string[] => {
  const names = new Set(items.flatMap((item) => Object.keys(item).filter((name) => isPlain(item[name]))));
  const known = ["name", "version", "path", "id", "status"].filter((name) => names.has(name));
  return [...known, ...[...names].filter((name) => !known.includes(name) && !RARELY_READ.includes(name))].slice(0, 7);
};

const WIDEST = 60;

/** Prints rows as they come; widths are those of the first page. */
export const tablePrinter = (columns: readonly string[] | undefined) => {
  let layout: { name: string; width: number }[] | undefined;
  return async (items: readonly Value[]): Promise<void> => {
    if (items.length === 0) return;
    let text = "";
    if (layout === undefined) {
      layout = (columns ?? columnsOf(items)).map((name) => {
        const widest = Math.max(titleOf(name).length, ...items.map((item) => textOf(at(item, name)).length));
        return { name, width: Math.min(WIDEST, widest) };
      });
      text = `${styled(
        "bold",
        layout
          .map(({ name, width }) => titleOf(name).padEnd(width))
          .join("  ")
          .trimEnd(),
      )}\n`;
    }
    for (const item of items) {
      const cells = layout.map(({ name, width }) => shade(name, textOf(at(item, name)).padEnd(width)));
      text += `${cells.join("  ").trimEnd()}\n`;
    }
    await print(text);
  };
};

const titleOf = (column: string): string =>
  column
    .replace(/^.*\./, "")
    .replace(/([A-Z])/g, " $1")
    .toUpperCase();

/** An object for people: a line for each member, those within it indented. */
export const details = (value: Value, indent = ""): string => {
  const width = Math.max(0, ...Object.keys(value).map((key) => key.length));
  return Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => {
      const name = `${indent}${styled("dim", harmless(key).padEnd(width))}`;
      if (Array.isArray(member) && member.some((one) => !isPlain(one))) {
        return member.length === 0
          ? `${name}\n`
          : `${name}\n${member.map((one) => listed(one, `${indent}  `)).join("")}`;
      }
      if (typeof member === "object" && member !== null && !Array.isArray(member)) {
        return Object.keys(member).length === 0
          ? `${name}  {}\n`
          : `${name}\n${details(member as Value, `${indent}  `)}`;
      }
      return `${name}  ${shade(key, textOf(member))}\n`;
    })
    .join("");
};

const listed = (value: unknown, indent: string): string =>
  isPlain(value) ? `${indent}- ${textOf(value)}\n` : `${indent}-\n${details(value as Value, `${indent}  `)}`;

/** What a command did that has nothing else to print: an object for programs; people see that it ended well. */
export const printDone = async (
  done: string,
  what: string,
  names: Value,
  { json }: { readonly json?: true | undefined },
): Promise<void> => {
  if (json) await print(`${JSON.stringify({ done, what, ...names })}\n`);
};

/** Something that is told beside the result, and never in its way. */
export const note = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** A failure, for people or as JSON, on the standard error. */
export const printFailure = (failure: Failure, json: boolean): void => {
  if (json) {
    note(JSON.stringify({ error: failure }));
    return;
  }
  const lines = [
    `${styled("red", "slipway:", process.stderr)} ${harmless(failure.detail)}`,
    ...failure.errors
      .filter(({ detail }) => !failure.detail.endsWith(detail))
      .map(({ pointer, parameter, line, severity, detail, hint }) => {
        const place = [pointer ?? parameter, line === undefined ? undefined : `line ${line}`]
          .filter(Boolean)
          .join(", ");
        const kind = severity === "warning" ? "warning: " : "";
        return `  - ${place === "" ? "" : `${harmless(place)}: `}${kind}${harmless(detail)}${hint === undefined ? "" : ` (${harmless(hint)})`}`;
      }),
    ...(failure.next === undefined ? [] : [failure.next]),
    ...(failure.requestId === undefined || failure.exit !== "unavailable"
      ? []
      : [`The request's id is ${failure.requestId}.`]),
  ];
  note(lines.join("\n"));
};
