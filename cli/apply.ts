import { writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Intent, ProblemError, type Schemas } from "../client/index.ts";
import type { CommonOptions } from "./commands.ts";
import { confirmed } from "./confirm.ts";
import { type Connection, connect, type WaitOptions } from "./connect.ts";
import { CliError, EXIT } from "./failures.ts";
import { type Actual, fleetSteps, type Step } from "./fleet.ts";
import { type Fleet, type FleetDeployment, readFleetFile } from "./fleet-file.ts";
import { given } from "./input.ts";
import { interrupted } from "./interrupted.ts";
import { uploadRelease } from "./ota.ts";
import { harmless, note, print, printDone, styled } from "./output.ts";
import { planText } from "./plan-text.ts";
import { hashed } from "./upload.ts";

const deploymentOf = ({
  components,
  priority,
  autoUpdate,
  policies,
  rollout,
}: Schemas["Deployment"]): FleetDeployment => ({
  components: Object.fromEntries(
    Object.entries(components).map(([name, { catalogue: _number, ...wish }]) => [
      name,
      Object.keys(wish).length === 1 ? wish.version : wish,
    ]),
  ) as FleetDeployment["components"],
  priority,
  autoUpdate: autoUpdate ?? false,
  ...(policies !== undefined && { policies }),
  ...(rollout !== undefined && { rollout }),
});

const isEmpty = ({ components, priority, autoUpdate, policies, rollout }: FleetDeployment): boolean =>
  Object.keys(components).length === 0 &&
  priority === 0 &&
  !autoUpdate &&
  policies === undefined &&
  rollout === undefined;

/** A workspace in the words of a fleet's file. What is being deleted is gone already. */
const readFleet = async ({ slipway, workspace }: Connection): Promise<Actual> => {
  const at = { workspace: workspace(), limit: 100, signal: interrupted.signal };
  const [groups, deployments, nodes, releases] = await Promise.all([
    Array.fromAsync(slipway.items("listNodeGroups", at)),
    Array.fromAsync(slipway.items("listDeployments", at)),
    Array.fromAsync(slipway.items("listNodes", at)),
    Array.fromAsync(slipway.items("listReleases", at)),
  ]);
  const wanted = new Map(deployments.map((deployment) => [deployment.target.id, deploymentOf(deployment)]));
  const own = (id: string) => {
    const deployment = wanted.get(id);
    return deployment === undefined || isEmpty(deployment) ? {} : { deployment };
  };
  const nameOf = new Map(groups.map(({ id, name }) => [id, name]));
  const told = (description: string | undefined) => (description === undefined ? {} : { description });
  const there = <T extends { status: string }>(all: readonly T[]) => all.filter(({ status }) => status !== "deleting");
  return {
    groups: Object.fromEntries(
      there(groups).map(({ id, name, description }) => [name, { ...told(description), ...own(id) }]),
    ),
    nodes: Object.fromEntries(
      there(nodes).map(({ id, name, description, groups: inGroups, runtime, attributes = {} }) => [
        name,
        {
          ...told(description),
          groups: inGroups.map((group) => nameOf.get(group) ?? group),
          runtime,
          attributes,
          ...own(id),
        },
      ]),
    ),
    releases: releases
      .filter(({ status }) => status === "published" || status === "publishing")
      .map((release) => {
        const { id, app, environment, version, attributes, cpuArch, hardware, sha256 } = release;
        const { minimumVersion, rollout, pauseAbove, notBefore, allowDowngrade } = release;
        return {
          ...{ id, app, environment, version, attributes, cpuArch, hardware, sha256 },
          ...{ rollout, allowDowngrade },
          ...(minimumVersion !== undefined && { minimumVersion }),
          ...(pauseAbove !== undefined && { pauseAbove }),
          ...(notBefore !== undefined && { notBefore }),
          ...(release.availability === "withdrawn" && { withdrawn: true as const }),
        };
      }),
  };
};

/** Writes a workspace as a file that `apply` takes. Files of releases are not in it, only what they hash to. */
export const exportFleet = async (options: CommonOptions & { output?: string }): Promise<void> => {
  const connection = connect(options);
  const { groups, nodes, releases } = await readFleet(connection);
  const fleet: Fleet = {
    workspace: connection.workspace(),
    groups,
    nodes,
    releases: releases
      .filter(({ withdrawn }) => withdrawn === undefined)
      .map(({ id: _id, rollout, allowDowngrade, ...release }) => ({
        ...release,
        ...(rollout !== 100 && { rollout }),
        ...(allowDowngrade && { allowDowngrade }),
      })),
  };
  const { stringify } = await import("yaml");
  const text = options.json ? `${JSON.stringify(fleet)}\n` : stringify(fleet, { aliasDuplicateObjects: false });
  if (options.output === undefined) return print(text);
  await writeFile(options.output, text);
  const { workspace } = fleet;
  if (options.json) return printDone("export", "workspace", { workspace, file: options.output }, options);
  note(`Written to ${options.output}.`);
};

export interface ApplyOptions extends CommonOptions, WaitOptions {
  readonly file: string;
  readonly prune?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly exitCode?: true;
}

