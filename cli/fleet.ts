import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { CliError } from "./failures.ts";

/** A component as a deployment names it: a requirement alone, or with configuration. */
const Component = z.union([
  z.string().min(1),
  z.strictObject({
    version: z.string().min(1),
    merge: z.record(z.string(), z.unknown()).optional(),
    reset: z.array(z.string()).optional(),
    runWith: z.record(z.string(), z.unknown()).optional(),
  }),
]);

const Deployment = z.strictObject({
  components: z.record(z.string(), Component).default({}),
  priority: z.int().min(0).default(0),
  autoUpdate: z.boolean().default(false),
  policies: z.record(z.string(), z.unknown()).optional(),
  rollout: z.record(z.string(), z.unknown()).optional(),
});

const Release = z.strictObject({
  app: z.string(),
  environment: z.string(),
  version: z.string(),
  attributes: z.array(z.string()).default([]),
  file: z.string().optional(),
  sha256: z.string().optional(),
});

/** What a file declares. A part that is not there is left as it is, and so is a description that is not said. */
export const Fleet = z.strictObject({
  workspace: z.string().optional(),
  groups: z
    .record(
      z.string(),
      z.strictObject({ description: z.string().optional(), deployment: Deployment.optional() }).nullable(),
    )
    .optional(),
  nodes: z
    .record(
      z.string(),
      z
        .strictObject({
          description: z.string().optional(),
          groups: z.array(z.string()).default([]),
          runtime: z.enum(["nucleus", "nucleus-lite"]).default("nucleus"),
          attributes: z.record(z.string(), z.string()).default({}),
          deployment: Deployment.optional(),
        })
        .nullable(),
    )
    .optional(),
  releases: z.array(Release).optional(),
});
export type Fleet = z.infer<typeof Fleet>;
export type FleetDeployment = z.infer<typeof Deployment>;
export type FleetRelease = z.infer<typeof Release>;
type FleetNode = NonNullable<NonNullable<Fleet["nodes"]>[string]>;

