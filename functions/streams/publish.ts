import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { unmarshall } from "@aws-sdk/util-dynamodb";
import type { DynamoDBBatchResponse, DynamoDBRecord } from "aws-lambda";
import { putEvents } from "../../shared/aws/events.ts";
import { env } from "../../shared/env.ts";
import { domainEvent, EVENT_SOURCE } from "../../shared/event/event.ts";
import { type Change, happeningsOf } from "../../shared/event/sources.ts";
import type { TableName } from "../../shared/writes.ts";
import type { Log } from "../logger.ts";

type Image = Record<string, AttributeValue> | undefined;

/** What a stream record tells: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html */
export const changeIn = ({ dynamodb }: DynamoDBRecord): Change => ({
  was: dynamodb?.OldImage && unmarshall(dynamodb.OldImage as Image & object),
  is: dynamodb?.NewImage && unmarshall(dynamodb.NewImage as Image & object),
  at: new Date((dynamodb?.ApproximateCreationDateTime ?? 0) * 1_000),
});

/**
 * Puts the events of these records on the stage's bus. Lambda repeats a batch from the first record whose events are not all
 * there: so every event is told at least once, and some twice, with the same id.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
 * @param published is told of each record that is done with
 */
export const publish = async (
  table: TableName,
  records: readonly DynamoDBRecord[],
  log: Log,
  published: (change: Change) => void = () => undefined,
): Promise<DynamoDBBatchResponse> => {
  const place = { stage: env("STAGE"), schemas: env("EVENT_SCHEMAS") };
  const changes = records.map(changeIn);
  // The index of a record for each event: those of one record stay together.
  const told: { readonly record: number; readonly event: ReturnType<typeof domainEvent> }[] = [];
  let broken: { readonly record: number; readonly error: Error } | undefined;
  for (const [record, change] of changes.entries()) {
    try {
      told.push(...happeningsOf(table, change).map((one) => ({ record, event: domainEvent(one, place) })));
    } catch (error) {
      broken = { record, error: error instanceof Error ? error : new Error(String(error)) };
      break;
    }
  }
  const events = told.map(({ event }) => ({ source: EVENT_SOURCE, type: event.type, detail: event }));
  const refused = await putEvents(events);
  const failed = refused === undefined ? broken : { record: told[refused.index]?.record ?? 0, error: refused.error };
  for (const change of changes.slice(0, failed?.record)) published(change);
  if (told.length > 0) {
    const done = failed === undefined ? told : told.filter(({ record }) => record < failed.record);
    log.info("published", { events: done.map(({ event }) => `${event.type} ${event.id}`).join(", ") });
  }
  if (failed === undefined) return { batchItemFailures: [] };
  log.error("record failed", failed.error);
  return { batchItemFailures: [{ itemIdentifier: records[failed.record]?.dynamodb?.SequenceNumber ?? "" }] };
};