/** The file, with what the files of its releases hash to. Their paths are relative to it. */
const declaredFleet = async ({ file }: ApplyOptions): Promise<Fleet> => {
  const fleet = await readFleetFile(await given(file === "-" ? "-" : `@${file}`), file);
  const base = file === "-" ? "." : dirname(file);
  const releases = await Promise.all(
    (fleet.releases ?? []).map(async (release) => {
      if (release.file === undefined) return release;
      const path = resolve(base, release.file);
      return { ...release, file: path, sha256: (await hashed(path)).sha256 };
    }),
  );
  return { ...fleet, ...(fleet.releases !== undefined && { releases }) };
};

const SIGNS = {
  create: ["+", "green"],
  update: ["~", "yellow"],
  delete: ["-", "red"],
  impossible: ["✗", "red"],
} as const;

const stepText = (step: Step): string => {
  const [sign, colour] = SIGNS[step.do];
  const why = step.changes.length === 0 ? "" : `  ${styled("dim", harmless(step.changes.join("; ")))}`;
  return `${styled(colour, `${sign} ${step.what} ${harmless(step.name)}`)}${why}\n`;
};

/** A plan takes so many things of a kind. */
const PLANNED_AT_MOST = 1_000;

/** Of more than a plan takes, first one of each that differs: what forbids it forbids all that are alike. */
const planned = <Named extends readonly [name: string, change: object]>(all: readonly Named[]): Named[] => {
  const differing = new Set(new Map(all.map((one) => [JSON.stringify(one[1]), one])).values());
  return [...differing, ...all.filter((one) => !differing.has(one))].slice(0, PLANNED_AT_MOST);
};

/** What the steps change for devices, as a plan is asked about it: also of groups and nodes that they are yet to make. */
const proposedBy = (steps: readonly Step[], actual: Actual) => {
  const edits = (what: Step["what"]) =>
    new Map(
      steps.flatMap((step) =>
        step.what === what && "patch" in step ? [[step.name, { edit: "patch", ...step.patch }] as const] : [],
      ),
    );
  const [ofGroups, ofNodes] = [edits("group deployment"), edits("node deployment")];
  const created = steps.filter((step) => step.do === "create");
  const begun = (edit: object | undefined) => (edit === undefined ? {} : { deployment: edit });
  const newNodeGroups = created.flatMap((step) =>
    step.what === "group" ? [[step.name, begun(ofGroups.get(step.name))] as const] : [],
  );
  const newNodes = created.flatMap((step) => {
    if (step.what !== "node" || step.node === undefined) return [];
    const { groups, runtime } = step.node;
    return [[step.name, { groups, runtime, ...begun(ofNodes.get(step.name)) }] as const];
  });
  const moved = new Map(
    steps.flatMap((step) => {
      if (step.what !== "membership") return [];
      const { groups } = actual.nodes[step.name] ?? { groups: [] };
      return [[step.name, { groups: [...groups.filter((one) => !step.remove.includes(one)), ...step.add] }] as const];
    }),
  );
  const nodes = [...new Set([...ofNodes.keys(), ...moved.keys()])]
    .filter((name) => Object.hasOwn(actual.nodes, name))
    .map((name) => [name, { ...moved.get(name), ...begun(ofNodes.get(name)) }] as const);
  const nodeGroups = [...ofGroups]
    .filter(([name]) => Object.hasOwn(actual.groups, name))
    .map(([name, deployment]) => [name, { deployment }] as const);
  return { nodeGroups, nodes, newNodeGroups, newNodes };
};

/** What the API says of all steps together, before any of them is done. */
const deploymentPlan = async ({ slipway, workspace }: Connection, steps: readonly Step[], actual: Actual) => {
  const proposed = proposedBy(steps, actual);
  const { nodeGroups, nodes, newNodeGroups, newNodes } = proposed;
  const lists = Object.values(proposed);
  if (lists.every((list) => list.length === 0)) return undefined;
  const named = (list: readonly (readonly [string, object])[]) =>
    planned(list).map(([name, change]) => ({ name, ...change }));
  const body = {
    nodeGroups: Object.fromEntries(planned(nodeGroups)),
    nodes: Object.fromEntries(planned(nodes)),
    newNodeGroups: named(newNodeGroups),
    newNodes: named(newNodes),
  } as Schemas["PlanRequest"];
  const plan = await slipway.planChanges({ workspace: workspace(), body, limit: 25, signal: interrupted.signal });
  const leftOut = lists.reduce((sum, list) => sum + Math.max(0, list.length - PLANNED_AT_MOST), 0);
  return { plan, leftOut };
};

