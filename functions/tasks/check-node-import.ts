import { createHash, randomBytes } from "node:crypto";
import { headObject, putObject, readObject, uploadObject } from "../../shared/aws/objects.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { cellKey, generationId, prepareCell, type Runtime } from "../../shared/deployment/cell.ts";
import { env } from "../../shared/env.ts";
import { isId } from "../../shared/ids.ts";
import { keys } from "../../shared/keys.ts";
import type { NodeWish } from "../../shared/node/node.ts";
import type { StoredNodeGroup } from "../../shared/node-group/node-group.ts";
import {
  acceptFile,
  type Batch,
  FAULTS_KEPT,
  importObjects,
  MAX_CELLS,
  MAX_ROWS,
  ROWS_PER_BATCH,
  refuseFile,
  type StoredNodeImport,
} from "../../shared/node-import/node-import.ts";
import { type RowFault, rowFault, rowsOf } from "../../shared/node-import/rows.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredNodeImport } from "./desired.ts";
import { firstGeneration } from "./generation.ts";
import { task } from "./task.ts";

interface Cell {
  readonly targets: readonly string[];
  readonly runtime: Runtime;
}

/** What a file was found to be. Its rows are not kept, but for their names. */
interface Found {
  rows: number;
  faultCount: number;
  readonly faults: RowFault[];
  readonly batches: Batch[];
  readonly cells: Map<string, Cell>;
}

/** Finds node groups by name or id, each once. */
const groupFinder = (workspaceId: string) => {
  const known = new Map<string, Pick<StoredNodeGroup, "id" | "status"> | undefined>();
  return async (reference: string) => {
    if (known.has(reference)) return known.get(reference);
    const id = isId(reference, "node-group")
      ? reference
      : (await getItem<{ id: string }>(keys.nodeGroupName(workspaceId, reference)))?.id;
    const group = id === undefined ? undefined : await getItem<StoredNodeGroup>(keys.nodeGroup(workspaceId, id));
    known.set(reference, group && { id: group.id, status: group.status });
    return known.get(reference);
  };
};

/**
 * Checks every row of a file, and gives those of a good one as JSON Lines, with ids for names of groups. What is in memory
 * are names, groups and faults, never rows.
 * @param found is filled in the while
 */
async function* checkedRows(
  { workspaceId, format }: StoredNodeImport,
  file: AsyncIterable<Uint8Array>,
  found: Found,
): AsyncGenerator<Buffer> {
  const lineOf = new Map<string, number>();
  const findGroup = groupFinder(workspaceId);
  let batch = { number: 0, offset: 0, bytes: 0 };

  const note = (...faults: readonly RowFault[]) => {
    found.faultCount += faults.length;
    found.faults.push(...faults.slice(0, FAULTS_KEPT - found.faults.length));
  };
  const groupsOf = async (line: number, { groups }: NodeWish): Promise<string[]> => {
    const ids: string[] = [];
    for (const reference of groups) {
      const group = await findGroup(reference);
      const refuse = (rule: string, detail: string) => note(rowFault(line, rule, detail, "groups"));
      if (group === undefined) refuse("unknown-node-group", `there is no node group ${reference}`);
      else if (group.status !== "active") refuse("not-ready", `the node group ${reference} is ${group.status}`);
      else if (ids.includes(group.id)) refuse("repeated", `the node group ${reference} is named twice`);
      else ids.push(group.id);
    }
    return ids.sort();
  };

  for await (const row of rowsOf(format, file)) {
    const { line } = row;
    if ("faults" in row) {
      note(...row.faults);
      continue;
    }
    const { wish } = row;
    if (found.rows === MAX_ROWS) {
      note(rowFault(line, "too-many-rows", `an import takes at most ${MAX_ROWS} rows: nothing from here on was read`));
      return;
    }
    found.rows += 1;
    const first = lineOf.get(wish.name);
    if (first === undefined) lineOf.set(wish.name, line);
    else note(rowFault(line, "repeated", `line ${first} has this name, too`, "name"));
    // Beyond those that are kept, faults are only counted: without a look at the table for each.
    if (found.faultCount >= FAULTS_KEPT) continue;
    const groups = await groupsOf(line, wish);
    const key = cellKey(groups, wish.runtime);
    if (!found.cells.has(key) && found.cells.size === MAX_CELLS) {
      const detail = `the rows up to here have ${MAX_CELLS} different sets of node groups, the most of one import`;
      note(rowFault(line, "too-many-sets", `${detail}: nothing from here on was read`, "groups"));
      return;
    }
    found.cells.set(key, { targets: groups, runtime: wish.runtime });
    if (found.faultCount > 0) continue;
    const bytes = Buffer.from(`${JSON.stringify({ line, ...wish, groups })}\n`);
    batch.bytes += bytes.length;
    if (found.rows % ROWS_PER_BATCH === 1) found.batches.push(batch);
    if (found.rows % ROWS_PER_BATCH === 0) {
      batch = { number: batch.number + 1, offset: batch.offset + batch.bytes, bytes: 0 };
    }
    yield bytes;
  }
  if (found.rows === 0 && found.faultCount === 0) note(rowFault(1, "empty", "the file has no rows"));
}

