import * as z from "zod";
import { ServiceError } from "../aws-json-rpc.ts";
import { busNameOf } from "./rules.ts";

/** An event as its sender gives it. */
export interface SentEvent {
  readonly bus: string;
  readonly source: string;
  readonly "detail-type": string;
  readonly detail: unknown;
  readonly resources: readonly string[];
  /** ISO 8601, whole seconds. */
  readonly time: string;
}

export interface EntryError {
  readonly ErrorCode: string;
  readonly ErrorMessage: string;
}

const Entry = z.object({
  Source: z.string().optional(),
  DetailType: z.string().optional(),
  Detail: z.string().optional(),
  EventBusName: z.string().optional(),
  Resources: z.array(z.string()).default([]),
  /** Seconds, as the protocol has it. */
  Time: z.number().optional(),
});
type Entry = z.infer<typeof Entry>;
const PutEventsInput = z.object({ Entries: z.array(Entry).min(1).max(10) });

/** For all entries of a request together. */
const MAX_REQUEST_BYTES = 1024 * 1024;

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size */
const sizeOf = (entry: Entry): number =>
  (entry.Time === undefined ? 0 : 14) +
  [entry.Source, entry.DetailType, entry.Detail, ...entry.Resources].reduce(
    (bytes, text) => bytes + Buffer.byteLength(text ?? ""),
    0,
  );

/** EventBridge gives times in whole seconds. */
export const eventTime = (milliseconds: number): string => `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;

const invalid = (parameter: string): EntryError => ({
  ErrorCode: "InvalidArgument",
  ErrorMessage: `Parameter ${parameter} is not valid. Reason: ${parameter} is a required argument.`,
});

const parseDetail = (text: string): object | undefined => {
  try {
    const detail: unknown = JSON.parse(text);
    return typeof detail === "object" && detail !== null && !Array.isArray(detail) ? detail : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};

const checkEntry = (entry: Entry): SentEvent | EntryError => {
  if (!entry.Source) return invalid("Source");
  if (!entry.DetailType) return invalid("DetailType");
  if (!entry.Detail) return invalid("Detail");
  if (entry.Source.startsWith("aws.")) {
    return { ErrorCode: "NotAuthorizedForSourceException", ErrorMessage: "Not authorized for the source." };
  }
  const detail = parseDetail(entry.Detail);
  if (detail === undefined) return { ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed." };
  return {
    bus: busNameOf(entry.EventBusName),
    source: entry.Source,
    "detail-type": entry.DetailType,
    detail,
    resources: entry.Resources,
    time: eventTime(entry.Time === undefined ? Date.now() : entry.Time * 1000),
  };
};

/**
 * Reads a PutEvents request: for each entry the event, or the error that the response has in its place.
 * @throws `ValidationException` for a request with no entry or too many, or with too many bytes
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
 */
export const readPutEvents = (input: unknown): (SentEvent | EntryError)[] => {
  const { Entries } = PutEventsInput.parse(input);
  const bytes = Entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
  if (bytes >= MAX_REQUEST_BYTES) {
    throw new ServiceError("ValidationException", "Total size of the entries in the request is over the limit.");
  }
  return Entries.map(checkEntry);
};
