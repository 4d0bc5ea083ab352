import { generationsOf } from "../../shared/aws/cells.ts";
import { getItem, getItems, transact } from "../../shared/aws/table.ts";
import {
  addGeneration,
  parseGenerationId,
  type StoredCell,
  type StoredGeneration,
  vacated,
} from "../../shared/deployment/cell.ts";
import type { StoredProgress } from "../../shared/deployment/placement.ts";
import { type CellRef, sameCell } from "../../shared/deployment/steps.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { AppError } from "../../shared/problems.ts";

interface Input {
  readonly workspaceId: string;
  readonly cell: string;
}

/** The generation of a cell that a task works on, which may have been removed. */
export const findGeneration = ({ workspaceId, cell }: Input): Promise<StoredGeneration | undefined> => {
  const { key, generation } = parseGenerationId(cell);
  return getItem<StoredGeneration>(keys.cellGeneration(workspaceId, key, generation));
};

/** As {@link findGeneration}. @throws AppError `not-found` when it was removed */
export const desiredGeneration = async (input: Input): Promise<StoredGeneration> => {
  const found = await findGeneration(input);
  if (found === undefined) throw new AppError("not-found", `the cell ${input.cell} is gone`);
  return found;
};

/** The generation that nodes get which were never in a cell: the lowest that stays, made where there is none. */
export const firstGeneration = async (workspaceId: string, key: string, now: Date): Promise<StoredGeneration> => {
  const live = (await generationsOf(workspaceId, key)).find(({ removing }) => removing === undefined);
  if (live !== undefined) return live;
  const cell = await getItem<StoredCell>(keys.cell(workspaceId, key));
  if (cell === undefined) throw new AppError("busy", `the cell ${key} is being made or removed`);
  const { generation, writes } = addGeneration(cell, now);
  await transact(writes);
  return generation;
};

/** The generations among which a node's way leads. */
export const generationsAround = async (
  { workspaceId }: StoredNode,
  { cell, mayBeIn }: StoredProgress,
): Promise<StoredGeneration[]> => {
  const refs: CellRef[] = [cell, ...mayBeIn.filter((one) => !sameCell(one, cell))];
  return getItems<StoredGeneration>(refs.map((ref) => keys.cellGeneration(workspaceId, ref.key, ref.generation)));
};

/** Generations that the node's way has left without nodes. */
export const vacatedBy = async ({ workspaceId, leftBehind }: StoredProgress): Promise<StoredGeneration[]> => {
  const found: StoredGeneration[] = [];
  for (const key of new Set(leftBehind.map((ref) => ref.key))) {
    const cell = await getItem<StoredCell>(keys.cell(workspaceId, key));
    found.push(...vacated(cell, await generationsOf(workspaceId, key)));
  }
  return found;
};

/** The thing group of a generation. */
export const thingGroupOf = (workspaceId: string, { key, generation }: CellRef): string =>
  awsNames.cell(env("STAGE"), workspaceId, key, generation);
