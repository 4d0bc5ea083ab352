import { setTimeout as pause } from "node:timers/promises";
import type * as z from "zod";
import { translated } from "../../shared/aws/aws-errors.ts";
import { addToThingGroup, createThing } from "../../shared/aws/iot.ts";
import { putObject, readBytes } from "../../shared/aws/objects.ts";
import { getItem, getItems, transact } from "../../shared/aws/table.ts";
import { takeTurn } from "../../shared/aws/turns.ts";
import type { StoredGeneration } from "../../shared/deployment/cell.ts";
import {
  leaseProgress,
  type Progress,
  progressed,
  releaseProgress,
  type StoredProgress,
} from "../../shared/deployment/placement.ts";
import { joined } from "../../shared/deployment/steps.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import {
  giveUpNode,
  type NodeWish,
  newNode,
  nodeIsThere,
  type StoredNode,
  tryNodeAgain,
} from "../../shared/node/node.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import {
  BATCHES_AT_ONCE,
  Batch,
  countsOf,
  importObjects,
  type RowResult,
  recordBatch,
  recordTrouble,
  type StoredBatch,
  type StoredNodeImport,
} from "../../shared/node-import/node-import.ts";
import { paced } from "../../shared/node-import/pace.ts";
import { AppError, PROBLEMS } from "../../shared/problems.ts";
import { deriveToken, tokenHash } from "../../shared/registration/token.ts";
import { theMoment } from "../moment.ts";
import { desiredNodeImport, desiredWorkspace } from "./desired.ts";
import { firstGeneration, thingGroupOf } from "./generation.ts";
import { TaskInput, taskOf } from "./task.ts";

const BatchInput = TaskInput.extend({ batch: Batch });
type BatchInput = z.infer<typeof BatchInput>;

type ImportedRow = NodeWish & { readonly line: number };

/** What the rows of a batch have in common. */
interface World {
  readonly nodeImport: StoredNodeImport;
  readonly thingType: string;
  readonly secret: Buffer;
  readonly groups: ReadonlyMap<string, StoredNodeGroup>;
  readonly generationOf: (node: StoredNode) => Promise<StoredGeneration>;
  /** Who takes the nodes to their cells. */
  readonly holder: string;
}

const AT_A_TIME = 100;

const groupsOf = async (workspaceId: string, rows: readonly ImportedRow[]): Promise<Map<string, StoredNodeGroup>> => {
  const ids = [...new Set(rows.flatMap(({ groups }) => groups))];
  const found = new Map<string, StoredNodeGroup>();
  for (let at = 0; at < ids.length; at += AT_A_TIME) {
    const wanted = ids.slice(at, at + AT_A_TIME).map((id) => keys.nodeGroup(workspaceId, id));
    for (const group of await getItems<StoredNodeGroup>(wanted)) found.set(group.id, group);
  }
  return found;
};

/** The generation that nodes get in their cell; each cell is read once. */
const generations = () => {
  const known = new Map<string, StoredGeneration>();
  return async ({ workspaceId, cell }: StoredNode): Promise<StoredGeneration> => {
    const found = known.get(cell) ?? (await firstGeneration(workspaceId, cell, new Date()));
    known.set(cell, found);
    return found;
  };
};

const openWorld = async (
  input: BatchInput,
  nodeImport: StoredNodeImport,
  rows: readonly ImportedRow[],
): Promise<World> => {
  const { bucket: thingType } = await desiredWorkspace(input);
  return {
    nodeImport,
    thingType,
    secret: await readBytes(env("IMPORTS_BUCKET"), importObjects(nodeImport).secret),
    groups: await groupsOf(nodeImport.workspaceId, rows),
    generationOf: generations(),
    holder: `${input.intentId}-${input.attempt}`,
  };
};

const groupOf = (groups: World["groups"], id: string): StoredNodeGroup => {
  const group = groups.get(id);
  if (group === undefined) throw new AppError("not-ready", `the node group ${id} is gone`);
  return group;
};

