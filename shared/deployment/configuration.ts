import { ownMember } from "../json.ts";
import type { KeptComponent } from "./deployment.ts";
import type { Layer } from "./layers.ts";

/** One target's wish for one component. */
export interface Wish {
  readonly layer: Layer;
  readonly wanted: KeptComponent;
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** RFC 7396, with a null kept: it is Greengrass, on the device, that removes the key. */
const mergePatch = (base: unknown, patch: unknown): unknown => {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(base) ? { ...base } : {};
  for (const [key, value] of Object.entries(patch)) merged[key] = mergePatch(ownMember(merged, key), value);
  return merged;
};

/** How a component is configured and run once every wish for it is layered. */
export interface Configured {
  readonly merge?: Json;
  /** JSON pointers, sorted. */
  readonly reset?: readonly string[];
  readonly runWith?: NonNullable<KeptComponent["runWith"]>;
}

/**
 * The wishes' configuration as one: merge documents from the lowest precedence to the highest, reset paths united, and
 * run-with as a whole from the highest that says it.
 *
 * @param wishes by precedence, highest first
 */
export const configured = (wishes: readonly Wish[]): Configured => {
  const merges = wishes.flatMap(({ wanted }) => (wanted.merge === undefined ? [] : [wanted.merge])).reverse();
  const reset = [...new Set(wishes.flatMap(({ wanted }) => wanted.reset ?? []))].sort();
  const runWith = wishes.find(({ wanted }) => wanted.runWith !== undefined)?.wanted.runWith;
  return {
    ...(merges.length > 0 && { merge: merges.reduce<Json>((base, patch) => mergePatch(base, patch) as Json, {}) }),
    ...(reset.length > 0 && { reset }),
    ...(runWith !== undefined && { runWith }),
  };
};

/** A JSON pointer's token: RFC 6901, section 3. */
const escaped = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");

/**
 * Which target each value of the merged document comes from, by JSON pointer. An object has no entry of its own unless it
 * is empty.
 *
 * @param wishes by precedence, highest first
 */
export const configurationSources = (wishes: readonly Wish[]): Readonly<Record<string, string>> => {
  const sources = new Map<string, string>();
  const forgetBelow = (pointer: string): void => {
    for (const known of sources.keys()) if (known.startsWith(`${pointer}/`)) sources.delete(known);
  };
  const lay = (patch: Json, base: unknown, pointer: string, target: string): void => {
    const entries = Object.entries(patch);
    if (entries.length > 0) sources.delete(pointer);
    if (!isObject(base)) {
      forgetBelow(pointer);
      if (entries.length === 0 && pointer !== "") sources.set(pointer, target);
    }
    for (const [key, value] of entries) {
      const below = `${pointer}/${escaped(key)}`;
      if (isObject(value)) {
        lay(value, isObject(base) ? ownMember(base, key) : undefined, below, target);
        continue;
      }
      forgetBelow(below);
      sources.set(below, target);
    }
  };
  let merged: Json = {};
  for (const { layer, wanted } of [...wishes].reverse()) {
    if (wanted.merge === undefined) continue;
    lay(wanted.merge, merged, "", layer.target);
    merged = mergePatch(merged, wanted.merge) as Json;
  }
  return Object.fromEntries([...sources].sort(([a], [b]) => (a < b ? -1 : 1)));
};
