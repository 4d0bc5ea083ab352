import { isDeepStrictEqual } from "node:util";
import type { AttributeValue, _Record as StreamRecord } from "@aws-sdk/client-dynamodb-streams";
import type { DynamoDBRecord } from "aws-lambda";

type LambdaAttribute = Record<string, unknown>;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/** Lambda gives binary values as base64 text, the SDK as bytes. */
const toAttribute = (value: AttributeValue): LambdaAttribute => {
  if (value.B !== undefined) return { B: base64(value.B) };
  if (value.BS !== undefined) return { BS: value.BS.map(base64) };
  if (value.L !== undefined) return { L: value.L.map(toAttribute) };
  if (value.M !== undefined) return { M: toImage(value.M) };
  return { ...value };
};

const toImage = (image: Record<string, AttributeValue>): Record<string, LambdaAttribute> =>
  Object.fromEntries(Object.entries(image).map(([name, value]) => [name, toAttribute(value)]));

/** A record of the stream as Lambda puts it into its event. */
export interface SourceRecord {
  readonly sequence: bigint;
  /** Milliseconds. */
  readonly createdAt: number;
  /** What it takes of an event, as JSON. */
  readonly bytes: number;
  readonly event: DynamoDBRecord;
}

/**
 * The record as a function gets it.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
 */
export const toSourceRecord = (record: StreamRecord, streamArn: string, region: string): SourceRecord => {
  const change = record.dynamodb ?? {};
  const createdAt = change.ApproximateCreationDateTime?.getTime() ?? Date.now();
  const images = {
    ...(change.Keys === undefined ? {} : { Keys: toImage(change.Keys) }),
    ...(change.NewImage === undefined ? {} : { NewImage: toImage(change.NewImage) }),
    ...(change.OldImage === undefined ? {} : { OldImage: toImage(change.OldImage) }),
  };
  const sequenceNumber = change.SequenceNumber ?? "0";
  const event = {
    eventID: record.eventID,
    eventName: record.eventName,
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: region,
    dynamodb: {
      ApproximateCreationDateTime: createdAt / 1000,
      ...images,
      SequenceNumber: sequenceNumber,
      SizeBytes: change.SizeBytes ?? 0,
      StreamViewType: change.StreamViewType,
    },
    ...(record.userIdentity === undefined
      ? {}
      : {
          // Only what TTL deletes has one; the local engine writes its members in another case, so the client drops them.
          userIdentity: {
            principalId: record.userIdentity.PrincipalId ?? "dynamodb.amazonaws.com",
            type: record.userIdentity.Type ?? "Service",
          },
        }),
    eventSourceARN: streamArn,
  };
  return {
    sequence: BigInt(sequenceNumber),
    createdAt,
    bytes: Buffer.byteLength(JSON.stringify(event)),
    event: event as DynamoDBRecord,
  };
};

/** A write that changed nothing: DynamoDB emits no record for it, the local engine does. */
export const changedNothing = ({ event }: SourceRecord): boolean =>
  event.eventName === "MODIFY" &&
  event.dynamodb?.NewImage !== undefined &&
  isDeepStrictEqual(event.dynamodb.NewImage, event.dynamodb.OldImage);