const isPassing = ({ code }: AppError): boolean => "retry" in PROBLEMS[code];

/**
 * The row's node in the table, created unless its name is taken.
 * @throws AppError `busy` when the node of that name goes at this moment
 */
const nodeOf = async (row: ImportedRow, { nodeImport, secret, groups }: World): Promise<StoredNode> => {
  const { workspaceId, startedBy = "" } = nodeImport;
  const { line: _line, groups: ids, ...wish } = row;
  const options = {
    thing: (nodeId: string) => awsNames.thing(env("STAGE"), workspaceId, nodeId),
    token: { token: deriveToken(secret, row.name), lifeSeconds: nodeImport.tokenExpiresInSeconds },
    importId: nodeImport.id,
  };
  const memberOf = ids.map((id) => groupOf(groups, id));
  try {
    const { node, writes } = newNode(workspaceId, wish, memberOf, options, startedBy, theMoment());
    await transact(writes);
    return node;
  } catch (error) {
    if (!(error instanceof AppError && error.code === "name-taken")) throw error;
    const name = await getItem<{ id: string }>(keys.nodeName(workspaceId, row.name));
    const node = name && (await getItem<StoredNode>(keys.node(workspaceId, name.id)));
    if (node === undefined) throw new AppError("busy", `the node ${row.name} is being deleted`, { cause: error });
    return node;
  }
};

/** What is known of the node's way to its cell: written down, with the cell that it is about to join. */
const setOut = async (node: StoredNode, { generationOf, holder }: World): Promise<StoredProgress> => {
  const found = await getItem<StoredProgress>(keys.nodeProgress(node.workspaceId, node.id));
  if (found !== undefined) {
    await transact([leaseProgress(found, holder, Date.now())]);
    return found;
  }
  const { key, generation } = await generationOf(node);
  const cell = { key, generation };
  const first: Progress = { cell, mayBeIn: [cell], renewals: 0, leftBehind: [], registrations: 0 };
  const { progress, writes } = progressed(node, undefined, first, holder, new Date());
  await transact(writes);
  return progress;
};

/** The node's thing, in its groups and, last, in its cell: from then on Greengrass delivers. Safe to repeat. */
const complete = async (node: StoredNode, world: World): Promise<void> => {
  const { thingType, holder } = world;
  await createThing(node.thing, thingType, { ...node.attributes, slipwayNode: node.id });
  const progress = await setOut(node, world);
  try {
    await join(node, progress, world);
  } catch (error) {
    await transact([releaseProgress(progress, holder)]);
    throw error;
  }
};

const join = async (node: StoredNode, progress: StoredProgress, { groups, holder }: World): Promise<void> => {
  await takeTurn("AddThingToThingGroup", node.groups.length + 1);
  for (const id of node.groups) await addToThingGroup(node.thing, groupOf(groups, id).thingGroup);
  await addToThingGroup(node.thing, thingGroupOf(node.workspaceId, progress.cell));
  const now = new Date();
  const placed: Progress = { ...progress, ...joined(progress, now.getTime()), placed: true };
  const { writes } = progressed(node, progress, placed, holder, now, { release: true });
  await transact([...writes, nodeIsThere(node, now)]);
};

/** The token that this import has made, while it is the node's: not used, replaced or revoked. */
const tokenOf = (node: StoredNode, { secret }: World) => {
  const token = deriveToken(secret, node.name);
  return node.token === tokenHash(token) && node.tokenExpiresAt !== undefined
    ? { token, expiresAt: node.tokenExpiresAt }
    : {};
};

/** Marks a node whose creation AWS refused, unless it has moved on. */
const giveUp = async (node: StoredNode): Promise<void> => {
  try {
    await transact([giveUpNode(node, new Date())]);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "conflict")) throw error;
  }
};

