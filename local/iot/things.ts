import { randomUUID } from "node:crypto";
import { afterToken, cut } from "../aws-json/paging.ts";
import { applyAttributes, limitAttributes } from "./attributes.ts";
import { alreadyExists, invalidRequest, invalidToken, notFound, versionConflict } from "./errors.ts";
import { follow, forget } from "./jobs-engine.ts";
import { change } from "./outbox.ts";
import { canonical, DEFAULT_PAGE, type Iot, type IotHandlers, parseStrings } from "./state.ts";
import { getThingType } from "./thing-types.ts";

export const THINGS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS things (
    name TEXT PRIMARY KEY, id TEXT NOT NULL, type TEXT, attributes TEXT NOT NULL, version INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS things_by_type ON things (type);
`;

interface ThingRow {
  readonly name: string;
  readonly id: string;
  readonly type: string | null;
  readonly attributes: string;
  readonly version: number;
}

/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html: a thing has 3 attributes, or 50 with a type. */
const attributeLimit = (type: string | null): number => (type === null ? 3 : 50);

const findThing = (iot: Iot, name: string): ThingRow | undefined =>
  iot.store.get<ThingRow>("SELECT * FROM things WHERE name = ?", name);

/** @throws ResourceNotFoundException (404) */
export const getThing = (iot: Iot, name: string): ThingRow => {
  const thing = findThing(iot, name);
  if (thing === undefined) throw notFound(`Thing ${name} not found`);
  return thing;
};

/** @throws ResourceNotFoundException (404); InvalidRequestException (400) when the type is deprecated. */
const requireUsableType = (iot: Iot, type: string): void => {
  if (getThingType(iot, type).deprecated_at !== null)
    throw invalidRequest(`Thing type ${type} is deprecated: no thing can be given it`);
};

const createdThing = (iot: Iot, name: string, id: string) => ({
  thingName: name,
  thingArn: iot.arn("thing", name),
  thingId: id,
});

export const thingHandlers: IotHandlers = {
  /**
   * Answers the stored thing to a repetition with equal attributes and type.
   * https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html
   */
  CreateThing: (input, iot) => {
    if (input.billingGroupName !== undefined) throw notFound(`Billing group ${input.billingGroupName} not found`);
    const attributes = applyAttributes({}, input.attributePayload);
    const type = input.thingTypeName ?? null;
    const stored = findThing(iot, input.thingName);
    if (stored !== undefined) {
      if (stored.type === type && stored.attributes === canonical(attributes))
        return createdThing(iot, stored.name, stored.id);
      throw alreadyExists(
        `Thing ${input.thingName} already exists in account with different attributes`,
        stored.id,
        iot.arn("thing", stored.name),
      );
    }
    if (type !== null) requireUsableType(iot, type);
    limitAttributes(attributes, attributeLimit(type), `Thing ${input.thingName}`);
    const id = randomUUID();
    change(iot, () => {
      iot.store.run("INSERT INTO things VALUES (?, ?, ?, ?, 1)", input.thingName, id, type, canonical(attributes));
      follow(iot, input.thingName);
    });
    return createdThing(iot, input.thingName, id);
  },

  DescribeThing: (input, iot) => {
    const thing = getThing(iot, input.thingName);
    return {
      ...createdThing(iot, thing.name, thing.id),
      defaultClientId: thing.name,
      thingTypeName: thing.type ?? undefined,
      attributes: parseStrings(thing.attributes),
      version: thing.version,
    };
  },

  UpdateThing: (input, iot) => {
    if (input.removeThingType === true && input.thingTypeName !== undefined)
      throw invalidRequest("thingTypeName and removeThingType cannot be used together");
    const thing = getThing(iot, input.thingName);
    if (input.expectedVersion !== undefined && input.expectedVersion !== thing.version)
      throw versionConflict(input.expectedVersion, thing.version);
    if (input.thingTypeName !== undefined) requireUsableType(iot, input.thingTypeName);
    const type = input.removeThingType === true ? null : (input.thingTypeName ?? thing.type);
    const attributes = applyAttributes(parseStrings(thing.attributes), input.attributePayload);
    limitAttributes(attributes, attributeLimit(type), `Thing ${thing.name}`);
    iot.store.run(
      "UPDATE things SET type = ?, attributes = ?, version = version + 1 WHERE name = ?",
      type,
      canonical(attributes),
      thing.name,
    );
    return {};
  },

  /**
   * Succeeds for a thing that does not exist.
   * https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteThing.html
   */
  DeleteThing: (input, iot) => {
    const thing = findThing(iot, input.thingName);
    if (thing === undefined) return {};
    if (input.expectedVersion !== undefined && input.expectedVersion !== thing.version)
      throw versionConflict(input.expectedVersion, thing.version);
    if (iot.store.get("SELECT 1 AS found FROM thing_principals WHERE thing = ?", thing.name) !== undefined)
      throw invalidRequest(`Cannot delete thing ${thing.name}: principals are attached to it`);
    change(iot, () => {
      iot.store.run("DELETE FROM memberships WHERE thing = ?", thing.name);
      iot.store.run("DELETE FROM unseen_memberships WHERE thing = ?", thing.name);
      iot.store.run("DELETE FROM things WHERE name = ?", thing.name);
      forget(iot, thing.name);
    });
    return {};
  },

  ListThings: (input, iot) => {
    if (input.attributeValue !== undefined && input.attributeName === undefined)
      throw invalidRequest("attributeValue needs attributeName");
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const where = ["name > ?"];
    const parameters = [after];
    if (input.thingTypeName !== undefined) {
      where.push("type = ?");
      parameters.push(input.thingTypeName);
    }
    if (input.attributeName !== undefined) {
      const prefix = input.usePrefixAttributeValue === true;
      const value = input.attributeValue;
      const matches = value === undefined ? "" : prefix ? " AND substr(value, 1, length(?)) = ?" : " AND value = ?";
      where.push(`EXISTS (SELECT 1 FROM json_each(attributes) WHERE key = ?${matches})`);
      parameters.push(input.attributeName);
      if (value !== undefined) parameters.push(...(prefix ? [value, value] : [value]));
    }
    const rows = iot.store.all<ThingRow>(
      `SELECT * FROM things WHERE ${where.join(" AND ")} ORDER BY name LIMIT ?`,
      ...parameters,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.name]);
    return {
      things: page.items.map((thing) => ({
        thingName: thing.name,
        thingArn: iot.arn("thing", thing.name),
        thingTypeName: thing.type ?? undefined,
        attributes: parseStrings(thing.attributes),
        version: thing.version,
      })),
      nextToken: page.next,
    };
  },
};
