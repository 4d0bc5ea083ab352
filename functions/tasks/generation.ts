import { getItem } from "../../shared/aws/table.ts";
import { parseGenerationId, type StoredGeneration } from "../../shared/deployment/cell.ts";
import { keys } from "../../shared/keys.ts";
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
