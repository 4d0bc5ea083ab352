import { writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ProblemError, type Schemas } from "../client/index.ts";
import type { CommonOptions } from "./commands.ts";
import { confirmed } from "./confirm.ts";
import { type Connection, connect, type WaitOptions } from "./connect.ts";
import { BrokenWait, CliError, EXIT } from "./failures.ts";
import { type Actual, type ActualDeployment, fleetSteps } from "./fleet.ts";
import { type Fleet, readFleetFile } from "./fleet-file.ts";
import { perform, stepText } from "./fleet-perform.ts";
import { fleetPlan } from "./fleet-plan.ts";
import { given } from "./input.ts";
import { interrupted } from "./interrupted.ts";
import { note, print, printDone, styled } from "./output.ts";
import { planText, refusalsOf } from "./plan-text.ts";
import { hashed } from "./upload.ts";

const deploymentOf = ({
  components,
  priority,
  autoUpdate,
  policies,
  rollout,
}: Schemas["Deployment"]): ActualDeployment => ({
  components: Object.fromEntries(
    Object.entries(components).map(([name, { catalogue: _number, ...wish }]) => [
      name,
      Object.keys(wish).length === 1 ? wish.version : wish,
    ]),
  ) as ActualDeployment["components"],
  priority,
  autoUpdate: autoUpdate ?? false,
  ...(policies !== undefined && { policies }),
  ...(rollout !== undefined && { rollout }),
});

const isEmpty = ({ components, priority, autoUpdate, policies, rollout }: ActualDeployment): boolean =>
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
  const { plan, leftOut = 0 } =
    (await fleetPlan(connection, steps, actual, json === true && options.dryRun === true)) ?? {};
  if (!json) {
    await print(`${styled("bold", `Workspace ${connection.workspace()}`)}\n${steps.map(stepText).join("")}`);
    if (plan !== undefined) await print(`\n${planText(plan)}`);
    if (leftOut > 0) note(`The plan tells nothing of ${leftOut} changes more: they are too many for one.`);
  } else if (options.dryRun) {
    await print(
      [...steps, ...(plan === undefined ? [] : [{ plan }])].map((one) => `${JSON.stringify(one)}\n`).join(""),
    );
  }
  const refusals = [
    ...steps.flatMap(({ do: doing, what, name, changes }) =>
      doing === "impossible" ? changes.map((detail) => ({ rule: doing, detail: `${what} ${name}: ${detail}` })) : [],
    ),
    ...(plan === undefined ? [] : refusalsOf(plan)),
  ];
  if (refusals.length > 0) {
    // People have read them above.
    const [next, told] = json ? [undefined, refusals] : ["What is marked ✗ says why.", []];
    throw new CliError("refused", "not all of it can be done: nothing was", next, told);
  }
  if (options.dryRun) {
    if (options.exitCode) process.exitCode = EXIT.changes[0];
    return;
  }
  if (!(await confirmed("Do this?", options))) return note("Nothing was done.");
  try {
    await perform(connection, steps, options);
  } catch (error) {
    if (!json && (error instanceof ProblemError || error instanceof BrokenWait))
      note("What is marked done is done. The same command again goes on from there.");
    throw error;
  }
};