/** The bytes as they pass, hashed. */
async function* hashed(file: AsyncIterable<Uint8Array>, hash: ReturnType<typeof createHash>) {
  for await (const chunk of file) {
    hash.update(chunk);
    yield chunk;
  }
}

const detailOf = ({ faultCount, faults: [first] }: Found): string => {
  const place = first?.field === undefined ? `line ${first?.line}` : `line ${first.line}, ${first.field}`;
  const more = faultCount === 1 ? "" : `; there are ${faultCount} faults`;
  return `${place}: ${first?.detail}${more}`;
};

/**
 * Goes through the uploaded file once, line by line. Only if all of it is good, its rows, batches and cells are ready then;
 * a run that follows finds them so.
 * @returns the cells to deliver to, and where the batches are listed
 */
export const handler = task("check-node-import", async (input) => {
  const nodeImport = await desiredNodeImport(input);
  const bucket = env("IMPORTS_BUCKET");
  const objects = importObjects(nodeImport);
  const answer = async (cells: readonly string[]) => {
    const found: string[] = [];
    for (const key of cells) {
      found.push(generationId(await firstGeneration(nodeImport.workspaceId, key, new Date())));
    }
    return { cells: found, bucket, key: objects.batches };
  };
  const isReady = nodeImport.cells !== undefined && (await headObject(bucket, objects.batches)) !== undefined;
  if (isReady) return answer(nodeImport.cells ?? []);

  const found: Found = { rows: 0, faultCount: 0, faults: [], batches: [], cells: new Map() };
  const hash = createHash("sha256");
  const file = hashed(await readObject(bucket, objects.upload), hash);
  await uploadObject(bucket, objects.rows, checkedRows(nodeImport, file, found));
  if (found.faultCount > 0) {
    await putObject(bucket, objects.faults, found.faults.map((fault) => `${JSON.stringify(fault)}\n`).join(""));
    await transact([refuseFile(nodeImport, found.faultCount, found.faults, new Date())]);
    throw new AppError("import-invalid", detailOf(found));
  }
  const sha256 = hash.digest("hex");
  if (sha256 !== nodeImport.sha256) {
    throw new AppError("artifact-mismatch", `the upload has SHA-256 ${sha256}; ${nodeImport.sha256} was declared`);
  }
  // One secret for all runs: a batch that is repeated makes the tokens that it has made before.
  await putObject(bucket, objects.secret, randomBytes(32), { once: true });
  await putObject(bucket, objects.batches, found.batches.map((batch) => `${JSON.stringify(batch)}\n`).join(""));
  for (const { targets, runtime } of found.cells.values()) {
    await transact([prepareCell(nodeImport.workspaceId, targets, runtime, new Date())]);
  }
  const cells = [...found.cells.keys()];
  await transact([acceptFile(nodeImport, { rows: found.rows, batches: found.batches.length, cells }, new Date())]);
  return answer(cells);
});
