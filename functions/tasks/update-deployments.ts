import { setTimeout as pause } from "node:timers/promises";
import { auditOf } from "../../shared/aws/audit.ts";
import { snapshotFor } from "../../shared/aws/snapshot.ts";
import { allItems, getItem, remembering, transact } from "../../shared/aws/table.ts";
import type { StoredDeployment } from "../../shared/deployment/deployment.ts";
import { autoUpdated } from "../../shared/deployment/edit.ts";
import { DEFAULT_RATES } from "../../shared/deployment/estimate.ts";
import { plan } from "../../shared/deployment/plan.ts";
import { reviseDeployment } from "../../shared/deployment/revise.ts";
import type { StoredIntent } from "../../shared/intent/intent.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { theMoment } from "../moment.ts";
import { type TaskInput, task } from "./task.ts";

const MAX_TRIES = 10;

/**
 * Deployments that take published versions as they come move on: each by a revision and an intent of its own, in the name
 * of who published. One that would be refused, were it asked for, stays as it is, and a plan of its refresh tells why.
 * Repeated, it finds nothing to do. Each has an audit record: the publication is its own, and this is what follows of it.
 * @returns how many moved on, and the targets of those that were left alone
 */
export const handler = task("update-deployments", (input) => remembering(() => updateDeployments(input)));

const updateDeployments = async (input: TaskInput) => {
  const publisher = (await getItem<StoredIntent>(keys.intent(input.intentId)))?.requestedBy ?? "";
  const all = await allItems<Pick<StoredDeployment, "id" | "autoUpdate">>({
    partition: partitions.deployments(input.workspaceId),
    attributes: ["id", "autoUpdate"],
  });
  const outcomes: ("moved" | "settled" | "refused")[] = [];
  const following = all.filter(({ autoUpdate }) => autoUpdate === true);
  for (const { id } of following) outcomes.push(await moveOn(input, id, publisher));
  return {
    moved: outcomes.filter((one) => one === "moved").length,
    refused: following.filter((_, at) => outcomes[at] === "refused").map(({ id }) => id),
  };
};

const moveOn = async (
  { workspaceId }: TaskInput,
  target: string,
  publisher: string,
): Promise<"moved" | "settled" | "refused"> => {
  for (let tries = 1; ; tries += 1) {
    const changes = { deployments: { [target]: { edit: "refresh" } as const } };
    const snapshot = await snapshotFor(workspaceId, changes);
    const current = snapshot.deployments.find(({ id }) => id === target);
    if (current === undefined) return "settled";
    const moment = theMoment();
    const next = autoUpdated(current, snapshot.published, { catalogue: snapshot.catalogue, now: moment.now });
    if (next === undefined) return "settled";
    const { refusals } = plan(snapshot, changes, DEFAULT_RATES).plan;
    if (refusals.length > 0) return "refused";
    const { intent, writes } = reviseDeployment({ next, current }, publisher, moment);
    const { type, id, name } = intent.subject;
    const deed = {
      ...{ workspaceId, actor: "system", operation: "deployment.updated" },
      ...{ object: { type, id, name }, intent: intent.id },
    };
    try {
      await transact([...writes, { do: "create", item: intent }, ...auditOf(deed, writes, moment.now)]);
      return "moved";
    } catch (error) {
      const code = error instanceof AppError ? error.code : undefined;
      if (code === "not-ready") return "settled"; // the target is being deleted
      if (code !== "conflict" || tries >= MAX_TRIES) throw error;
      await pause(Math.random() * Math.min(1_000, 5 * 2 ** tries));
    }
  }
};
