import { expect } from "vitest";
import { newGroup, newMember, newThing } from "./makes.ts";
import { absent, arn, guide, invalid, ok, row } from "./world.ts";

export const membershipRows = [
  row(
    "AddThingToThingGroup",
    "by names",
    async (world) =>
      world.iot.addThingToThingGroup({ thingGroupName: await newGroup(world), thingName: await newThing(world) }),
    ok(),
  ),
  row(
    "AddThingToThingGroup",
    "by ARNs",
    async (world) =>
      world.iot.addThingToThingGroup({
        thingGroupArn: arn(`thinggroup/${await newGroup(world)}`),
        thingArn: arn(`thing/${await newThing(world)}`),
      }),
    ok(),
  ),
  row(
    "AddThingToThingGroup",
    "without a thing",
    async (world) => world.iot.addThingToThingGroup({ thingGroupName: await newGroup(world) }),
    invalid(),
  ),
  row(
    "AddThingToThingGroup",
    "the thing does not exist",
    async (world) => world.iot.addThingToThingGroup({ thingGroupName: await newGroup(world), thingName: "no" }),
    absent(),
  ),
  row(
    "AddThingToThingGroup",
    "the group does not exist",
    async (world) => world.iot.addThingToThingGroup({ thingGroupName: "no", thingName: await newThing(world) }),
    absent(),
  ),
  row(
    "AddThingToThingGroup",
    "two groups of one hierarchy",
    async (world) => {
      const parent = await newGroup(world);
      const thingName = await newMember(world, await newGroup(world, parent));
      return world.iot.addThingToThingGroup({ thingGroupName: parent, thingName });
    },
    invalid(),
    guide("thing-groups"),
  ),
  row(
    "AddThingToThingGroup",
    "an eleventh group",
    async (world) => {
      const thingName = await newThing(world);
      for (let count = 0; count < 10; count += 1)
        await world.iot.addThingToThingGroup({ thingGroupName: await newGroup(world), thingName });
      return world.iot.addThingToThingGroup({ thingGroupName: await newGroup(world), thingName });
    },
    invalid(),
    guide("thing-groups"),
  ),
  row(
    "RemoveThingFromThingGroup",
    "a member",
    async (world) => {
      const thingGroupName = await newGroup(world);
      const thingName = await newMember(world, thingGroupName);
      await world.iot.removeThingFromThingGroup({ thingGroupName, thingName });
      return world.iot.listThingGroupsForThing({ thingName });
    },
    ok({ thingGroups: [] }),
  ),
  row(
    "RemoveThingFromThingGroup",
    "the group does not exist",
    async (world) => world.iot.removeThingFromThingGroup({ thingGroupName: "no", thingName: await newThing(world) }),
    absent(),
  ),
  row(
    "UpdateThingGroupsForThing",
    "one to leave and one to join",
    async (world) => {
      const left = await newGroup(world);
      const thingName = await newMember(world, left);
      await world.iot.createThingGroup({ thingGroupName: "joined" });
      await world.iot.updateThingGroupsForThing({
        thingName,
        thingGroupsToAdd: ["joined"],
        thingGroupsToRemove: [left],
      });
      return world.iot.listThingGroupsForThing({ thingName });
    },
    ok({ thingGroups: [{ groupName: "joined", groupArn: arn("thinggroup/joined") }] }),
  ),
  row(
    "UpdateThingGroupsForThing",
    "a group does not exist",
    async (world) =>
      world.iot.updateThingGroupsForThing({ thingName: await newThing(world), thingGroupsToAdd: ["no"] }),
    absent(),
  ),
  row(
    "ListThingGroupsForThing",
    "the thing does not exist",
    ({ iot }) => iot.listThingGroupsForThing({ thingName: "no" }),
    absent(),
  ),
  row(
    "ListThingGroupsForThing",
    "a second page",
    async (world) => {
      const thingName = await newThing(world);
      for (const thingGroupName of ["first-of", "second-of"]) {
        await world.iot.createThingGroup({ thingGroupName });
        await world.iot.addThingToThingGroup({ thingGroupName, thingName });
      }
      const { nextToken } = await world.iot.listThingGroupsForThing({ thingName, maxResults: 1 });
      return world.iot.listThingGroupsForThing({ thingName, ...(nextToken !== undefined && { nextToken }) });
    },
    ok({ thingGroups: [{ groupName: "second-of" }], nextToken: undefined }),
  ),
  row(
    "ListThingsInThingGroup",
    "not those of its children",
    async (world) => {
      const parent = await newGroup(world);
      await newMember(world, await newGroup(world, parent));
      return world.iot.listThingsInThingGroup({ thingGroupName: parent });
    },
    ok({ things: [] }),
  ),
  row(
    "ListThingsInThingGroup",
    "those of its children too",
    async (world) => {
      const parent = await newGroup(world);
      await newMember(world, await newGroup(world, parent));
      return world.iot.listThingsInThingGroup({ thingGroupName: parent, recursive: true });
    },
    ok({ things: [expect.stringMatching(/^member-/)] }),
  ),
  row(
    "ListThingsInThingGroup",
    "it does not exist",
    ({ iot }) => iot.listThingsInThingGroup({ thingGroupName: "no" }),
    absent(),
  ),
];
