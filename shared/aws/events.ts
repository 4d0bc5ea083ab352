import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { env } from "../env.ts";
import { clientSettings, once } from "./settings.ts";

const client = once(() => new EventBridgeClient(clientSettings));

/** An event for the stage's bus. */
export interface BusEvent {
  readonly source: string;
  readonly type: string;
  readonly detail: object;
}

/** https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html */
const MOST_ENTRIES = 10;
/** One entry, and all of a request: 256 KB, of which some is left for the envelope. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size */
const MOST_BYTES = 250_000;

const bytesOf = ({ Source, DetailType, Detail }: { Source: string; DetailType: string; Detail: string }): number =>
  Buffer.byteLength(Source) + Buffer.byteLength(DetailType) + Buffer.byteLength(Detail);

/**
 * Puts events on the stage's bus, in requests that are not too large, one after the other. A refused event keeps those of
 * the same request from nothing; what comes in later requests is not tried then.
 * @returns why the first one failed that is not on the bus, and its index; undefined when all are
 */
export const putEvents = async (
  events: readonly BusEvent[],
): Promise<{ readonly index: number; readonly error: Error } | undefined> => {
  const entries = events.map(({ source, type, detail }) => ({
    EventBusName: env("EVENT_BUS"),
    Source: source,
    DetailType: type,
    Detail: JSON.stringify(detail),
  }));
  for (let from = 0; from < entries.length; ) {
    let to = from;
    let bytes = 0;
    for (let entry = entries[to]; entry !== undefined && to < from + MOST_ENTRIES; entry = entries[++to]) {
      bytes += bytesOf(entry);
      if (bytes > MOST_BYTES && to > from) break;
    }
    try {
      const { Entries = [] } = await client().send(new PutEventsCommand({ Entries: entries.slice(from, to) }));
      const refused = Entries.findIndex(({ ErrorCode }) => ErrorCode !== undefined);
      if (refused >= 0) {
        const { ErrorCode, ErrorMessage } = Entries[refused] ?? {};
        const why = `EventBridge refused a ${events[from + refused]?.type}: ${ErrorCode} ${ErrorMessage}`;
        return { index: from + refused, error: new Error(why) };
      }
    } catch (error) {
      return { index: from, error: error instanceof Error ? error : new Error(String(error)) };
    }
    from = to;
  }
  return undefined;
};
