import { isDeepStrictEqual } from "node:util";
import { ownMember } from "../shared/json.ts";
import type { Fleet, FleetComponent, FleetDeployment, FleetNode, FleetRelease } from "./fleet-file.ts";

/** One thing to do, in the words of the file. */
export type Step = {
  /** `impossible`: the API has no way to do this, or it is not said how. */
  readonly do: "create" | "update" | "delete" | "impossible";
  readonly name: string;
  /** For people: what of it changes, or why it cannot. */
  readonly changes: readonly string[];
} & (
  | { readonly what: "group"; readonly description?: string | undefined }
  | { readonly what: "node"; readonly node?: NewNode; readonly description?: string | undefined }
  | { readonly what: "group deployment" | "node deployment"; readonly patch: Readonly<Record<string, unknown>> }
  | { readonly what: "membership"; readonly add: readonly string[]; readonly remove: readonly string[] }
  | { readonly what: "release"; readonly release?: FleetRelease; readonly id?: string; readonly terms?: ReleaseTerms }
);

/** What can be changed of a release that is there, besides who gets it. */
const TERMS = ["minimumVersion", "rollout", "pauseAbove", "notBefore", "allowDowngrade"] as const;
export type ReleaseTerms = {
  readonly [Term in (typeof TERMS)[number]]?: Exclude<FleetRelease[Term], undefined>;
};

/** A deployment as it is there. */
export type ActualDeployment = FleetDeployment & {
  readonly components: NonNullable<FleetDeployment["components"]>;
  readonly priority: number;
  readonly autoUpdate: boolean;
};

/** A node as it is to be made. */
interface NewNode {
  readonly description?: string | undefined;
  readonly groups: string[];
  readonly runtime: NonNullable<FleetNode["runtime"]>;
  readonly attributes: Record<string, string>;
}

/** A node as it is there. */
export interface ActualNode extends NewNode {
  readonly deployment?: ActualDeployment | undefined;
}

export interface ActualGroup {
  readonly description?: string | undefined;
  readonly deployment?: ActualDeployment | undefined;
}

const EMPTY: ActualDeployment = { components: {}, priority: 0, autoUpdate: false };

const wish = (component: FleetComponent) => (typeof component === "string" ? { version: component } : component);

const shown = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

const componentText = (name: string, before: { version: string } | undefined, after: { version: string }): string => {
  if (before === undefined) return `add ${name} ${after.version}`;
  return before.version === after.version ? `${name} reconfigured` : `${name} ${before.version} → ${after.version}`;
};

