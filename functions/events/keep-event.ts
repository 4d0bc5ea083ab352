import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import { transact } from "../../shared/aws/table.ts";
import type { DomainEvent } from "../../shared/event/event.ts";
import { isInTime, keptEvent } from "../../shared/event/kept.ts";
import { loggerOf } from "../logger.ts";

/**
 * Keeps an event of a workspace for those who read events by the API. What was not written by the time that readers wait for it is
 * written once more under a later one: a reader may have gone on past the first.
 */
export const handler = middy<EventBridgeEvent<string, DomainEvent>, void>().handler(async ({ detail }, context) => {
  const { workspaceid } = detail;
  if (workspaceid === undefined) return;
  let arrivedAt: Date;
  let times = 0;
  do {
    arrivedAt = new Date();
    await transact([{ do: "put", item: keptEvent({ ...detail, workspaceid }, arrivedAt) }]);
    times += 1;
  } while (!isInTime(arrivedAt, new Date()));
  loggerOf(context, { event: detail.id }).info("kept", { times });
});