/**
 * Creates one row's node, or finds what is there. A node of this very import is gone on with.
 * @param turn waits until so many calls of AWS IoT may be made
 * @throws what may pass by itself: the batch is tried again. What will not is the row's result.
 */
const importRow = async (
  row: ImportedRow,
  world: World,
  turn: (calls: number) => Promise<void>,
): Promise<RowResult> => {
  const { line, name } = row;
  let node: StoredNode | undefined;
  try {
    node = await nodeOf(row, world);
    const { id } = node;
    if (node.importId !== world.nodeImport.id || node.status === "deleting") {
      return { line, name, status: "existing", id };
    }
    if (node.status === "failed") await transact([tryNodeAgain(node, new Date())]);
    if (node.status !== "active") {
      await turn(node.groups.length + 1);
      await complete(node, world);
    }
    return { line, name, status: "created", id, ...tokenOf(node, world) };
  } catch (thrown) {
    const error = translated(thrown);
    if (!(error instanceof AppError) || isPassing(error)) throw thrown;
    if (node !== undefined) await giveUp(node);
    return { line, name, status: "failed", ...(node && { id: node.id }), detail: `${error.code}: ${error.message}` };
  }
};

/** This batch's share of what the batches that are under way may do together. */
const callsPerSecond = ({ batches = 1 }: StoredNodeImport): number =>
  Number(env("IMPORT_CALLS_PER_SECOND")) / Math.min(batches, BATCHES_AT_ONCE);

/** Creates the nodes of a batch that is not done, and records what came of each. */
const importBatch = async (input: BatchInput, nodeImport: StoredNodeImport, former: StoredBatch | undefined) => {
  const { batch } = input;
  const bucket = env("IMPORTS_BUCKET");
  const objects = importObjects(nodeImport);
  const lines = (await readBytes(bucket, objects.rows, batch)).toString("utf8").trimEnd().split("\n");
  const rows = lines.map((line) => JSON.parse(line) as ImportedRow);
  const world = await openWorld(input, nodeImport, rows);
  const takeTurn = paced(callsPerSecond(nodeImport));
  const turn = async (calls: number): Promise<void> => {
    const milliseconds = takeTurn(calls, performance.now());
    if (milliseconds > 0) await pause(milliseconds);
  };
  const results: RowResult[] = [];
  for (const row of rows) results.push(await importRow(row, world, turn));
  // A name of its own for each run: of two that meet, the one that is recorded has its own part.
  const part = objects.part(batch.number, theMoment().randomText(12));
  await putObject(bucket, part, results.map((result) => `${JSON.stringify(result)}\n`).join(""));
  const done = { number: batch.number, part, counts: countsOf(results) };
  await transact(recordBatch(nodeImport, done, former, input, new Date()));
};

/** What keeps a batch from being done is told with the import: the workflow goes on with the others. */
const tellTrouble = async (nodeImport: StoredNodeImport, intentId: string, thrown: unknown): Promise<void> => {
  const error = translated(thrown);
  const detail = error instanceof AppError ? `${error.code}: ${error.message}` : "internal";
  try {
    await transact([recordTrouble(nodeImport, intentId, detail, new Date())]);
  } catch (told) {
    if (!(told instanceof AppError && told.code === "conflict")) throw told;
  }
};

/**
 * Creates the nodes of one batch, one after the other, at the pace that AWS IoT is to be called at by all batches together.
 * A batch that is done is left alone; one with nodes that failed is gone through once more. Tokens are in the part of the
 * results alone, which is encrypted where it lies.
 */
export const handler = taskOf("import-nodes", BatchInput, async (input) => {
  const nodeImport = await desiredNodeImport(input);
  const former = await getItem<StoredBatch>(keys.nodeImportBatch(nodeImport.id, input.batch.number));
  if (former !== undefined && former.failed === 0) return;
  try {
    await importBatch(input, nodeImport, former);
  } catch (error) {
    await tellTrouble(nodeImport, input.intentId, error);
    throw error;
  }
});
