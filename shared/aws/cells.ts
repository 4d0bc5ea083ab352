import type { StoredCell, StoredGeneration } from "../deployment/cell.ts";
import { keys, partitions } from "../keys.ts";
import { allItems, getItem, listItems } from "./table.ts";

const PAGE = 25;

/** All generations of one cell, those that are being removed too, by their numbers. */
export const generationsOf = async (workspaceId: string, cellKey: string): Promise<StoredGeneration[]> => {
  const found: StoredGeneration[] = [];
  const partition = partitions.cellGenerations(workspaceId);
  // Sort keys begin with the cell's key, and lie side by side.
  for (let after: string | undefined = cellKey; after !== undefined; ) {
    const page: { items: StoredGeneration[]; next?: string } = await listItems({ partition, after, limit: PAGE });
    const own = page.items.filter(({ key }) => key === cellKey);
    found.push(...own);
    after = own.length === page.items.length ? page.next : undefined;
  }
  return found;
};

const SEEN = ["key", "generation", "targets", "removing", "blocked"] as const;

/** The generations of all cells that a target reaches, without what they deliver. */
export const generationsOfTarget = (
  workspaceId: string,
  target: string,
): Promise<Pick<StoredGeneration, (typeof SEEN)[number]>[]> =>
  allItems({
    partition: partitions.cellGenerations(workspaceId),
    attributes: SEEN,
    holding: { attribute: "targets", oneOf: [target] },
  });

export const cellOf = (workspaceId: string, cellKey: string): Promise<StoredCell | undefined> =>
  getItem<StoredCell>(keys.cell(workspaceId, cellKey));
