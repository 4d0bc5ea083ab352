import type { Update } from "./merge.ts";

/** An update that a deployment made, and when that was created. */
export interface DatedUpdate extends Update {
  readonly target: string;
  /** Milliseconds. */
  readonly at: number;
}

type Tree = Record<string, unknown>;

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value);

/** RFC 7396. */
const mergePatch = (base: unknown, patch: unknown): unknown => {
  if (!isTree(patch)) return patch;
  const merged: Tree = isTree(base) ? { ...base } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(Object.hasOwn(merged, key) ? merged[key] : undefined, value);
  }
  return merged;
};

/** The parts of a JSON pointer, RFC 6901. */
const partsOf = (pointer: string): string[] =>
  pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

const isIndex = (value: unknown, part: string): value is unknown[] =>
  Array.isArray(value) && /^(0|[1-9]\d*)$/.test(part);

/** What a JSON pointer points to; undefined for nothing. */
export const valueAt = (value: unknown, pointer: string): unknown => {
  let found = value;
  for (const part of partsOf(pointer)) {
    if (isIndex(found, part)) found = found[Number(part)];
    else if (isTree(found) && Object.hasOwn(found, part)) found = found[part];
    else return undefined;
  }
  return found;
};

/** Puts a value where the parts lead, or takes away what is there. Lists are values: nothing within one is changed. */
const withValue = (base: unknown, [part, ...rest]: readonly string[], value: unknown): unknown => {
  if (part === undefined) return value;
  if (!isTree(base)) return value === undefined || Array.isArray(base) ? base : withValue({}, [part, ...rest], value);
  const inner = withValue(Object.hasOwn(base, part) ? base[part] : undefined, rest, value);
  const { [part]: _before, ...others } = base;
  return inner === undefined ? others : { ...others, [part]: inner };
};

/** Whether one update comes before another: by creation, and by target where that is the same. */
const before = (a: DatedUpdate, b: DatedUpdate): number => a.at - b.at || (a.target < b.target ? -1 : 1);

/**
 * A component's configuration: the recipe's defaults, and over them each deployment's update in the order in which the
 * deployments were created, however they came. An update resets first, to the default or to nothing, and merges then.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/update-component-configurations.html
 */
export const configurationOf = (defaults: unknown, updates: readonly DatedUpdate[]): unknown =>
  [...updates].sort(before).reduce<unknown>((value, { reset = [], merge }) => {
    const cleared = reset.reduce<unknown>(
      (kept, pointer) => withValue(kept, partsOf(pointer), valueAt(defaults, pointer)) ?? {},
      value,
    );
    return merge === undefined ? cleared : mergePatch(cleared, merge);
  }, defaults ?? {});

const sameUpdate = (a: DatedUpdate, b: DatedUpdate): boolean =>
  a.target === b.target && JSON.stringify([a.reset, a.merge]) === JSON.stringify([b.reset, b.merge]);

/**
 * Keeps an update with those before it. An equal one of the same target that is older adds nothing to it, nor does what is
 * older than a reset of everything.
 */
export const withUpdate = (updates: readonly DatedUpdate[], update: DatedUpdate): DatedUpdate[] => {
  const all = [...updates.filter((known) => !(known.target === update.target && known.at === update.at)), update];
  return all
    .filter((one) => !all.some((other) => other !== one && sameUpdate(one, other) && other.at > one.at))
    .filter((one) => !all.some((other) => other.at > one.at && other.reset?.includes("") === true));
};
