import { newGroup, newThing } from "./makes.ts";
import { absent, api, arn, guide, invalid, ok, row, tooMany } from "./world.ts";

export const tagRows = [
  row(
    "TagResource",
    "a group",
    async (world) => {
      const resourceArn = arn(`thinggroup/${await newGroup(world)}`);
      await world.iot.tagResource({ resourceArn, tags: [{ Key: "a", Value: "1" }] });
      return world.iot.listTagsForResource({ resourceArn });
    },
    ok({ tags: [{ Key: "a", Value: "1" }] }),
  ),
  row(
    "TagResource",
    "51 tags",
    async (world) =>
      world.iot.tagResource({
        resourceArn: arn(`thinggroup/${await newGroup(world)}`),
        tags: Array.from({ length: 51 }, (_, index) => ({ Key: `k${index}`, Value: "v" })),
      }),
    tooMany(),
    guide("tagging-iot"),
  ),
  row(
    "TagResource",
    "a thing, which has no tags",
    async (world) =>
      world.iot.tagResource({ resourceArn: arn(`thing/${await newThing(world)}`), tags: [{ Key: "a", Value: "1" }] }),
    invalid(),
    guide("tagging-iot"),
  ),
  row(
    "UntagResource",
    "one of two",
    async (world) => {
      const resourceArn = arn(`thinggroup/${await newGroup(world)}`);
      await world.iot.tagResource({
        resourceArn,
        tags: [
          { Key: "a", Value: "1" },
          { Key: "b", Value: "2" },
        ],
      });
      await world.iot.untagResource({ resourceArn, tagKeys: ["a"] });
      return world.iot.listTagsForResource({ resourceArn });
    },
    ok({ tags: [{ Key: "b", Value: "2" }] }),
  ),
  row(
    "UntagResource",
    "of what does not exist",
    ({ iot }) => iot.untagResource({ resourceArn: arn("thinggroup/no"), tagKeys: ["a"] }),
    absent(),
  ),
  row(
    "ListTagsForResource",
    "of what was made with tags",
    async ({ iot, unique }) => {
      const thingGroupName = unique("tagged");
      await iot.createThingGroup({ thingGroupName, tags: [{ Key: "k", Value: "v" }] });
      return iot.listTagsForResource({ resourceArn: arn(`thinggroup/${thingGroupName}`) });
    },
    ok({ tags: [{ Key: "k", Value: "v" }] }),
    api("CreateThingGroup"),
  ),
  row(
    "ListTagsForResource",
    "of what does not exist",
    ({ iot }) => iot.listTagsForResource({ resourceArn: arn("thinggroup/no") }),
    absent(),
  ),
];
