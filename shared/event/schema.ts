import * as z from "zod";
import { eventSchema } from "./event.ts";
import { EVENT_NAMES, type EventName, eventTypes } from "./types.ts";

export const ListedEventType = z
  .object({
    type: z.string(),
    version: z.int().positive(),
    description: z.string(),
    schema: z.string().meta({ description: "Path of its JSON Schema" }),
  })
  .meta({ id: "EventType" });

/** Where the API gives the schema of a type's present version. */
export const schemaPath = (name: EventName): string => `/v1/event-schemas/${name}/${eventTypes[name].version}`;

/** Every type, as the API lists it. */
export const listedEventTypes = (): z.infer<typeof ListedEventType>[] =>
  EVENT_NAMES.map((type) => {
    const { version, description } = eventTypes[type];
    return { type, version, description, schema: schemaPath(type) };
  });

/**
 * The JSON Schema (2020-12) of a type's events; undefined where there is no such type or version.
 * @param api where the API is reached
 */
export const jsonSchemaOf = (type: string, version: string, api: string): Record<string, unknown> | undefined => {
  const name = EVENT_NAMES.find((one) => one === type);
  if (name === undefined || version !== String(eventTypes[name].version)) return undefined;
  const schema = z.toJSONSchema(eventSchema(name), { io: "input", unrepresentable: "any" });
  return { ...schema, $id: `${api}${schemaPath(name)}`, title: name, description: eventTypes[name].description };
};
