import fc from "fast-check";
import type { Runtime } from "../../shared/deployment/cell.ts";
import { type Crash, LAG, Violation, World } from "./world.ts";

/** A history in small numbers, which shrink well: what happens, and to whom. */
export interface History {
  readonly seed: number;
  /** Devices may be told of memberships that are older than Slipway waits for. */
  readonly late: boolean;
  readonly events: readonly (readonly [kind: number, a: number, b: number, c: number])[];
}

const GROUPS = ["grp_1", "grp_2", "grp_3"] as const;
const NODES = ["nod_1", "nod_2", "nod_3"] as const;
const COMPONENTS = ["app", "lib", "tool"] as const;
const VERSIONS = ["1.0.0", "1.1.0", "2.0.0"] as const;
const REQUIREMENTS = ["1.0.0", "^1.0.0", "*", "<2.0.0", "2.0.0", ">=1.1.0", "1.1.0"] as const;
const CONFIGURED = [{}, { merge: { level: 1 } }, { merge: { level: 2, extra: { on: true } } }] as const;
const CRASHES: readonly Crash[] = ["none", "none", "before-call", "after-call"];

/** What versions of `app` need of `lib`, the only dependency that there is. */
const dependencies = (component: string, version: string): Record<string, string> =>
  component === "app" ? { lib: version === "2.0.0" ? ">=1.1.0" : "^1.0.0" } : {};

/** Components that an edit of one may change: itself and what it depends on. */
const touchedBy = (component: string): ReadonlySet<string> =>
  new Set(component === "app" ? ["app", "lib"] : [component]);

const ALL: ReadonlySet<string> = new Set(COMPONENTS);

export const histories: fc.Arbitrary<History> = fc.record({
  seed: fc.nat(10_000),
  late: fc.boolean(),
  events: fc.array(fc.tuple(fc.nat(23), fc.nat(11), fc.nat(11), fc.nat(11)), { maxLength: 40, size: "max" }),
});

const pick = <T>(list: readonly T[], at: number): T => {
  const one = list[at % list.length];
  if (one === undefined) throw new Error("nothing to pick from");
  return one;
};

/** Which of the groups a number stands for: none to all of them. */
const someGroups = (bits: number): string[] => GROUPS.filter((_, at) => (bits >> at) % 2 === 1);

const chanceFrom = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

/** What happens in a world. */
const happen = (world: World, [kind, a, b, c]: History["events"][number]): void => {
  const node = pick(NODES, a);
  const target = pick([...GROUPS, ...NODES], a);
  const component = pick(COMPONENTS, b);
  switch (kind) {
    case 0:
      world.publish(component, pick(VERSIONS, c), dependencies(component, pick(VERSIONS, c)));
      break;
    case 1:
    case 2:
    case 3: {
      const wish = { version: pick(REQUIREMENTS, c), ...pick(CONFIGURED, a + b + c) };
      world.edit(target, { edit: "patch", components: { [component]: wish } }, touchedBy(component));
      break;
    }
    case 4:
      world.edit(target, { edit: "patch", components: { [component]: null } }, touchedBy(component));
      break;
    case 5:
      world.edit(target, { edit: "patch", priority: c % 3 }, ALL);
      break;
    case 6:
      world.edit(target, { edit: "refresh", components: [component] }, touchedBy(component));
      break;
    case 7:
    case 8:
    case 9:
    case 10:
      world.move(node, someGroups(b));
      break;
    case 11:
      world.override(node, b % 2 === 0);
      break;
    case 12: {
      const runtime: Runtime = b % 2 === 0 ? "nucleus" : "nucleus-lite";
      if (!world.nodes.has(node)) world.addNode(node, someGroups(c), runtime);
      break;
    }
    case 13:
      world.work(node, { twice: b % 3 === 0, lost: c % 4 === 0 });
      break;
    case 14:
    case 15: {
      const actors = world.actors();
      if (actors.length > 0) world.step(pick(actors, a * 12 + b), pick(CRASHES, c));
      break;
    }
    case 16: {
      // There and back, before its device has heard of either.
      const home = world.nodes.get(node)?.groups ?? [];
      world.move(node, someGroups(b));
      for (let round = 0; round <= c; round += 1) {
        for (const actor of world.actors()) world.step(actor, "none");
        world.cloud.tick();
      }
      world.move(node, home);
      break;
    }
    default:
      // Slipway gets on for a while, with some of the devices or none of them.
      for (let round = 0; round <= b; round += 1) {
        for (const actor of world.actors()) world.step(actor, round === b ? pick(CRASHES, a) : "none");
        for (const id of NODES.filter((_, at) => (c >> at) % 2 === 1)) world.work(id, { twice: round === a });
        world.cloud.tick();
      }
  }
};

