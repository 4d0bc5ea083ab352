import { listItems } from "../../shared/aws/table.ts";
import type { StoredDrift } from "../../shared/deployment/drift.ts";
import { partitions } from "../../shared/keys.ts";

/** What is known of a subject's drift: ids begin with the subject's and a dot, and lie side by side. */
export const driftOf = async (workspaceId: string, subject: string): Promise<StoredDrift[]> => {
  const found: StoredDrift[] = [];
  let after: string | undefined = `${subject}.`;
  while (after !== undefined) {
    const page: { items: StoredDrift[]; next?: string } = await listItems<StoredDrift>({
      partition: partitions.drift(workspaceId),
      after,
      limit: 25,
    });
    const own = page.items.filter(({ id }) => id.startsWith(`${subject}.`));
    found.push(...own);
    after = own.length === page.items.length ? page.next : undefined;
  }
  return found;
};
