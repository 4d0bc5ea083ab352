import { randomUUID } from "node:crypto";
import { afterToken, cut } from "../aws-json/paging.ts";
import { applyAttributes, limitAttributes } from "./attributes.ts";
import { alreadyExists, invalidRequest, invalidToken, versionConflict } from "./errors.ts";
import { ancestors, BELOW, findThingGroup, getThingGroup, groupNameAndArn, type ThingGroupRow } from "./group-tree.ts";
import { follow } from "./jobs-engine.ts";
import { change } from "./outbox.ts";
import { canonical, DEFAULT_PAGE, type Iot, type IotHandlers, parseStrings } from "./state.ts";
import { createTagged, dropTags } from "./tags.ts";

export const THING_GROUPS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS thing_groups (
    name TEXT PRIMARY KEY, id TEXT NOT NULL, parent TEXT, description TEXT, attributes TEXT NOT NULL,
    version INTEGER NOT NULL, created_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS thing_groups_by_parent ON thing_groups (parent);
`;

/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html */
const MAX_ATTRIBUTES = 50;
const MAX_CHILDREN = 100;
const MAX_DEPTH = 7;

const created = (iot: Iot, group: Pick<ThingGroupRow, "name" | "id">) => ({
  thingGroupName: group.name,
  thingGroupArn: iot.arn("thinggroup", group.name),
  thingGroupId: group.id,
});

/** @throws InvalidRequestException (400) for a parent that does not exist or that cannot have one more child. */
const requireRoom = (iot: Iot, name: string): void => {
  const parent = findThingGroup(iot, name);
  if (parent === undefined) throw invalidRequest(`Parent thing group ${name} does not exist`);
  if (ancestors(iot, parent).length + 2 > MAX_DEPTH)
    throw invalidRequest(`A hierarchy of thing groups can be at most ${MAX_DEPTH} deep`);
  const children = "SELECT count(*) AS count FROM thing_groups WHERE parent = ?";
  if ((iot.store.get<{ count: number }>(children, name)?.count ?? 0) >= MAX_CHILDREN)
    throw invalidRequest(`Thing group ${name} has ${MAX_CHILDREN} child groups already`);
};

export const thingGroupHandlers: IotHandlers = {
  /**
   * Answers the stored group to a repetition with the same parent and properties. A parent that does not exist is an
   * InvalidRequestException, since the operation has no ResourceNotFoundException.
   * https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThingGroup.html
   */
  CreateThingGroup: (input, iot) => {
    const parent = input.parentGroupName ?? null;
    const description = input.thingGroupProperties?.thingGroupDescription ?? null;
    const attributes = applyAttributes({}, input.thingGroupProperties?.attributePayload);
    const arn = iot.arn("thinggroup", input.thingGroupName);
    const stored = findThingGroup(iot, input.thingGroupName);
    if (stored !== undefined) {
      const same =
        stored.parent === parent && stored.description === description && stored.attributes === canonical(attributes);
      if (same) return created(iot, stored);
      throw alreadyExists(`Thing group ${stored.name} already exists with different properties`, stored.id, arn);
    }
    if (parent !== null) requireRoom(iot, parent);
    limitAttributes(attributes, MAX_ATTRIBUTES, `Thing group ${input.thingGroupName}`);
    const id = randomUUID();
    createTagged(iot, arn, input.tags, () =>
      iot.store.run(
        "INSERT INTO thing_groups VALUES (?, ?, ?, ?, ?, 1, ?)",
        input.thingGroupName,
        id,
        parent,
        description,
        canonical(attributes),
        iot.clock.now(),
      ),
    );
    return created(iot, { name: input.thingGroupName, id });
  },

  DescribeThingGroup: (input, iot) => {
    const group = getThingGroup(iot, input.thingGroupName);
    return {
      ...created(iot, group),
      version: group.version,
      thingGroupProperties: {
        thingGroupDescription: group.description ?? undefined,
        attributePayload: { attributes: parseStrings(group.attributes) },
      },
      thingGroupMetadata: {
        parentGroupName: group.parent ?? undefined,
        rootToParentThingGroups: ancestors(iot, group).map((name) => groupNameAndArn(iot, name)),
        creationDate: new Date(group.created_at),
      },
    };
  },

  UpdateThingGroup: (input, iot) => {
    const group = getThingGroup(iot, input.thingGroupName);
    if (input.expectedVersion !== undefined && input.expectedVersion !== group.version)
      throw versionConflict(input.expectedVersion, group.version);
    const properties = input.thingGroupProperties;
    const attributes = applyAttributes(parseStrings(group.attributes), properties.attributePayload);
    limitAttributes(attributes, MAX_ATTRIBUTES, `Thing group ${group.name}`);
    iot.store.run(
      "UPDATE thing_groups SET description = ?, attributes = ?, version = version + 1 WHERE name = ?",
      properties.thingGroupDescription ?? group.description,
      canonical(attributes),
      group.name,
    );
    return { version: group.version + 1 };
  },

  /**
   * Succeeds for a group that does not exist.
   * https://docs.aws.amazon.com/iot/latest/apireference/API_DeleteThingGroup.html
   */
  DeleteThingGroup: (input, iot) => {
    const group = findThingGroup(iot, input.thingGroupName);
    if (group === undefined) return {};
    if (input.expectedVersion !== undefined && input.expectedVersion !== group.version)
      throw versionConflict(input.expectedVersion, group.version);
    if (iot.store.get("SELECT 1 AS found FROM thing_groups WHERE parent = ?", group.name) !== undefined)
      throw invalidRequest(`Cannot delete thing group ${group.name}: it has child groups`);
    const arn = iot.arn("thinggroup", group.name);
    change(iot, () => {
      const members = iot.store.all<{ thing: string }>(
        "DELETE FROM memberships WHERE thing_group = ? RETURNING thing",
        group.name,
      );
      iot.store.run("DELETE FROM unseen_memberships WHERE thing_group = ?", group.name);
      iot.store.run("DELETE FROM policy_targets WHERE target = ?", arn);
      iot.store.run("DELETE FROM thing_groups WHERE name = ?", group.name);
      dropTags(iot, arn);
      for (const { thing } of members) follow(iot, thing);
    });
    return {};
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_ListThingGroups.html */
  ListThingGroups: (input, iot) => {
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    if (input.parentGroup !== undefined) getThingGroup(iot, input.parentGroup);
    const where = ["name > ?", "substr(name, 1, length(?)) = ?"];
    const prefix = input.namePrefixFilter ?? "";
    const parameters: (string | number | null)[] = [input.parentGroup ?? null, after, prefix, prefix];
    const recursive = input.recursive ?? true;
    if (!recursive) {
      where.push("parent IS ?");
      parameters.push(input.parentGroup ?? null);
    } else if (input.parentGroup !== undefined) {
      where.push("name IN (SELECT name FROM below) AND name <> ?");
      parameters.push(input.parentGroup);
    }
    const rows = iot.store.all<{ name: string }>(
      `${BELOW} SELECT name FROM thing_groups WHERE ${where.join(" AND ")} ORDER BY name LIMIT ?`,
      ...parameters,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.name]);
    return { thingGroups: page.items.map((row) => groupNameAndArn(iot, row.name)), nextToken: page.next };
  },
};