/** A world with its groups, which want something, some versions and two nodes. */
const beginning = ({ seed, late }: History): World => {
  const world = new World(chanceFrom(seed), late ? LAG * 4 : LAG);
  for (const component of COMPONENTS) world.publish(component, "1.0.0", dependencies(component, "1.0.0"));
  for (const group of GROUPS) world.addGroup(group);
  const wants = (target: string, component: string, version: string, level: number) =>
    world.edit(target, { edit: "patch", components: { [component]: { version, merge: { level } } } }, ALL);
  wants("grp_1", "tool", "*", 1);
  wants("grp_2", "tool", "^1.0.0", 2);
  wants("grp_3", "app", "*", 3);
  world.addNode("nod_1", ["grp_1", "grp_2"], "nucleus");
  world.addNode("nod_2", ["grp_1"], "nucleus-lite");
  return world;
};

/** What is wanted of every node, as text that compares. */
const wanted = (world: World): Record<string, unknown> =>
  Object.fromEntries(
    [...world.effectiveSets()].map(([id, { components }]) => [
      id,
      Object.fromEntries([...components].map(([name, { text }]) => [name, text])),
    ]),
  );

interface Moment {
  readonly revisions: ReadonlyMap<string, number>;
  readonly nodes: ReadonlyMap<string, { readonly groups: readonly string[]; readonly ownDeployment: boolean }>;
  readonly sets: Record<string, unknown>;
}

const momentOf = (world: World): Moment => ({
  revisions: new Map([...world.deployments].map(([id, { revision }]) => [id, revision])),
  nodes: new Map([...world.nodes].map(([id, node]) => [id, { ...node }])),
  sets: wanted(world),
});

/**
 * Goes back: every deployment to its revision, every node to its groups. What lies between might not be deliverable, and
 * would be refused; so nodes first leave all groups, those that came later for good.
 */
const rollBack = (world: World, moment: Moment): void => {
  for (const id of world.nodes.keys()) {
    world.override(id, false);
    world.move(id, []);
  }
  for (const [id, revision] of moment.revisions) {
    const to = world.revisions.get(id)?.find((one) => one.revision === revision);
    if (to !== undefined) world.edit(id, { edit: "rollback", to }, ALL);
  }
  for (const [id, { groups, ownDeployment }] of moment.nodes) {
    // In one go for the groups and the node's own deployment: a node may depend on having both.
    world.move(id, groups, ownDeployment);
  }
};

const settleAndCheck = (world: World, { late }: History): void => {
  if (!world.settle()) throw new Violation("it never came to an end");
  world.checkDevices();
  // A device that counts a cell long after it left takes over its configuration, and no report of it would tell.
  if (!late) world.checkConfigurations();
  world.checkIdle();
};

/** Runs a history to its end. @throws Error with the story of what happened, when something did that must not */
export const live = (history: History): World => {
  const world = beginning(history);
  try {
    const half = Math.floor(history.events.length / 2);
    for (const event of history.events.slice(0, half)) happen(world, event);
    const moment = momentOf(world);
    for (const event of history.events.slice(half)) happen(world, event);
    settleAndCheck(world, history);
    rollBack(world, moment);
    const after = wanted(world);
    for (const [id, set] of Object.entries(moment.sets)) {
      if (JSON.stringify(after[id]) !== JSON.stringify(set))
        throw new Violation(
          `rolled back, ${id} should have ${JSON.stringify(set)} and has ${JSON.stringify(after[id])}`,
        );
    }
    settleAndCheck(world, history);
    return world;
  } catch (error) {
    const told = world.story.map((line, at) => `${String(at + 1).padStart(4)}. ${line}`).join("\n");
    throw new Error(`${error instanceof Violation ? error.message : String(error)}\n${told}`, { cause: error });
  }
};

/** Runs many histories; the shortest one that goes wrong is told as a story. */
export const checkHistories = (numRuns: number): void => {
  const found = fc.check(
    fc.property(histories, (history) => {
      live(history);
    }),
    { numRuns },
  );
  if (!found.failed) return;
  const [history] = found.counterexample ?? [];
  if (history === undefined) throw new Error(`no history was found wrong, but the check failed: ${found.numRuns} runs`);
  const replay = `seed ${found.seed}, after ${found.numShrinks} shrinks: ${JSON.stringify(history)}`;
  live(history); // throws with its story
  throw new Error(`a history went wrong once and not again (${replay})`);
};