/** Asks for one step. @returns its intent, where one does it */
const request = async (
  { slipway, workspace: chosen }: Connection,
  step: Step,
  quiet: boolean,
): Promise<Intent | undefined> => {
  const at = { workspace: chosen(), signal: interrupted.signal };
  const { name } = step;
  switch (step.what) {
    case "group": {
      if (step.do === "delete") return slipway.deleteNodeGroup({ ...at, nodeGroup: name });
      const described = step.description === undefined ? {} : { description: step.description };
      if (step.do === "create") return slipway.createNodeGroup({ ...at, body: { name, ...described } });
      await slipway.updateNodeGroup({
        ...at,
        nodeGroup: name,
        ifMatch: "*",
        body: { description: step.description ?? null },
      });
      return undefined;
    }
    case "node": {
      if (step.do === "delete") return slipway.deleteNode({ ...at, node: name });
      if (step.node !== undefined) {
        const { deployment: _later, attributes, description, ...node } = step.node;
        const described = description === undefined ? {} : { description };
        const attributed = Object.keys(attributes).length === 0 ? {} : { attributes };
        return slipway.createNode({ ...at, body: { name, ...node, ...described, ...attributed } });
      }
      await slipway.updateNode({ ...at, node: name, ifMatch: "*", body: { description: step.description ?? null } });
      return undefined;
    }
    case "membership": {
      const body = {
        ...(step.add.length > 0 && { add: [...step.add] }),
        ...(step.remove.length > 0 && { remove: [...step.remove] }),
      };
      return slipway.updateNodeMemberships({ ...at, node: name, body });
    }
    case "group deployment":
      return slipway.updateNodeGroupDeployment({ ...at, nodeGroup: name, body: step.patch });
    case "node deployment":
      return slipway.updateNodeDeployment({ ...at, node: name, body: step.patch });
    case "release": {
      if (step.terms !== undefined && step.id !== undefined) {
        await slipway.updateRelease({ ...at, release: step.id, ifMatch: "*", body: step.terms });
        return undefined;
      }
      if (step.id !== undefined) return slipway.deleteRelease({ ...at, release: step.id });
      if (step.release === undefined) throw new Error(`nothing is known of the release ${name}`);
      const { file = "", sha256: _known, ...release } = step.release;
      const id = await uploadRelease(slipway, at.workspace, release, await hashed(file), quiet);
      return slipway.publishRelease({ ...at, release: id });
    }
  }
};

const AT_A_TIME = 8;

/** Does steps of one kind beside each other, and the kinds one after the other: groups before the nodes in them. */
const perform = async (connection: Connection, steps: readonly Step[], options: ApplyOptions): Promise<void> => {
  let hasFailed = false;
  const one = async (step: Step): Promise<void> => {
    const intent = await request(connection, step, options.json === true);
    if (intent !== undefined) {
      await connection.slipway.waitForIntent(intent, { signal: interrupted.signal, timeout: options.timeout });
    }
    await print(
      options.json
        ? `${JSON.stringify({ done: step.do, what: step.what, name: step.name })}\n`
        : `done  ${stepText(step)}`,
    );
  };
  let rest = [...steps];
  while (rest[0] !== undefined) {
    const [{ do: doing, what }] = rest as [Step];
    const batch = rest.filter((step) => step.do === doing && step.what === what);
    rest = rest.filter((step) => !batch.includes(step));
    const queue = batch.values();
    const worker = async (): Promise<void> => {
      for (const step of queue) {
        if (hasFailed) return;
        await one(step).catch(async (error: unknown) => {
          hasFailed = true;
          await print(
            options.json
              ? `${JSON.stringify({ failed: step.do, what: step.what, name: step.name })}\n`
              : `${styled("red", "failed")}  ${stepText(step)}`,
          );
          throw error;
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, batch.length) }, worker));
  }
};

/** Makes a workspace what a file declares: shows what that takes, and does it once that is agreed to. */
export const applyFleet = async (options: ApplyOptions): Promise<void> => {
  const fleet = await declaredFleet(options);
  const connection = connect({ ...(fleet.workspace !== undefined && { workspace: fleet.workspace }), ...options });
  const { json } = options;
  const actual = await readFleet(connection);
  const steps = fleetSteps(fleet, actual, options.prune === true);
  if (steps.length === 0) {
    if (!json) note(`The workspace ${connection.workspace()} is as ${options.file} declares it.`);
    return;
  }
  const { plan, leftOut = 0 } = (await deploymentPlan(connection, steps, actual)) ?? {};
  if (!json) {
    await print(`${styled("bold", `Workspace ${connection.workspace()}`)}\n${steps.map(stepText).join("")}`);
    if (plan !== undefined) await print(`\n${planText(plan)}`);
    if (leftOut > 0) note(`${leftOut} more are not counted above: a plan takes ${PLANNED_AT_MOST} of a kind.`);
  } else if (options.dryRun) {
    await print(steps.map((step) => `${JSON.stringify(step)}\n`).join(""));
  }
  const refusals = (plan?.refusals.length ?? 0) + steps.filter((step) => step.do === "impossible").length;
  if (refusals > 0)
    throw new CliError("refused", "not all of it can be done: nothing was", "What is marked ✗ says why.");
  if (options.dryRun) {
    if (options.exitCode) process.exitCode = EXIT.changes[0];
    return;
  }
  if (!(await confirmed("Do this?", options))) return note("Nothing was done.");
  try {
    await perform(connection, steps, options);
  } catch (error) {
    if (error instanceof ProblemError && !json)
      note("What is marked done is done. The same command again goes on from there.");
    throw error;
  }
};