/** @param text of the file, parsed. @throws CliError that says where it is wrong */
export const fleetOf = (parsed: unknown, file: string): Fleet => {
  const result = Fleet.safeParse(parsed ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new CliError("usage", `${file}: ${issue?.path.join(".") || "the whole"}: ${issue?.message}`);
};

/** One thing to do, in the words of the file. */
export type Step = {
  /** `impossible`: the API has no way to do this, or it is not said how. */
  readonly do: "create" | "update" | "delete" | "impossible";
  readonly name: string;
  /** For people: what of it changes, or why it cannot. */
  readonly changes: readonly string[];
} & (
  | { readonly what: "group"; readonly description?: string | undefined }
  | { readonly what: "node"; readonly node?: FleetNode; readonly description?: string | undefined }
  | { readonly what: "group deployment" | "node deployment"; readonly patch: Readonly<Record<string, unknown>> }
  | { readonly what: "membership"; readonly add: readonly string[]; readonly remove: readonly string[] }
  | { readonly what: "release"; readonly release?: FleetRelease; readonly id?: string }
);

const EMPTY: FleetDeployment = { components: {}, priority: 0, autoUpdate: false };

const wish = (component: z.infer<typeof Component>) =>
  typeof component === "string" ? { version: component } : component;

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

const componentText = (name: string, before: { version: string } | undefined, after: { version: string }): string => {
  if (before === undefined) return `add ${name} ${after.version}`;
  return before.version === after.version ? `${name} reconfigured` : `${name} ${before.version} → ${after.version}`;
};

/** The patch that makes one deployment the other, and what it changes in words; undefined when they are the same. */
export const deploymentPatch = (
  before: FleetDeployment,
  after: FleetDeployment,
): { patch: Record<string, unknown>; changes: string[] } | undefined => {
  const components: Record<string, unknown> = {};
  const changes: string[] = [];
  for (const [name, component] of Object.entries(after.components)) {
    const former = before.components[name];
    if (former !== undefined && isDeepStrictEqual(wish(former), wish(component))) continue;
    components[name] = wish(component);
    changes.push(componentText(name, former === undefined ? undefined : wish(former), wish(component)));
  }
  for (const name of Object.keys(before.components)) {
    if (name in after.components) continue;
    components[name] = null;
    changes.push(`remove ${name}`);
  }
  const settings = (["priority", "autoUpdate", "policies", "rollout"] as const).filter(
    (name) => !isDeepStrictEqual(before[name], after[name]),
  );
  for (const name of settings)
    changes.push(`${name} ${shown(before[name] ?? "none")} → ${shown(after[name] ?? "none")}`);
  if (changes.length === 0) return undefined;
  const patch = {
    ...(Object.keys(components).length > 0 && { components }),
    ...Object.fromEntries(settings.map((name) => [name, after[name] ?? null])),
  };
  return { patch, changes };
};

const deploymentStep = (
  type: "group" | "node",
  name: string,
  before: FleetDeployment | undefined,
  after: FleetDeployment | undefined,
): Step[] => {
  const found = after === undefined ? undefined : deploymentPatch(before ?? EMPTY, after);
  return found === undefined ? [] : [{ do: "update", what: `${type} deployment`, name, ...found }];
};

const described = (
  what: "group" | "node",
  name: string,
  before: string | undefined,
  after: string | undefined,
): Step[] =>
  after === undefined || after === before
    ? []
    : [
        {
          do: "update",
          what,
          name,
          description: after,
          changes: [`description ${shown(before ?? "none")} → ${shown(after)}`],
        },
      ];

const groupSteps = (declared: NonNullable<Fleet["groups"]>, actual: NonNullable<Fleet["groups"]>): Step[] =>
  Object.entries(declared).flatMap(([name, group]): Step[] => {
    const there = actual[name];
    const made: Step[] =
      name in actual
        ? described("group", name, there?.description, group?.description)
        : [{ do: "create", what: "group", name, description: group?.description, changes: [] }];
    return [...made, ...deploymentStep("group", name, there?.deployment, group?.deployment)];
  });

const sorted = (names: readonly string[]): string[] => [...names].sort();

/** What a node was created with and keeps. */
const fixedOf = (before: FleetNode, after: FleetNode): string[] => [
  ...(before.runtime === after.runtime ? [] : [`the runtime is ${before.runtime}, not ${after.runtime}`]),
  ...(isDeepStrictEqual(before.attributes, after.attributes)
    ? []
    : [`attributes are ${shown(before.attributes)}, not ${shown(after.attributes)}`]),
];

const membershipSteps = (name: string, before: readonly string[], after: readonly string[]): Step[] => {
  const add = after.filter((group) => !before.includes(group));
  const remove = before.filter((group) => !after.includes(group));
  if (add.length + remove.length === 0) return [];
  const changes = [...add.map((group) => `into ${group}`), ...remove.map((group) => `out of ${group}`)];
  return [{ do: "update", what: "membership", name, add, remove, changes }];
};

const PLAIN: FleetNode = { groups: [], runtime: "nucleus", attributes: {} };

const nodeSteps = (declared: NonNullable<Fleet["nodes"]>, actual: NonNullable<Fleet["nodes"]>): Step[] =>
  Object.entries(declared).flatMap(([name, given]): Step[] => {
    const node = given ?? PLAIN;
    const there = name in actual ? (actual[name] ?? PLAIN) : undefined;
    const own = deploymentStep("node", name, there?.deployment, node.deployment);
    if (there === undefined) {
      const changes = node.groups.length === 0 ? [] : [`in ${node.groups.join(", ")}`];
      return [{ do: "create", what: "node", name, node, changes }, ...own];
    }
    const fixed = fixedOf(there, node);
    const impossible: Step[] =
      fixed.length === 0
        ? []
        : [{ do: "impossible", what: "node", name, changes: [...fixed, "delete the node, and it is made anew"] }];
    const moved = membershipSteps(name, there.groups, node.groups);
    return [...impossible, ...described("node", name, there.description, node.description), ...moved, ...own];
  });

const releaseName = ({ app, environment, version }: FleetRelease): string => `${app} ${version} for ${environment}`;

const sameRelease = (a: FleetRelease, b: FleetRelease): boolean =>
  releaseName(a) === releaseName(b) && isDeepStrictEqual(sorted(a.attributes), sorted(b.attributes));

/** A release as it is there, with its id. */
export type ActualRelease = FleetRelease & { readonly id: string };

const releaseSteps = (declared: readonly FleetRelease[], actual: readonly ActualRelease[]): Step[] =>
  declared.flatMap((release): Step[] => {
    const same = actual.filter((one) => sameRelease(one, release));
    const name = releaseName(release);
    if (same.some(({ sha256 }) => release.sha256 === undefined || sha256 === release.sha256)) return [];
    if (same.length > 0) {
      const changes = ["it is published with other content: give what is new another version"];
      return [{ do: "impossible", what: "release", name, changes }];
    }
    if (release.file === undefined) {
      return [{ do: "impossible", what: "release", name, changes: ["it is not there, and no file is given for it"] }];
    }
    return [{ do: "create", what: "release", name, release, changes: [release.file] }];
  });

/** A fleet as it is. */
export interface Actual {
  readonly groups: NonNullable<Fleet["groups"]>;
  readonly nodes: NonNullable<Fleet["nodes"]>;
  readonly releases: readonly ActualRelease[];
}

const missing = (declared: object | undefined, actual: object): string[] =>
  declared === undefined ? [] : Object.keys(actual).filter((name) => !(name in declared));

/**
 * What makes a workspace what is declared, in the order in which it can be done.
 * @param prune whether what is there and not declared goes, in those parts that are declared
 */
export const fleetSteps = (declared: Fleet, actual: Actual, prune: boolean): Step[] => {
  const steps = [
    ...groupSteps(declared.groups ?? {}, actual.groups),
    ...nodeSteps(declared.nodes ?? {}, actual.nodes),
    ...releaseSteps(declared.releases ?? [], actual.releases),
  ];
  const surplus = actual.releases.filter(
    (one) => declared.releases !== undefined && !declared.releases.some((release) => sameRelease(one, release)),
  );
  const gone: Step[] = !prune
    ? []
    : [
        ...missing(declared.nodes, actual.nodes).map(
          (name): Step => ({ do: "delete", what: "node", name, changes: [] }),
        ),
        ...missing(declared.groups, actual.groups).map(
          (name): Step => ({ do: "delete", what: "group", name, changes: [] }),
        ),
        ...surplus.map(
          (one): Step => ({ do: "delete", what: "release", name: releaseName(one), id: one.id, changes: [] }),
        ),
      ];
  const order = ["group", "node", "membership", "group deployment", "node deployment", "release"];
  return [...steps.sort((a, b) => order.indexOf(a.what) - order.indexOf(b.what)), ...gone];
};