/** The patch that makes one deployment the other, and what it changes in words; undefined when they are the same. */
export const deploymentPatch = (
  before: ActualDeployment,
  after: FleetDeployment,
): { patch: Record<string, unknown>; changes: string[] } | undefined => {
  const components: Record<string, unknown> = {};
  const changes: string[] = [];
  const declared = after.components ?? before.components;
  for (const [name, component] of Object.entries(declared)) {
    const former = ownMember(before.components, name);
    if (former !== undefined && isDeepStrictEqual(wish(former), wish(component))) continue;
    components[name] = wish(component);
    changes.push(componentText(name, former === undefined ? undefined : wish(former), wish(component)));
  }
  for (const name of Object.keys(before.components)) {
    if (Object.hasOwn(declared, name)) continue;
    components[name] = null;
    changes.push(`remove ${name}`);
  }
  const settings = (["priority", "autoUpdate", "policies", "rollout"] as const).filter(
    (name) => after[name] !== undefined && !isDeepStrictEqual(before[name] ?? null, after[name]),
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
  before: ActualDeployment | undefined,
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

const groupSteps = (declared: NonNullable<Fleet["groups"]>, actual: Actual["groups"]): Step[] =>
  Object.entries(declared).flatMap(([name, group]): Step[] => {
    const there = ownMember(actual, name);
    const made: Step[] = Object.hasOwn(actual, name)
      ? described("group", name, there?.description, group?.description)
      : [{ do: "create", what: "group", name, description: group?.description, changes: [] }];
    return [...made, ...deploymentStep("group", name, there?.deployment, group?.deployment)];
  });

const sorted = (names: readonly string[]): string[] => [...names].sort();

/** What a node was created with and keeps. */
const fixedOf = (before: ActualNode, after: FleetNode): string[] => [
  ...(after.runtime === undefined || before.runtime === after.runtime
    ? []
    : [`the runtime is ${before.runtime}, not ${after.runtime}`]),
  ...(after.attributes === undefined || isDeepStrictEqual(before.attributes, after.attributes)
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

const nodeSteps = (
  declared: NonNullable<Fleet["nodes"]>,
  actual: Actual["nodes"],
  isGroup: (name: string) => boolean,
): Step[] =>
  Object.entries(declared).flatMap(([name, given]): Step[] => {
    const node: FleetNode = given ?? {};
    const there = ownMember(actual, name);
    const groups = node.groups ?? there?.groups ?? [];
    const unknown = groups.filter((group) => !isGroup(group));
    if (unknown.length > 0) {
      const changes = unknown.map((group) => `there will be no group ${group}: declare it`);
      return [{ do: "impossible", what: "node", name, changes }];
    }
    const own = deploymentStep("node", name, there?.deployment, node.deployment);
    if (there === undefined) {
      const changes = groups.length === 0 ? [] : [`in ${groups.join(", ")}`];
      const { runtime = "nucleus", attributes = {}, description } = node;
      const made = { groups, runtime, attributes, ...(description !== undefined && { description }) };
      return [{ do: "create", what: "node", name, node: made, changes }, ...own];
    }
    const fixed = fixedOf(there, node);
    const impossible: Step[] =
      fixed.length === 0
        ? []
        : [{ do: "impossible", what: "node", name, changes: [...fixed, "delete the node, and it is made anew"] }];
    const moved = membershipSteps(name, there.groups, groups);
    return [...impossible, ...described("node", name, there.description, node.description), ...moved, ...own];
  });

const releaseName = ({ app, environment, version }: FleetRelease): string => `${app} ${version} for ${environment}`;

/** What tells releases of one name apart: the devices that they are for. */
const FOR = ["attributes", "cpuArch", "hardware"] as const;

const sameRelease = (a: FleetRelease, b: FleetRelease): boolean =>
  releaseName(a) === releaseName(b) && FOR.every((list) => isDeepStrictEqual(sorted(a[list]), sorted(b[list])));

/** A release as it is there, with its id. One that was withdrawn is no device's any more. */
export type ActualRelease = FleetRelease & { readonly id: string; readonly withdrawn?: true };

/** The terms that are declared and differ; those that are not said stay as they are. */
const termsStep = (name: string, before: ActualRelease, after: FleetRelease): Step[] => {
  const differing = TERMS.filter((term) => after[term] !== undefined && after[term] !== before[term]);
  if (differing.length === 0) return [];
  const terms = Object.fromEntries(differing.map((term) => [term, after[term]])) as ReleaseTerms;
  const changes = differing.map((term) => `${term} ${shown(before[term] ?? "none")} → ${shown(after[term])}`);
  return [{ do: "update", what: "release", name, id: before.id, terms, changes }];
};

const releaseSteps = (declared: readonly FleetRelease[], actual: readonly ActualRelease[]): Step[] =>
  declared.flatMap((release): Step[] => {
    const same = actual.filter((one) => sameRelease(one, release));
    const name = releaseName(release);
    const equal = same.filter(({ sha256 }) => release.sha256 === undefined || sha256 === release.sha256);
    const offered = equal.find(({ withdrawn }) => withdrawn === undefined);
    if (offered !== undefined) return termsStep(name, offered, release);
    const [withdrawn] = equal;
    if (withdrawn !== undefined) {
      const changes = [`it was withdrawn: take it out of the file, or slipway release publish ${withdrawn.id}`];
      return [{ do: "impossible", what: "release", name, changes }];
    }
    if (same.some((one) => one.withdrawn === undefined)) {
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
  readonly groups: Readonly<Record<string, ActualGroup>>;
  readonly nodes: Readonly<Record<string, ActualNode>>;
  readonly releases: readonly ActualRelease[];
}

const missing = (declared: object | undefined, actual: object): string[] =>
  declared === undefined ? [] : Object.keys(actual).filter((name) => !Object.hasOwn(declared, name));

/**
 * What makes a workspace what is declared, in the order in which it can be done.
 * @param prune whether what is there and not declared goes, in those parts that are declared
 */
export const fleetSteps = (declared: Fleet, actual: Actual, prune: boolean): Step[] => {
  const goes = prune ? missing(declared.groups, actual.groups) : [];
  const leaving = prune ? missing(declared.nodes, actual.nodes) : [];
  const isGroup = (name: string) =>
    Object.hasOwn(declared.groups ?? {}, name) || (Object.hasOwn(actual.groups, name) && !goes.includes(name));
  /** Nodes of a group that the file says nothing of, which are no one's to move; of others it is told where they are declared. */
  const keptIn = (group: string): string[] =>
    Object.entries(actual.nodes).flatMap(([name, { groups }]) =>
      groups.includes(group) && !leaving.includes(name) && !Object.hasOwn(declared.nodes ?? {}, name) ? [name] : [],
    );
  const steps = [
    ...groupSteps(declared.groups ?? {}, actual.groups),
    ...nodeSteps(declared.nodes ?? {}, actual.nodes, isGroup),
    ...releaseSteps(declared.releases ?? [], actual.releases),
  ];
  const surplus = actual.releases.filter(
    (one) =>
      one.withdrawn === undefined &&
      declared.releases !== undefined &&
      !declared.releases.some((release) => sameRelease(one, release)),
  );
  const gone: Step[] = !prune
    ? []
    : [
        ...leaving.map((name): Step => ({ do: "delete", what: "node", name, changes: [] })),
        ...goes.map((name): Step => {
          const left = keptIn(name);
          if (left.length === 0) return { do: "delete", what: "group", name, changes: [] };
          const more = left.length > 3 ? ` and ${left.length - 3} more` : "";
          const changes = [`${left.slice(0, 3).join(", ")}${more} would stay in it: say where they go, or delete them`];
          return { do: "impossible", what: "group", name, changes };
        }),
        ...surplus.map(
          (one): Step => ({ do: "delete", what: "release", name: releaseName(one), id: one.id, changes: [] }),
        ),
      ];
  const order = ["group", "node", "membership", "group deployment", "node deployment", "release"];
  return [...steps.sort((a, b) => order.indexOf(a.what) - order.indexOf(b.what)), ...gone];
};
