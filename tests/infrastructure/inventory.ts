import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Inputs, STAGES, type Synthesis } from "./stages.ts";

/** Everything of all stages by a stable key. Where stages differ, a value is `{ "by stage": { dev: …, … } }`. */
export type Inventory = Readonly<Record<string, Inputs>>;

const FILE = join(import.meta.dirname, "../../stacks/inventory.json");
const BY_STAGE = "by stage";

type Entry<T> = readonly [name: string, value: T];

const isObject = (value: unknown): value is Inputs =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const sorted = <T>(entries: readonly Entry<T>[]): Readonly<Record<string, T>> =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

/** With the stage's name as `{stage}`, members in order, and JSON that is text as what it says. */
const normalised = (value: unknown, stage: string): unknown => {
  if (typeof value === "string") {
    if (/^(\{["}]|\[["{\]])/.test(value)) return normalised(JSON.parse(value), stage);
    return value.replace(new RegExp(`(?<![a-z0-9])${stage}(?![a-z0-9])`, "g"), "{stage}");
  }
  if (Array.isArray(value)) return value.map((item) => normalised(item, stage));
  if (!isObject(value)) return value;
  return sorted(
    Object.entries(value).map(
      ([name, inner]): Entry<unknown> => [String(normalised(name, stage)), normalised(inner, stage)],
    ),
  );
};

/** `aws:lambda/function:Function` as `lambda.Function`. */
const shortType = (type: string): string => type.replace(/^aws:(\w+)\/.*:(\w+)$/, "$1.$2");

const ofStage = ({ stage, app, resources, outputs }: Synthesis): Inventory => {
  const entries = resources.map(
    ({ type, name, inputs, retained }): Entry<Inputs> => [
      `${shortType(type)} ${normalised(name, stage)}`,
      normalised({ ...inputs, ...(retained && { "kept when it leaves the stage": true }) }, stage) as Inputs,
    ],
  );
  const twice = entries.find(([key], index) => entries.findIndex(([other]) => other === key) !== index);
  if (twice) throw new Error(`two resources of ${stage} are ${twice[0]}`);
  const told = normalised({ "(app)": app, "(outputs)": outputs }, stage) as Inventory;
  return { ...Object.fromEntries(entries), ...told };
};

const merged = (byStage: readonly Entry<unknown>[]): unknown => {
  const texts = new Set(byStage.map(([, value]) => JSON.stringify(value)));
  if (texts.size === 1) return byStage[0]?.[1];
  if (byStage.every(([, value]) => isObject(value))) {
    const names = new Set(byStage.flatMap(([, value]) => Object.keys(value as Inputs)));
    return sorted(
      [...names].map(
        (name): Entry<unknown> => [
          name,
          merged(byStage.map(([stage, value]): Entry<unknown> => [stage, (value as Inputs)[name]])),
        ],
      ),
    );
  }
  return { [BY_STAGE]: Object.fromEntries(byStage.filter(([, value]) => value !== undefined)) };
};

/** One inventory of some stages. Equal for equal declarations, in whatever order resources were made. */
export const inventoryOf = (stages: readonly Synthesis[]): Inventory => {
  const each = stages.map((synthesis): Entry<Inventory> => [synthesis.stage, ofStage(synthesis)]);
  const keys = new Set(each.flatMap(([, inventory]) => Object.keys(inventory)));
  return sorted(
    [...keys].map(
      (key): Entry<Inputs> => [
        key,
        merged(each.map(([stage, inventory]): Entry<unknown> => [stage, inventory[key]])) as Inputs,
      ],
    ),
  );
};

const short = (value: unknown): string => {
  const told = JSON.stringify(value);
  return told.length <= 300 ? told : `${told.slice(0, 300)}…`;
};

/** A list's items by what they are called, so that one more is told as one more. */
const keyed = (items: readonly unknown[]): Inputs => {
  const nameOf = (item: unknown): string => {
    const { Sid, id, name } = isObject(item) ? item : {};
    return String(Sid ?? id ?? name ?? JSON.stringify(item));
  };
  return Object.fromEntries(items.map((item) => [nameOf(item), item]));
};

const isByStage = (value: unknown): value is { [BY_STAGE]: Inputs } => isObject(value) && BY_STAGE in value;

const differences = (path: string, before: unknown, after: unknown): string[] => {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (isByStage(before) || isByStage(after)) {
    const of = (value: unknown, stage: string) => (isByStage(value) ? value[BY_STAGE][stage] : value);
    return STAGES.flatMap((stage) => differences(`${path} (${stage})`, of(before, stage), of(after, stage)));
  }
  if (before === undefined) return [`${path}: now ${short(after)}`];
  if (after === undefined) return [`${path}: no longer, was ${short(before)}`];
  if (Array.isArray(before) && Array.isArray(after)) return differences(path, keyed(before), keyed(after));
  if (isObject(before) && isObject(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].sort().flatMap((name) => differences(`${path}.${name}`, before[name], after[name]));
  }
  return [`${path}: ${short(before)} → ${short(after)}`];
};

/** What becomes of the cloud, a line for each change: `+` and `-` whole resources, `~` what is changed in one. */
export const changes = (before: Inventory, after: Inventory): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].sort().flatMap((key) => {
    const [old, now] = [before[key], after[key]];
    if (old === undefined) return [`+ ${key}`];
    if (now === undefined) return [`- ${key}`];
    return differences("", old, now).map((line) => `~ ${key}${line}`);
  });

const WIDTH = 120;

/** JSON with everything on one line that has room there. */
const printed = (value: unknown, indent: string, room: number): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const members = Array.isArray(value)
    ? value.map((item): [string, unknown] => ["", item])
    : Object.entries(value).map(([name, inner]): [string, unknown] => [`${JSON.stringify(name)}: `, inner]);
  const pad = Array.isArray(value) || members.length === 0 ? "" : " ";
  const flat = (inner: unknown) => printed(inner, "", Number.POSITIVE_INFINITY);
  const line = `${open}${pad}${members.map(([name, inner]) => name + flat(inner)).join(", ")}${pad}${close}`;
  if (line.length <= room) return line;
  const deeper = `${indent}  `;
  const lines = members.map(
    ([name, inner], index) =>
      deeper +
      name +
      printed(inner, deeper, WIDTH - deeper.length - name.length - (index < members.length - 1 ? 1 : 0)),
  );
  return `${open}\n${lines.join(",\n")}\n${indent}${close}`;
};

export const writeInventory = (inventory: Inventory): void => writeFileSync(FILE, `${printed(inventory, "", 0)}\n`);

/** The committed inventory. */
export const readInventory = (): Inventory => JSON.parse(readFileSync(FILE, "utf8")) as Inventory;
