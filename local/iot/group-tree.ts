import { notFound } from "./errors.ts";
import type { Iot } from "./state.ts";

export interface ThingGroupRow {
  readonly name: string;
  readonly id: string;
  readonly parent: string | null;
  readonly description: string | null;
  readonly attributes: string;
  readonly version: number;
  readonly created_at: number;
}

/** The group and everything below it, as a common table expression `below (name)`; `?1` is the group's name. */
export const BELOW = `WITH RECURSIVE below (name) AS (
  SELECT ?1 UNION SELECT child.name FROM thing_groups AS child JOIN below ON child.parent = below.name
)`;

export const findThingGroup = (iot: Iot, name: string): ThingGroupRow | undefined =>
  iot.store.get<ThingGroupRow>("SELECT * FROM thing_groups WHERE name = ?", name);

/** @throws ResourceNotFoundException (404) */
export const getThingGroup = (iot: Iot, name: string): ThingGroupRow => {
  const group = findThingGroup(iot, name);
  if (group === undefined) throw notFound(`Thing group ${name} not found`);
  return group;
};

export const groupNameAndArn = (iot: Iot, name: string) => ({ groupName: name, groupArn: iot.arn("thinggroup", name) });

/** The groups above, from the root to the direct parent. */
export const ancestors = (iot: Iot, group: ThingGroupRow): string[] => {
  const names: string[] = [];
  for (let parent = group.parent; parent !== null; parent = findThingGroup(iot, parent)?.parent ?? null)
    names.unshift(parent);
  return names;
};
