import semver from "semver";

/**
 * How a core device merges deployments: a model that knows nothing of how Slipway resolves them. Written from the sources of
 * both runtimes: DeploymentManager and DependencyResolver of https://github.com/aws-greengrass/aws-greengrass-nucleus, and
 * ggdeploymentd of https://github.com/aws-greengrass/aws-greengrass-lite .
 */

type Json = Record<string, unknown>;

export interface WantedByDocument {
  readonly version: string;
  readonly merge?: Json;
  readonly reset?: readonly string[];
}

/** What a job carries to a device. */
export interface Document {
  readonly group: string;
  /** Of the group's deployment: later ones are higher. */
  readonly revision: number;
  readonly createdAt: number;
  readonly components: Readonly<Record<string, WantedByDocument>>;
}

/** What can be installed: component → version → what that depends on. */
export type Registry = ReadonlyMap<string, ReadonlyMap<string, Readonly<Record<string, string>>>>;

export interface Device {
  readonly runtime: "nucleus" | "nucleus-lite";
  /** The last document of each group, as it is on disk. */
  stored: Map<string, Document>;
  installed: Map<string, string>;
  configuration: Map<string, Json>;
}

export const newDevice = (runtime: Device["runtime"]): Device => ({
  runtime,
  stored: new Map(),
  installed: new Map(),
  configuration: new Map(),
});

export interface Outcome {
  readonly status: "SUCCEEDED" | "FAILED" | "REJECTED";
  readonly error?: string;
  /** The groups whose documents were put together. */
  readonly merged: readonly string[];
}

const NO_VERSION = "NO_AVAILABLE_COMPONENT_VERSION";

/** What the classic nucleus makes of requirements: ranges, intersected, and the highest version that fits. */
const resolveClassic = (roots: readonly Document[], registry: Registry): Map<string, string> | undefined => {
  const requirements = new Map<string, Map<string, string>>();
  const require = (component: string, by: string, requirement: string) => {
    const known = requirements.get(component) ?? new Map<string, string>();
    requirements.set(component, known.set(by, requirement));
  };
  for (const { group, components } of roots) {
    for (const [name, { version }] of Object.entries(components)) require(name, `group ${group}`, version);
  }
  const resolved = new Map<string, string>();
  const queue = [...requirements.keys()];
  for (let turn = 0; turn < 1_000; turn += 1) {
    const name = queue.shift();
    if (name === undefined) return resolved;
    const wanted = [...(requirements.get(name)?.values() ?? [])];
    const fitting = [...(registry.get(name)?.keys() ?? [])].filter((version) =>
      wanted.every((requirement) => semver.satisfies(version, requirement)),
    );
    const version = semver.maxSatisfying(fitting, "*", { includePrerelease: true });
    if (version === null) return undefined;
    if (resolved.get(name) === version) continue;
    resolved.set(name, version);
    for (const [dependency, requirement] of Object.entries(registry.get(name)?.get(version) ?? {})) {
      require(dependency, name, requirement);
      queue.push(dependency);
    }
  }
  throw new Error("the model of the nucleus goes in circles");
};

/** What lite makes of them: roots must say the very same, dependencies are ranges that are looked at after. */
const resolveLite = (roots: readonly Document[], registry: Registry): Map<string, string> | undefined => {
  const toResolve = new Map<string, string>();
  for (const { components } of roots) {
    for (const [name, { version }] of Object.entries(components)) {
      const known = toResolve.get(name);
      if (known !== undefined && known !== version) return undefined;
      toResolve.set(name, version);
    }
  }
  const resolved = new Map<string, string>();
  for (const [name, requirement] of toResolve) {
    const version = semver.maxSatisfying([...(registry.get(name)?.keys() ?? [])], requirement);
    if (version === null) return undefined;
    resolved.set(name, version);
    for (const [dependency, range] of Object.entries(registry.get(name)?.get(version) ?? {})) {
      if (dependency === "aws.greengrass.Nucleus" || dependency === "aws.greengrass.TokenExchangeService") continue;
      const already = resolved.get(dependency);
      if (already !== undefined && !semver.satisfies(already, range)) return undefined;
      if (already === undefined) {
        const before = toResolve.get(dependency);
        // A Map goes on to what is added or changed while it is gone through, as lite does with its list.
        toResolve.set(dependency, before === undefined ? range : `${before} ${range}`);
      }
    }
  }
  return resolved;
};

/** RFC 7396. */
const patch = (target: unknown, change: unknown): unknown => {
  if (typeof change !== "object" || change === null || Array.isArray(change)) return change;
  const result = new Map(typeof target === "object" && target !== null ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(change)) {
    if (value === null) result.delete(key);
    else result.set(key, patch(result.get(key), value));
  }
  return Object.fromEntries(result);
};

/** Configuration without what a top-level pointer names; "" is all of it. */
const without = (configuration: Json, pointer: string): Json => {
  if (pointer === "") return {};
  const { [pointer.slice(1)]: _, ...rest } = configuration;
  return rest;
};

/**
 * The device deals with a job. Roots are the document and, of the groups that the device is told it is in, the documents it
 * has of them.
 */
export const deploy = (device: Device, document: Document, groups: readonly string[], registry: Registry): Outcome => {
  const before = device.stored.get(document.group);
  if (before !== undefined && before.revision > document.revision)
    return { status: "REJECTED", error: "REJECTED_STALE_DEPLOYMENT", merged: [document.group] };
  const others = [...device.stored.values()].filter(({ group }) => group !== document.group && groups.includes(group));
  const roots = [document, ...others];
  const stored = new Map(roots.map((root) => [root.group, root]));
  const merged = roots.map(({ group }) => group);
  const lite = device.runtime === "nucleus-lite";
  const resolved = lite ? resolveLite(roots, registry) : resolveClassic(roots, registry);
  if (resolved === undefined) {
    if (lite) device.stored = stored; // and fails the next deployment too, while the groups are in force
    return { status: "FAILED", error: NO_VERSION, merged };
  }
  const configuration = new Map<string, Json>();
  for (const name of resolved.keys()) {
    let now = device.installed.has(name) ? (device.configuration.get(name) ?? {}) : {};
    for (const pointer of document.components[name]?.reset ?? []) now = without(now, pointer);
    for (const root of [...roots].sort((a, b) => a.createdAt - b.createdAt)) {
      const merge = root.components[name]?.merge;
      if (merge !== undefined) now = patch(now, merge) as Json;
    }
    configuration.set(name, now);
  }
  device.stored = stored;
  device.installed = resolved;
  device.configuration = configuration;
  return { status: "SUCCEEDED", merged };
};
