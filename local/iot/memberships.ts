import { afterToken, cut } from "../aws-json/paging.ts";
import { nameInArn } from "./arns.ts";
import { invalidRequest, invalidToken } from "./errors.ts";
import { ancestors, BELOW, getThingGroup, groupNameAndArn, type ThingGroupRow } from "./group-tree.ts";
import { follow } from "./jobs-engine.ts";
import { change } from "./outbox.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";
import { getThing } from "./things.ts";

export const MEMBERSHIPS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS memberships (
    thing_group TEXT NOT NULL, thing TEXT NOT NULL, PRIMARY KEY (thing_group, thing)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS memberships_by_thing ON memberships (thing);
  CREATE TABLE IF NOT EXISTS unseen_memberships (
    thing_group TEXT NOT NULL, thing TEXT NOT NULL, joined INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (thing_group, thing)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS unseen_memberships_by_thing ON unseen_memberships (thing);
`;

/**
 * The memberships as they can be seen, which lag behind what they are, as a table expression; a placeholder takes the
 * time, twice. An unseen one is either a joining that is hidden or a leaving that still shows.
 */
const SEEN = `seen (thing_group, thing) AS (
  SELECT thing_group, thing FROM memberships AS is_so WHERE NOT EXISTS (
    SELECT 1 FROM unseen_memberships AS unseen WHERE unseen.thing_group = is_so.thing_group
    AND unseen.thing = is_so.thing AND unseen.until > ?)
  UNION ALL SELECT thing_group, thing FROM unseen_memberships WHERE joined = 0 AND until > ?
)`;

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

/** Notes a change that others see later. One that takes back what nobody has seen yet was never to be seen. */
const hide = (iot: Iot, group: string, thing: string, joined: boolean): void => {
  if (iot.membershipLagMs === 0) return;
  const now = iot.clock.now();
  iot.store.run("DELETE FROM unseen_memberships WHERE until <= ?", now);
  const opposite = "DELETE FROM unseen_memberships WHERE thing_group = ? AND thing = ?";
  if (iot.store.run(opposite, group, thing) > 0) return;
  const until = now + iot.membershipLagMs;
  iot.store.run("INSERT INTO unseen_memberships VALUES (?, ?, ?, ?)", group, thing, Number(joined), until);
};

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
  hide(iot, group.name, thing, true);
};

const remove = (iot: Iot, group: ThingGroupRow, thing: string): void => {
  const removed = iot.store.run("DELETE FROM memberships WHERE thing_group = ? AND thing = ?", group.name, thing);
  if (removed > 0) hide(iot, group.name, thing, false);
};

/** A group that a thing is in, as the Greengrass data plane lists it. */
export interface GroupOfThing {
  readonly name: string;
  readonly arn: string;
  /** The groups above it, from the root to its parent. */
  readonly rootToParent: readonly { readonly name: string; readonly arn: string }[];
}

/** The groups of a thing as they can be seen; none of a thing that does not exist. */
export const groupsSeen = (iot: Iot, thing: string): GroupOfThing[] => {
  const now = iot.clock.now();
  const rows = iot.store.all<{ name: string }>(
    `WITH ${SEEN} SELECT thing_group AS name FROM seen WHERE thing = ? ORDER BY thing_group`,
    now,
    now,
    thing,
  );
  return rows.map(({ name }) => ({
    name,
    arn: iot.arn("thinggroup", name),
    rootToParent: ancestors(iot, getThingGroup(iot, name)).map((above) => ({
      name: above,
      arn: iot.arn("thinggroup", above),
    })),
  }));
};

export const membershipHandlers: IotHandlers = {
  AddThingToThingGroup: (input, iot) => {
    const group = getThingGroup(iot, nameFrom(iot, "thinggroup", input.thingGroupName, input.thingGroupArn));
    const thing = getThing(iot, nameFrom(iot, "thing", input.thingName, input.thingArn));
    change(iot, () => {
      add(iot, group, thing.name);
      follow(iot, thing.name);
    });
    return {};
  },

  /** Succeeds for a thing that is not in the group. */
  RemoveThingFromThingGroup: (input, iot) => {
    const group = getThingGroup(iot, nameFrom(iot, "thinggroup", input.thingGroupName, input.thingGroupArn));
    const thing = getThing(iot, nameFrom(iot, "thing", input.thingName, input.thingArn));
    change(iot, () => {
      remove(iot, group, thing.name);
      follow(iot, thing.name);
    });
    return {};
  },

  /** All of the changes or none. https://docs.aws.amazon.com/iot/latest/apireference/API_UpdateThingGroupsForThing.html */
  UpdateThingGroupsForThing: (input, iot) => {
    const thing = getThing(iot, nameFrom(iot, "thing", input.thingName, undefined));
    const removed = (input.thingGroupsToRemove ?? []).map((name) => getThingGroup(iot, name));
    const added = (input.thingGroupsToAdd ?? []).map((name) => getThingGroup(iot, name));
    change(iot, () => {
      for (const group of removed) remove(iot, group, thing.name);
      for (const group of added) add(iot, group, thing.name);
      follow(iot, thing.name);
    });
    return {};
  },

  ListThingGroupsForThing: (input, iot) => {
    const thing = getThing(iot, input.thingName);
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const rows = iot.store.all<{ name: string }>(
      `WITH ${SEEN}
       SELECT thing_group AS name FROM seen WHERE thing = ? AND thing_group > ? ORDER BY thing_group LIMIT ?`,
      iot.clock.now(),
      iot.clock.now(),
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
      `${BELOW}, ${SEEN}
       SELECT DISTINCT thing FROM seen WHERE thing_group ${among} AND thing > ? ORDER BY thing LIMIT ?`,
      group.name,
      iot.clock.now(),
      iot.clock.now(),
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.thing]);
    return { things: page.items.map((row) => row.thing), nextToken: page.next };
  },
};
