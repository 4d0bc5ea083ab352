import { createHash } from "node:crypto";
import * as z from "zod";
import { type Moment, makeId } from "../ids.ts";
import { type EventName, eventTypes } from "./types.ts";

/** The source of all events of a stage on its bus. What has it was put there by a function of the stage. */
export const EVENT_SOURCE = "slipway";

/** The members that every event has beside its data. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md */
const attributes = {
  specversion: z.literal("1.0"),
  id: z.string().meta({ description: "The same each time that an event is told" }),
  source: z.string().meta({ description: "The stage and the workspace: `/slipway/{stage}/workspaces/{id}`" }),
  subject: z.string().meta({ description: "Id of the object that the event is about" }),
  time: z.iso.datetime(),
  datacontenttype: z.literal("application/json"),
  dataschema: z.string().meta({ description: "URI of the JSON Schema of an event of this type and version" }),
  workspaceid: z.string().optional().meta({ description: "Absent where no workspace is known" }),
  sequence: z
    .string()
    .regex(/^\d{10}$/)
    .meta({
      description:
        "Rises with each change of the object, by one or more, as a number of ten digits: of two events with one subject the " +
        "later has the higher",
    }),
};

/** An event of any type, as the API lists it. */
export const ListedEvent = z.object({ ...attributes, type: z.string(), data: z.looseObject({}) }).meta({ id: "Event" });
export type ListedEvent = z.infer<typeof ListedEvent>;

/** The schema of the event of a type as it stands on the bus and in webhooks. */
export const eventSchema = (name: EventName) =>
  z.object({ ...attributes, type: z.literal(name), data: eventTypes[name].data });

/** CloudEvents 1.0 in JSON. */
export type DomainEvent = Readonly<z.infer<z.ZodObject<typeof attributes>>> & {
  readonly type: EventName;
  readonly data: object;
};

/** What a change of a record gives: the event without what the place where it happened knows. */
export interface Happening {
  readonly type: EventName;
  readonly subject: string;
  readonly workspaceId: string | undefined;
  readonly sequence: number;
  /** ISO 8601. */
  readonly time: string;
  readonly data: object;
}

/** Where events come from. */
export interface EventPlace {
  readonly stage: string;
  /** What the URI of every schema starts with: an address that ends with a slash, or a URN that ends with a colon. */
  readonly schemas: string;
}

/** The URI of a schema. */
export const schemaUri = (base: string, name: EventName): string =>
  `${base}${name}${base.endsWith("/") ? "/" : ":"}${eventTypes[name].version}`;

/**
 * The event of a happening. Its id is of its time and of what it is: the object, its sequence number and the type tell it from
 * all others, however often the record comes.
 */
export const domainEvent = ({ type, subject, workspaceId, sequence, time, data }: Happening, place: EventPlace) => {
  const hash = createHash("sha256")
    .update(JSON.stringify([subject, sequence, type]))
    .digest();
  const event: DomainEvent = {
    specversion: "1.0",
    id: makeId("event", new Date(time), hash),
    source: `/slipway/${place.stage}${workspaceId === undefined ? "" : `/workspaces/${workspaceId}`}`,
    type,
    subject,
    time,
    datacontenttype: "application/json",
    dataschema: schemaUri(place.schemas, type),
    ...(workspaceId !== undefined && { workspaceid: workspaceId }),
    sequence: String(sequence).padStart(10, "0"),
    data,
  };
  return event;
};

/** An event that tells nothing, for a webhook to be tried with: it is on no bus. */
export const testEvent = (webhookId: string, workspaceId: string, { now, newId }: Moment, place: EventPlace) => {
  const happening: Happening = {
    type: "slipway.webhook.test",
    subject: webhookId,
    workspaceId,
    sequence: 0,
    time: now.toISOString(),
    data: { message: "somebody tries whether this webhook works" },
  };
  return { ...domainEvent(happening, place), id: newId("event") };
};

/** The least id of an event at or after a time. */
export const firstIdAt = (time: Date): string => makeId("event", time, new Uint8Array(8));
