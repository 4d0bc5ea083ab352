import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { putEvents } from "../../shared/aws/events.ts";
import { listIndex, unlessChanged } from "../../shared/aws/table.ts";
import { indexes } from "../../shared/keys.ts";
import { lease, type StoredDelivery } from "../../shared/webhook/delivery.ts";
import { DELIVERY_DUE, DELIVERY_SOURCE } from "../../shared/webhook/due.ts";

const AT_A_TIME = 100;
/** The function has a minute, and so has the next run. */
const BUDGET_MS = 45_000;

/**
 * Hands over the deliveries that are due, each to a function of its own call: a receiver that hangs keeps none of the others
 * waiting. One that is handed over and lost is due again in some minutes.
 */
export const handler = middy<EventBridgeEvent<string, unknown>, { due: number }>().handler(async () => {
  const deadline = Date.now() + BUDGET_MS;
  const below = new Date().toISOString();
  let due = 0;
  let after: Record<string, unknown> | undefined;
  do {
    const page = await listIndex<StoredDelivery>(indexes.dueDeliveries, "due", {
      limit: AT_A_TIME,
      oldestFirst: true,
      below,
      after,
    });
    const taken = await Promise.all(
      page.items.map(async (delivery) => ((await unlessChanged(lease(delivery, new Date()))) ? [delivery] : [])),
    );
    const events = taken.flat().map(({ workspaceId, webhookId, id }) => ({
      source: DELIVERY_SOURCE,
      type: DELIVERY_DUE,
      detail: { workspaceId, webhookId, event: id },
    }));
    const refused = await putEvents(events);
    if (refused !== undefined) throw refused.error;
    due += events.length;
    after = page.next;
  } while (after !== undefined && Date.now() < deadline);
  return { due };
});
