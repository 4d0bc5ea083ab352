import { afterToken, cut } from "../aws-json/paging.ts";
import { nameInArn } from "./arns.ts";
import { invalidRequest, invalidToken } from "./errors.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";
import { ancestors, BELOW, getThingGroup, groupNameAndArn, type ThingGroupRow } from "./thing-groups.ts";
import { getThing } from "./things.ts";

export const MEMBERSHIPS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS memberships (
    thing_group TEXT NOT NULL, thing TEXT NOT NULL, PRIMARY KEY (thing_group, thing)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS memberships_by_thing ON memberships (thing);
`;

/** https://docs.aws.amazon.com/iot/latest/developerguide/thing-groups.html */
const MAX_GROUPS = 10;

/** The name that a request gives directly or in an ARN; both must agree. */
const nameFrom = (
  iot: Iot,
  kind: "thing" | "thinggroup",
  name: string | undefined,
  arn: string | undefined,
): string => {
  const inArn = arn === undefined ? undefined : nameInArn(iot, kind, arn);
  if (arn !== undefined && inArn === undefined) throw invalidRequest(`${arn} is not the ARN of a ${kind}`);
  if (name !== undefined && inArn !== undefined && name !== inArn)
    throw invalidRequest(`The name ${name} and the ARN ${arn} are of different resources`);
  const found = name ?? inArn;
  if (found === undefined) throw invalidRequest(`The name or the ARN of a ${kind} is required`);
  return found;
};

const groupsOf = (iot: Iot, thing: string): string[] =>
  iot.store
    .all<{ name: string }>("SELECT thing_group AS name FROM memberships WHERE thing = ?", thing)
    .map((row) => row.name);

const rootOf = (iot: Iot, group: ThingGroupRow): string => ancestors(iot, group)[0] ?? group.name;

/**
 * @throws InvalidRequestException (400) past 10 groups, and for a second group of one hierarchy; the operation has no
 * limit error: https://docs.aws.amazon.com/iot/latest/apireference/API_AddThingToThingGroup.html
 */
const add = (iot: Iot, group: ThingGroupRow, thing: string): void => {
  const current = groupsOf(iot, thing);
  if (current.includes(group.name)) return;
  if (current.length >= MAX_GROUPS) throw invalidRequest(`Thing ${thing} belongs to ${MAX_GROUPS} groups already`);
  const root = rootOf(iot, group);
  const relative = current.find((name) => rootOf(iot, getThingGroup(iot, name)) === root);
  if (relative !== undefined)
    throw invalidRequest(`Thing ${thing} belongs to group ${relative} of the same hierarchy as ${group.name}`);
  iot.store.run("INSERT INTO memberships VALUES (?, ?)", group.name, thing);
};

const remove = (iot: Iot, group: ThingGroupRow, thing: string): void => {
  iot.store.run("DELETE FROM memberships WHERE thing_group = ? AND thing = ?", group.name, thing);
};

export const membershipHandlers: IotHandlers = {
  AddThingToThingGroup: (input, iot) => {
    const group = getThingGroup(iot, nameFrom(iot, "thinggroup", input.thingGroupName, input.thingGroupArn));
    const thing = getThing(iot, nameFrom(iot, "thing", input.thingName, input.thingArn));
    add(iot, group, thing.name);
    return {};
  },

  /** Succeeds for a thing that is not in the group. */
  RemoveThingFromThingGroup: (input, iot) => {
    const group = getThingGroup(iot, nameFrom(iot, "thinggroup", input.thingGroupName, input.thingGroupArn));
    const thing = getThing(iot, nameFrom(iot, "thing", input.thingName, input.thingArn));
    remove(iot, group, thing.name);
    return {};
  },

  /** All of the changes or none. https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateThingGroupsForThing.html */
  UpdateThingGroupsForThing: (input, iot) => {
    const thing = getThing(iot, nameFrom(iot, "thing", input.thingName, undefined));
    const removed = (input.thingGroupsToRemove ?? []).map((name) => getThingGroup(iot, name));
    const added = (input.thingGroupsToAdd ?? []).map((name) => getThingGroup(iot, name));
    iot.store.transact(() => {
      for (const group of removed) remove(iot, group, thing.name);
      for (const group of added) add(iot, group, thing.name);
    });
    return {};
  },

  ListThingGroupsForThing: (input, iot) => {
    const thing = getThing(iot, input.thingName);
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const rows = iot.store.all<{ name: string }>(
      "SELECT thing_group AS name FROM memberships WHERE thing = ? AND thing_group > ? ORDER BY thing_group LIMIT ?",
      thing.name,
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.name]);
    return { thingGroups: page.items.map((row) => groupNameAndArn(iot, row.name)), nextToken: page.next };
  },

  /** With `recursive`, the things of child groups too. */
  ListThingsInThingGroup: (input, iot) => {
    const group = getThingGroup(iot, input.thingGroupName);
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const among = input.recursive === true ? "IN (SELECT name FROM below)" : "= ?1";
    const rows = iot.store.all<{ thing: string }>(
      `${BELOW} SELECT DISTINCT thing FROM memberships WHERE thing_group ${among} AND thing > ? ORDER BY thing LIMIT ?`,
      group.name,
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.thing]);
    return { things: page.items.map((row) => row.thing), nextToken: page.next };
  },
};
