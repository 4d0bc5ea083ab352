import type { KeptComponent } from "../../shared/deployment/deployment.ts";
import type { FleetNode } from "../../shared/deployment/fleet.ts";
import type { Layer } from "../../shared/deployment/layers.ts";
import type { Published, VersionFacts } from "../../shared/deployment/versions.ts";

/*
 * The fleet of the benchmarks: each node is in a region, has a role and is on a ring of the rollout: three groups, of which
 * some more nodes have two or four. Each group's deployment has 50 of 200 components, half of them by range, and a fifth of
 * the components depend on one of AWS's. One node in a hundred has a deployment of its own that changes three components.
 */

/** A linear congruential generator: the same fleet each time. */
const randoms = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

const COMPONENTS = 200;
const PER_DEPLOYMENT = 50;
const GROUPS = { region: 20, role: 10, ring: 5 } as const;
const VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.1.0", "3.0.0"] as const;
const REQUIREMENTS = ["^1.0.0", "^2.0.0", "*", "1.1.0", "2.0.0", ">=1.1.0 <3.0.0"] as const;

export const published = (): Published => {
  const components: Record<string, readonly VersionFacts[]> = {};
  for (let at = 0; at < COMPONENTS; at += 1) {
    components[`com.example.component-${at}`] = VERSIONS.map((version, order) => ({
      version,
      catalogueNumber: at * VERSIONS.length + order,
      ...(at % 5 === 0 && {
        dependencies: { [`aws.greengrass.Public${at % 7}`]: { requirement: ">=1.0.0", type: "HARD" as const } },
      }),
    }));
  }
  for (let at = 0; at < 7; at += 1) {
    components[`aws.greengrass.Public${at}`] = VERSIONS.map((version) => ({ version, catalogueNumber: 0 }));
  }
  return components;
};

const wish = (random: (below: number) => number): readonly [string, KeptComponent] => [
  `com.example.component-${random(COMPONENTS)}`,
  {
    version: REQUIREMENTS[random(REQUIREMENTS.length)] ?? "*",
    catalogue: 1_000_000,
    ...(random(4) === 0 && { merge: { interval: random(60), endpoint: { host: `host-${random(9)}` } } }),
  },
];

const layerWith = (target: string, kind: Layer["kind"], count: number, random: (below: number) => number): Layer => {
  const components = new Map<string, KeptComponent>();
  while (components.size < count) components.set(...wish(random));
  return { target, kind, priority: random(3), components: Object.fromEntries(components) };
};

/** An id as the product makes them, of a number. */
const idOf = (prefix: string, number: number): string => `${prefix}_${String(number).padStart(20, "0")}`;

export const fleetOf = (size: number) => {
  const random = randoms(7);
  const layers = new Map<string, Layer>();
  const groups = Object.entries(GROUPS).map(([, count], kind) =>
    Array.from({ length: count }, (_, at) => idOf("grp", (kind + 1) * 100 + at)),
  );
  for (const target of groups.flat()) layers.set(target, layerWith(target, "node-group", PER_DEPLOYMENT, random));
  const nodes: FleetNode[] = [];
  for (let at = 0; at < size; at += 1) {
    const own = groups.map((list) => list[random(list.length)] ?? "");
    const kind = random(10);
    if (kind === 0) own.pop();
    if (kind === 1) own.push(groups[0]?.find((group) => !own.includes(group)) ?? "");
    const id = idOf("nod", at);
    const ownDeployment = at % 100 === 99;
    if (ownDeployment) layers.set(id, layerWith(id, "node", 3, random));
    nodes.push({ id, groups: own.sort(), runtime: at % 4 === 0 ? "nucleus-lite" : "nucleus", ownDeployment });
  }
  return { nodes, layers };
};
