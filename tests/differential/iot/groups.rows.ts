import { expect } from "vitest";
import { newGroup, newMember } from "./makes.ts";
import { absent, arn, exists, guide, invalid, ok, QUOTAS, row, staleVersion } from "./world.ts";

export const groupRows = [
  row(
    "CreateThingGroup",
    "new, with tags",
    ({ iot }) => iot.createThingGroup({ thingGroupName: "group-new", tags: [{ Key: "k", Value: "v" }] }),
    ok({
      thingGroupName: "group-new",
      thingGroupArn: arn("thinggroup/group-new"),
      thingGroupId: expect.stringMatching(/^[a-zA-Z0-9-]+$/),
    }),
  ),
  row(
    "CreateThingGroup",
    "again, with the same attributes",
    async (world) => world.iot.createThingGroup({ thingGroupName: await newGroup(world) }),
    ok(),
  ),
  row(
    "CreateThingGroup",
    "it exists with another description",
    async (world) =>
      world.iot.createThingGroup({
        thingGroupName: await newGroup(world),
        thingGroupProperties: { thingGroupDescription: "another" },
      }),
    exists({ resourceArn: expect.stringMatching(/:thinggroup\/group-/), resourceId: expect.any(String) }),
  ),
  row(
    "CreateThingGroup",
    "a hierarchy of seven",
    async (world) => {
      let parent = await newGroup(world);
      for (let depth = 2; depth < 7; depth += 1) parent = await newGroup(world, parent);
      return world.iot.createThingGroup({ thingGroupName: world.unique(), parentGroupName: parent });
    },
    ok(),
    QUOTAS,
  ),
  row(
    "CreateThingGroup",
    "a hierarchy of eight",
    async (world) => {
      let parent = await newGroup(world);
      for (let depth = 2; depth <= 7; depth += 1) parent = await newGroup(world, parent);
      return world.iot.createThingGroup({ thingGroupName: world.unique(), parentGroupName: parent });
    },
    invalid(),
    QUOTAS,
  ),
  row(
    "CreateThingGroup",
    "a child more than 100",
    async (world) => {
      const parentGroupName = await newGroup(world);
      for (let child = 0; child < 100; child += 1) await newGroup(world, parentGroupName);
      return world.iot.createThingGroup({ thingGroupName: world.unique(), parentGroupName });
    },
    invalid(),
    QUOTAS,
  ),
  row(
    "CreateThingGroup",
    "a dot in the name",
    ({ iot }) => iot.createThingGroup({ thingGroupName: "a.b" }),
    invalid(),
    "model:ThingGroupName",
  ),
  row(
    "DescribeThingGroup",
    "with groups above it",
    async ({ iot }) => {
      await iot.createThingGroup({ thingGroupName: "root" });
      await iot.createThingGroup({ thingGroupName: "root-a", parentGroupName: "root" });
      await iot.createThingGroup({ thingGroupName: "root-a-b", parentGroupName: "root-a" });
      return iot.describeThingGroup({ thingGroupName: "root-a-b" });
    },
    ok({
      thingGroupName: "root-a-b",
      version: 1,
      thingGroupMetadata: {
        parentGroupName: "root-a",
        creationDate: expect.any(Date),
        rootToParentThingGroups: [
          { groupName: "root", groupArn: arn("thinggroup/root") },
          { groupName: "root-a", groupArn: arn("thinggroup/root-a") },
        ],
      },
    }),
  ),
  row(
    "DescribeThingGroup",
    "it does not exist",
    ({ iot }) => iot.describeThingGroup({ thingGroupName: "no" }),
    absent(),
  ),
  row(
    "UpdateThingGroup",
    "of the expected version",
    async (world) =>
      world.iot.updateThingGroup({
        thingGroupName: await newGroup(world),
        thingGroupProperties: { attributePayload: { attributes: { a: "1" } } },
        expectedVersion: 1,
      }),
    ok({ version: 2 }),
  ),
  row(
    "UpdateThingGroup",
    "the expected version is another",
    async (world) =>
      world.iot.updateThingGroup({
        thingGroupName: await newGroup(world),
        thingGroupProperties: {},
        expectedVersion: 7,
      }),
    staleVersion(),
  ),
  row(
    "UpdateThingGroup",
    "51 attributes",
    async (world) =>
      world.iot.updateThingGroup({
        thingGroupName: await newGroup(world),
        thingGroupProperties: {
          attributePayload: {
            attributes: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`a${index}`, "v"])),
          },
        },
      }),
    invalid(),
    QUOTAS,
  ),
  row(
    "UpdateThingGroup",
    "it does not exist",
    ({ iot }) => iot.updateThingGroup({ thingGroupName: "no", thingGroupProperties: {} }),
    absent(),
  ),
  row(
    "DeleteThingGroup",
    "with things in it",
    async (world) => {
      const thingGroupName = await newGroup(world);
      await newMember(world, thingGroupName);
      return world.iot.deleteThingGroup({ thingGroupName });
    },
    ok(),
  ),
  row("DeleteThingGroup", "it does not exist", ({ iot }) => iot.deleteThingGroup({ thingGroupName: "no" }), ok()),
  row(
    "DeleteThingGroup",
    "it has a child",
    async (world) => {
      const thingGroupName = await newGroup(world);
      await newGroup(world, thingGroupName);
      return world.iot.deleteThingGroup({ thingGroupName });
    },
    invalid(),
    guide("thing-groups"),
  ),
  row(
    "DeleteThingGroup",
    "the expected version is another",
    async (world) => world.iot.deleteThingGroup({ thingGroupName: await newGroup(world), expectedVersion: 7 }),
    staleVersion(),
  ),
  row(
    "ListThingGroups",
    "by a prefix of the name",
    async ({ iot }) => {
      await iot.createThingGroup({ thingGroupName: "prefixed-group" });
      return iot.listThingGroups({ namePrefixFilter: "prefixed-g" });
    },
    ok({ thingGroups: [{ groupName: "prefixed-group", groupArn: arn("thinggroup/prefixed-group") }] }),
  ),
  row(
    "ListThingGroups",
    "below a group, at any depth",
    async ({ iot }) => {
      await iot.createThingGroup({ thingGroupName: "above" });
      await iot.createThingGroup({ thingGroupName: "above-1", parentGroupName: "above" });
      await iot.createThingGroup({ thingGroupName: "above-2", parentGroupName: "above-1" });
      return iot.listThingGroups({ parentGroup: "above", recursive: true });
    },
    ok({ thingGroups: [{ groupName: "above-1" }, { groupName: "above-2" }] }),
  ),
  row(
    "ListThingGroups",
    "below one that does not exist",
    ({ iot }) => iot.listThingGroups({ parentGroup: "no" }),
    absent(),
  ),
];
