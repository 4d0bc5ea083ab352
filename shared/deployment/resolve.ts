import { createHash } from "node:crypto";
import rcompare from "semver/functions/rcompare.js";
import satisfies from "semver/functions/satisfies.js";
import { ownMember } from "../json.ts";
import type { KeptComponent, StoredDeployment } from "./deployment.ts";

/** A deployment that reaches a cell, as the resolver sees it. */
export interface Layer {
  readonly target: string;
  readonly kind: "node-group" | "node";
  readonly priority: number;
  /** With each component the number up to which it sees published versions. */
  readonly components: Readonly<Record<string, KeptComponent>>;
}

/** A stored deployment as a layer. */
export const layerOf = ({ target, priority, components }: StoredDeployment): Layer => ({
  target: target.id,
  kind: target.type,
  priority,
  components,
});

/** A published version and its number in the order of publication. */
export interface PublishedVersion {
  readonly version: string;
  readonly catalogueNumber: number;
}

export interface ResolvedComponent {
  readonly version: string;
  readonly merge?: Readonly<Record<string, unknown>>;
  readonly reset?: readonly string[];
  /** The targets that asked, by precedence, highest first; the first one decided where they disagreed. */
  readonly targets: readonly string[];
}

export interface EffectiveSet {
  readonly components: Readonly<Record<string, ResolvedComponent>>;
  /** Components for which targets of equal precedence disagree: delivered all the same, shown until someone decides. */
  readonly ambiguous: readonly string[];
  /** Components for which no published version satisfies the requirement that decides. */
  readonly unresolved: readonly { readonly component: string; readonly requirement: string; readonly target: string }[];
}

/** Highest precedence first: node before group, then the higher priority, then the older target. Total. */
const byPrecedence = (a: Layer, b: Layer): number => {
  if (a.kind !== b.kind) return a.kind === "node" ? -1 : 1;
  if (a.priority !== b.priority) return b.priority - a.priority;
  return a.target < b.target ? -1 : 1; // ids sort by creation
};

/** RFC 7396, with a null kept: it is Greengrass, on the device, that removes the key. */
const mergePatch = (base: unknown, patch: unknown): unknown => {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(base) ? { ...base } : {};
  for (const [key, value] of Object.entries(patch)) merged[key] = mergePatch(ownMember(merged, key), value);
  return merged;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const highest = (versions: readonly string[]): string | undefined => [...versions].sort(rcompare)[0];

/** The versions that a requirement sees and takes. */
const acceptable = (wanted: KeptComponent, published: readonly PublishedVersion[]): string[] =>
  published
    .filter(({ catalogueNumber }) => catalogueNumber <= wanted.catalogue)
    .map(({ version }) => version)
    .filter((version) => satisfies(version, wanted.version));

/**
 * What every node of a cell must run: one exact version per component, however many deployments reach it. If some
 * version satisfies all of them, the highest such; otherwise the requirement of highest precedence decides, and each one
 * after it is met as far as those before it leave room. Pure and total: the order of `layers` and of `published` does not
 * matter.
 */
export const resolve = (
  layers: readonly Layer[],
  published: Readonly<Record<string, readonly PublishedVersion[]>>,
): EffectiveSet => {
  const ordered = [...layers].sort(byPrecedence);
  const components: Record<string, ResolvedComponent> = {};
  const ambiguous: string[] = [];
  const unresolved: { component: string; requirement: string; target: string }[] = [];
  const names = [...new Set(ordered.flatMap((layer) => Object.keys(layer.components)))].sort();

  for (const component of names) {
    const wishes = ordered.flatMap((layer) => {
      const wanted = ownMember(layer.components, component);
      return wanted === undefined ? [] : [{ layer, wanted }];
    });
    const [first] = wishes;
    if (first === undefined) continue;
    const versions = ownMember(published, component) ?? [];
    let candidates = acceptable(first.wanted, versions);
    const losers: Layer[] = [];
    for (const { layer, wanted } of wishes.slice(1)) {
      const narrowed = acceptable(wanted, versions).filter((version) => candidates.includes(version));
      if (narrowed.length > 0) candidates = narrowed;
      else losers.push(layer);
    }
    const version = highest(candidates);
    if (version === undefined) {
      unresolved.push({ component, requirement: first.wanted.version, target: first.layer.target });
      continue;
    }
    if (losers.some((layer) => samePrecedence(layer, first.layer))) ambiguous.push(component);
    const lowestFirst = [...wishes].reverse();
    const merges = lowestFirst.flatMap(({ wanted }) => (wanted.merge === undefined ? [] : [wanted.merge]));
    const reset = [...new Set(wishes.flatMap(({ wanted }) => wanted.reset ?? []))].sort();
    components[component] = {
      version,
      ...(merges.length > 0 && { merge: merges.reduce<Record<string, unknown>>(mergeObjects, {}) }),
      ...(reset.length > 0 && { reset }),
      targets: wishes.map(({ layer }) => layer.target),
    };
  }
  return { components, ambiguous, unresolved };
};

const mergeObjects = (base: Record<string, unknown>, patch: Readonly<Record<string, unknown>>) => {
  const merged = mergePatch(base, patch);
  return isObject(merged) ? merged : base;
};

const samePrecedence = (a: Layer, b: Layer): boolean => a.kind === b.kind && a.priority === b.priority;

/** What `CreateDeployment` takes as `components`. */
export type DeploymentContent = Readonly<
  Record<
    string,
    {
      readonly componentVersion: string;
      readonly configurationUpdate?: { readonly merge?: string; readonly reset?: string[] };
    }
  >
>;

/**
 * What of a deployment fits into the 31 KB that Greengrass sends to a group's devices in one document: larger ones reach
 * only devices that say they can fetch them.
 * https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html
 */
export const MAX_DOCUMENT_BYTES = 30 * 1_024;

/** The Greengrass form of an effective set; equal sets give equal bytes. */
export const deploymentContent = (set: EffectiveSet): DeploymentContent =>
  Object.fromEntries(
    Object.entries(set.components)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { version, merge, reset }]) => [
        name,
        {
          componentVersion: version,
          ...((merge !== undefined || reset !== undefined) && {
            configurationUpdate: {
              ...(merge !== undefined && { merge: JSON.stringify(sortKeys(merge)) }),
              ...(reset !== undefined && { reset: [...reset] }),
            },
          }),
        },
      ]),
  );

const sortKeys = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sortKeys(value[key])]),
  );
};

/** Identity of a cell's content: a new Greengrass revision is made only when it differs from what was delivered. */
export const contentHash = (content: DeploymentContent): string =>
  createHash("sha256").update(JSON.stringify(content)).digest("hex");
