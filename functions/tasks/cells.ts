import { allItems } from "../../shared/aws/table.ts";
import type { StoredCell } from "../../shared/deployment/cell.ts";
import { partitions } from "../../shared/keys.ts";
import type { TaskInput } from "./task.ts";

/** Keys of the cells that a target (the subject) reaches. */
export const cellsOf = async ({ workspaceId, subjectId }: TaskInput): Promise<string[]> =>
  (await allItems<StoredCell>(partitions.cells(workspaceId)))
    .filter(({ targets }) => targets.includes(subjectId))
    .map(({ key }) => key);
