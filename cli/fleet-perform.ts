import { type Intent, ProblemError } from "../client/index.ts";
import type { CommonOptions } from "./commands.ts";
import { type Connection, type WaitOptions, waited } from "./connect.ts";
import type { Step } from "./fleet.ts";
import { interrupted } from "./interrupted.ts";
import { uploadRelease } from "./ota.ts";
import { harmless, print, styled } from "./output.ts";
import { hashed } from "./upload.ts";

const SIGNS = {
  create: ["+", "green"],
  update: ["~", "yellow"],
  delete: ["-", "red"],
  impossible: ["✗", "red"],
} as const;

/** A step for people, on a line. */
export const stepText = (step: Step): string => {
  const [sign, colour] = SIGNS[step.do];
  const why = step.changes.length === 0 ? "" : `  ${styled("dim", harmless(step.changes.join("; ")))}`;
  return `${styled(colour, `${sign} ${step.what} ${harmless(step.name)}`)}${why}\n`;
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
        const { attributes, description, ...node } = step.node;
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

/** What the API says of a change that would leave something undeliverable: once others are made, it may no longer do so. */
const UNDELIVERABLE: ReadonlySet<string> = new Set([
  "ambiguous",
  "unresolvable",
  "unmet-dependency",
  "deployment-too-large",
]);

interface Refused {
  readonly step: Step;
  readonly error: ProblemError;
}

type ApplyingOptions = Pick<CommonOptions, "json"> & WaitOptions;

const isDeletion = (step: Step): boolean => step.do === "delete";

/** Whether a step is of a node that another step was to make. */
const isOfNode = ({ step: { what, name } }: Refused, { what: next, name: node }: Step): boolean =>
  what === "node" && name === node && (next === "membership" || next === "node deployment");

/**
 * Does steps of one kind beside each other, and the kinds one after the other: groups before the nodes in them.
 * @returns the changes that the API refuses as things are
 * @throws ProblemError and what else ends a step, once none is under way
 */
const takeTurn = async (
  connection: Connection,
  steps: readonly Step[],
  options: ApplyingOptions,
): Promise<Refused[]> => {
  const refused: Refused[] = [];
  let hasFailed = false;
  const one = async (step: Step): Promise<void> => {
    let intent: Intent | undefined;
    try {
      intent = await request(connection, step, options.json === true);
    } catch (error) {
      if (isDeletion(step) || !(error instanceof ProblemError) || !UNDELIVERABLE.has(error.code)) throw error;
      refused.push({ step, error });
      return;
    }
    if (intent !== undefined) await waited(connection.slipway, intent, options);
    await tell("done", step, options);
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
        const waiting = refused.find((other) => isOfNode(other, step));
        if (waiting !== undefined) {
          refused.push({ step, error: waiting.error });
          continue;
        }
        await one(step).catch(async (error: unknown) => {
          hasFailed = true;
          await tell("failed", step, options);
          throw error;
        });
      }
    };
    // What is under way when one fails comes to its end, and is told.
    const workers = await Promise.allSettled(Array.from({ length: Math.min(AT_A_TIME, batch.length) }, worker));
    for (const ended of workers) if (ended.status === "rejected") throw ended.reason;
  }
  return refused;
};

const tell = (how: "done" | "failed", step: Step, { json }: ApplyingOptions): Promise<void> => {
  const { do: doing, what, name } = step;
  if (json) return print(`${JSON.stringify({ [how]: doing, what, name })}\n`);
  return print(`${how === "done" ? how : styled("red", how)}  ${stepText(step)}`);
};

/**
 * Does all steps. The API refuses what would leave a node with nothing that can be delivered, also in between: a change that it
 * refuses comes again after the others, as long as any of them goes through. What is deleted goes last, but for nodes that are in
 * the way of the rest.
 * @throws ProblemError of the first step that fails, or stays refused
 */
export const perform = async (
  connection: Connection,
  steps: readonly Step[],
  options: ApplyingOptions,
): Promise<void> => {
  let deletions = steps.filter(isDeletion);
  for (let rest = steps.filter((step) => !isDeletion(step)); rest.length > 0; ) {
    const refused = await takeTurn(connection, rest, options);
    const [first] = refused;
    if (first !== undefined && refused.length === rest.length) {
      const nodes = deletions.filter(({ what }) => what === "node");
      if (nodes.length === 0) {
        for (const { step } of refused) await tell("failed", step, options);
        throw first.error;
      }
      await takeTurn(connection, nodes, options);
      deletions = deletions.filter(({ what }) => what !== "node");
    }
    rest = refused.map(({ step }) => step);
  }
  await takeTurn(connection, deletions, options);
};
