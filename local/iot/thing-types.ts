import { randomUUID } from "node:crypto";
import { afterToken, cut } from "../aws-json/paging.ts";
import { alreadyExists, invalidRequest, invalidToken, notEmulated, notFound } from "./errors.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";
import { createTagged, dropTags } from "./tags.ts";

export const THING_TYPES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS thing_types (
    name TEXT PRIMARY KEY, id TEXT NOT NULL, description TEXT, searchable TEXT NOT NULL,
    created_at INTEGER NOT NULL, deprecated_at INTEGER
  ) STRICT;
`;

interface ThingTypeRow {
  readonly name: string;
  readonly id: string;
  readonly description: string | null;
  /** JSON list of the attributes that an index covers. */
  readonly searchable: string;
  readonly created_at: number;
  readonly deprecated_at: number | null;
}

const findThingType = (iot: Iot, name: string): ThingTypeRow | undefined =>
  iot.store.get<ThingTypeRow>("SELECT * FROM thing_types WHERE name = ?", name);

/** @throws ResourceNotFoundException (404) */
export const getThingType = (iot: Iot, name: string): ThingTypeRow => {
  const type = findThingType(iot, name);
  if (type === undefined) throw notFound(`Thing type ${name} not found`);
  return type;
};

const created = (iot: Iot, type: Pick<ThingTypeRow, "name" | "id">) => ({
  thingTypeName: type.name,
  thingTypeArn: iot.arn("thingtype", type.name),
  thingTypeId: type.id,
});

const definition = (type: ThingTypeRow) => ({
  thingTypeProperties: {
    thingTypeDescription: type.description ?? undefined,
    searchableAttributes: JSON.parse(type.searchable) as string[],
  },
  thingTypeMetadata: {
    deprecated: type.deprecated_at !== null,
    deprecationDate: type.deprecated_at === null ? undefined : new Date(type.deprecated_at),
    creationDate: new Date(type.created_at),
  },
});

export const thingTypeHandlers: IotHandlers = {
  /**
   * Answers the stored type to a repetition with equal properties.
   * https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThingType.html
   */
  CreateThingType: (input, iot) => {
    const description = input.thingTypeProperties?.thingTypeDescription ?? null;
    const searchable = JSON.stringify(input.thingTypeProperties?.searchableAttributes ?? []);
    if (input.thingTypeProperties?.mqtt5Configuration !== undefined)
      throw notEmulated("mqtt5Configuration of a thing type");
    const stored = findThingType(iot, input.thingTypeName);
    const arn = iot.arn("thingtype", input.thingTypeName);
    if (stored !== undefined) {
      if (stored.description === description && stored.searchable === searchable) return created(iot, stored);
      throw alreadyExists(`Thing type ${stored.name} already exists with different properties`, stored.id, arn);
    }
    const id = randomUUID();
    createTagged(iot, arn, input.tags, () =>
      iot.store.run(
        "INSERT INTO thing_types VALUES (?, ?, ?, ?, ?, NULL)",
        input.thingTypeName,
        id,
        description,
        searchable,
        iot.clock.now(),
      ),
    );
    return created(iot, { name: input.thingTypeName, id });
  },

  DescribeThingType: (input, iot) => {
    const type = getThingType(iot, input.thingTypeName);
    return { ...created(iot, type), ...definition(type) };
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_DeprecateThingType.html */
  DeprecateThingType: (input, iot) => {
    const type = getThingType(iot, input.thingTypeName);
    // Deprecating again keeps the first date: the wait before a deletion does not start anew.
    const deprecatedAt = input.undoDeprecate === true ? null : (type.deprecated_at ?? iot.clock.now());
    iot.store.run("UPDATE thing_types SET deprecated_at = ? WHERE name = ?", deprecatedAt, type.name);
    return {};
  },

  /**
   * Only a type that has been deprecated for a while and that no thing has can be deleted.
   * https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteThingType.html
   */
  DeleteThingType: (input, iot) => {
    const type = getThingType(iot, input.thingTypeName);
    if (type.deprecated_at === null) throw invalidRequest(`Cannot delete thing type ${type.name}: deprecate it first`);
    if (iot.clock.now() - type.deprecated_at < iot.thingTypeCooldownMs)
      throw invalidRequest(
        `Cannot delete thing type ${type.name}: please wait for 5 minutes after deprecation and then retry`,
      );
    if (iot.store.get("SELECT 1 AS found FROM things WHERE type = ?", type.name) !== undefined)
      throw invalidRequest(`Cannot delete thing type ${type.name}: things are associated with it`);
    iot.store.transact(() => {
      iot.store.run("DELETE FROM thing_types WHERE name = ?", type.name);
      dropTags(iot, iot.arn("thingtype", type.name));
    });
    return {};
  },

  ListThingTypes: (input, iot) => {
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const name = input.thingTypeName ?? null;
    const rows = iot.store.all<ThingTypeRow>(
      "SELECT * FROM thing_types WHERE name > ? AND (? IS NULL OR name = ?) ORDER BY name LIMIT ?",
      after,
      name,
      name,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.name]);
    return {
      thingTypes: page.items.map((type) => {
        const { thingTypeName, thingTypeArn } = created(iot, type);
        return { thingTypeName, thingTypeArn, ...definition(type) };
      }),
      nextToken: page.next,
    };
  },
};
