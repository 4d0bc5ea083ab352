import { expect } from "vitest";
import { absent, api, arn, exists, guide, invalid, ok, QUOTAS, row, staleVersion, type World } from "./world.ts";

const attributes = (values: Record<string, string>, merge?: boolean) => ({
  attributePayload: { attributes: values, ...(merge !== undefined && { merge }) },
});
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, "v"]));

const newThing = async ({ iot, unique }: World, values: Record<string, string> = {}): Promise<string> => {
  const thingName = unique("thing");
  await iot.createThing({ thingName, ...attributes(values) });
  return thingName;
};
const newType = async ({ iot, unique }: World): Promise<string> => {
  const thingTypeName = unique("type");
  await iot.createThingType({ thingTypeName });
  return thingTypeName;
};
const MINUTE = 60_000;

const types = [
  row(
    "CreateThingType",
    "new",
    ({ iot }) => iot.createThingType({ thingTypeName: "type-new" }),
    ok({
      thingTypeName: "type-new",
      thingTypeArn: arn("thingtype/type-new"),
      thingTypeId: expect.stringMatching(/^[0-9a-zA-Z-]+$/),
    }),
  ),
  row(
    "CreateThingType",
    "it exists with other properties",
    async (world) =>
      world.iot.createThingType({
        thingTypeName: await newType(world),
        thingTypeProperties: { thingTypeDescription: "another" },
      }),
    exists({ resourceArn: expect.stringMatching(/:thingtype\/type-/), resourceId: expect.any(String) }),
  ),
  row(
    "DescribeThingType",
    "it is in use",
    async ({ iot }) => {
      await iot.createThingType({
        thingTypeName: "type-described",
        thingTypeProperties: { thingTypeDescription: "d", searchableAttributes: ["a"] },
      });
      return iot.describeThingType({ thingTypeName: "type-described" });
    },
    ok({
      thingTypeName: "type-described",
      thingTypeProperties: { thingTypeDescription: "d", searchableAttributes: ["a"] },
      thingTypeMetadata: { deprecated: false, creationDate: expect.any(Date) },
    }),
  ),
  row("DescribeThingType", "it does not exist", ({ iot }) => iot.describeThingType({ thingTypeName: "no" }), absent()),
  row(
    "DeprecateThingType",
    "it is deprecated then",
    async (world) => {
      const thingTypeName = await newType(world);
      await world.iot.deprecateThingType({ thingTypeName });
      return world.iot.describeThingType({ thingTypeName });
    },
    ok({ thingTypeMetadata: { deprecated: true, deprecationDate: expect.any(Date) } }),
  ),
  row(
    "DeprecateThingType",
    "undone",
    async (world) => {
      const thingTypeName = await newType(world);
      await world.iot.deprecateThingType({ thingTypeName });
      await world.iot.deprecateThingType({ thingTypeName, undoDeprecate: true });
      return world.iot.createThing({ thingName: world.unique(), thingTypeName });
    },
    ok(),
  ),
  row(
    "DeprecateThingType",
    "it does not exist",
    ({ iot }) => iot.deprecateThingType({ thingTypeName: "no" }),
    absent(),
  ),
  row(
    "DeleteThingType",
    "it is not deprecated",
    async (world) => world.iot.deleteThingType({ thingTypeName: await newType(world) }),
    invalid(),
  ),
  row(
    "DeleteThingType",
    "deprecated for less than five minutes",
    async (world) => {
      const thingTypeName = await newType(world);
      await world.iot.deprecateThingType({ thingTypeName });
      world.clock.advance(5 * MINUTE - 1);
      return world.iot.deleteThingType({ thingTypeName });
    },
    invalid(),
  ),
  row(
    "DeleteThingType",
    "deprecated for five minutes",
    async (world) => {
      const thingTypeName = await newType(world);
      await world.iot.deprecateThingType({ thingTypeName });
      world.clock.advance(5 * MINUTE);
      return world.iot.deleteThingType({ thingTypeName });
    },
    ok(),
  ),
  row(
    "DeleteThingType",
    "a thing has it",
    async (world) => {
      const thingTypeName = await newType(world);
      await world.iot.createThing({ thingName: world.unique(), thingTypeName });
      await world.iot.deprecateThingType({ thingTypeName });
      world.clock.advance(5 * MINUTE);
      return world.iot.deleteThingType({ thingTypeName });
    },
    invalid(),
  ),
  row("DeleteThingType", "it does not exist", ({ iot }) => iot.deleteThingType({ thingTypeName: "no" }), absent()),
  row(
    "ListThingTypes",
    "one, by its name",
    async (world) => world.iot.listThingTypes({ thingTypeName: await newType(world) }),
    ok({ thingTypes: [{ thingTypeMetadata: { deprecated: false } }] }),
  ),
];

const things = [
  row(
    "CreateThing",
    "new",
    ({ iot }) => iot.createThing({ thingName: "thing:new_1-a" }),
    ok({
      thingName: "thing:new_1-a",
      thingArn: arn("thing/thing:new_1-a"),
      thingId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    }),
  ),
  row(
    "CreateThing",
    "again, with the same configuration",
    async (world) =>
      world.iot.createThing({
        thingName: await newThing(world, { a: "1", b: "2" }),
        ...attributes({ b: "2", a: "1" }),
      }),
    ok(),
  ),
  row(
    "CreateThing",
    "it exists with other attributes",
    async (world) => world.iot.createThing({ thingName: await newThing(world), ...attributes({ a: "1" }) }),
    exists({ resourceArn: expect.stringMatching(/:thing\/thing-/), resourceId: expect.any(String) }),
  ),
  row(
    "CreateThing",
    "it exists with another type",
    async (world) => world.iot.createThing({ thingName: await newThing(world), thingTypeName: await newType(world) }),
    exists(),
  ),
  row(
    "CreateThing",
    "of a type that does not exist",
    ({ iot, unique }) => iot.createThing({ thingName: unique(), thingTypeName: "no" }),
    absent(),
  ),
  row(
    "CreateThing",
    "of a deprecated type",
    async (world) => {
      const thingTypeName = await newType(world);
      await world.iot.deprecateThingType({ thingTypeName });
      return world.iot.createThing({ thingName: world.unique(), thingTypeName });
    },
    invalid(),
    guide("thing-types"),
  ),
  row(
    "CreateThing",
    "in a billing group that does not exist",
    ({ iot, unique }) => iot.createThing({ thingName: unique(), billingGroupName: "no" }),
    absent(),
  ),
  row(
    "CreateThing",
    "a space in the name",
    ({ iot }) => iot.createThing({ thingName: "a b" }),
    invalid(),
    "model:ThingName",
  ),
  row(
    "CreateThing",
    "a name of 128",
    ({ iot }) => iot.createThing({ thingName: "t".repeat(128) }),
    ok(),
    "model:ThingName",
  ),
  row(
    "CreateThing",
    "a name of 129",
    ({ iot }) => iot.createThing({ thingName: "t".repeat(129) }),
    invalid(),
    "model:ThingName",
  ),
  row(
    "CreateThing",
    "an attribute's value of 801",
    ({ iot, unique }) => iot.createThing({ thingName: unique(), ...attributes({ a: "v".repeat(801) }) }),
    invalid(),
    "model:AttributeValue",
  ),
  row(
    "CreateThing",
    "four attributes without a type",
    ({ iot, unique }) => iot.createThing({ thingName: unique(), ...attributes(many(4)) }),
    invalid(),
    QUOTAS,
  ),
  row(
    "CreateThing",
    "50 attributes with a type",
    async (world) =>
      world.iot.createThing({
        thingName: world.unique(),
        thingTypeName: await newType(world),
        ...attributes(many(50)),
      }),
    ok(),
    QUOTAS,
  ),
  row(
    "CreateThing",
    "51 attributes with a type",
    async (world) =>
      world.iot.createThing({
        thingName: world.unique(),
        thingTypeName: await newType(world),
        ...attributes(many(51)),
      }),
    invalid(),
    QUOTAS,
  ),
  row(
    "DescribeThing",
    "it is new",
    async ({ iot }) => {
      await iot.createThing({ thingName: "thing-described", ...attributes({ a: "1" }) });
      return iot.describeThing({ thingName: "thing-described" });
    },
    ok({
      thingName: "thing-described",
      thingArn: arn("thing/thing-described"),
      defaultClientId: "thing-described",
      attributes: { a: "1" },
      version: 1,
    }),
  ),
  row("DescribeThing", "it does not exist", ({ iot }) => iot.describeThing({ thingName: "no" }), absent()),
  row(
    "UpdateThing",
    "attributes merged, and one removed by an empty value",
    async (world) => {
      const thingName = await newThing(world, { a: "1", b: "2" });
      await world.iot.updateThing({ thingName, ...attributes({ a: "", c: "3" }, true) });
      return world.iot.describeThing({ thingName });
    },
    ok({ attributes: { b: "2", c: "3" }, version: 2 }),
    api("AttributePayload"),
  ),
  row(
    "UpdateThing",
    "attributes replaced",
    async (world) => {
      const thingName = await newThing(world, { a: "1", b: "2" });
      await world.iot.updateThing({ thingName, ...attributes({ z: "9" }) });
      const { attributes: found } = await world.iot.describeThing({ thingName });
      return { ...(await world.iot.updateThing({ thingName })), names: Object.keys(found ?? {}) };
    },
    ok({ names: ["z"] }),
    api("AttributePayload"),
  ),
  row(
    "UpdateThing",
    "the expected version is another",
    async (world) => world.iot.updateThing({ thingName: await newThing(world), expectedVersion: 7 }),
    staleVersion(),
  ),
  row(
    "UpdateThing",
    "a type both given and removed",
    async (world) =>
      world.iot.updateThing({
        thingName: await newThing(world),
        thingTypeName: await newType(world),
        removeThingType: true,
      }),
    invalid(),
  ),
  row("UpdateThing", "it does not exist", ({ iot }) => iot.updateThing({ thingName: "no" }), absent()),
  row("DeleteThing", "it exists", async (world) => world.iot.deleteThing({ thingName: await newThing(world) }), ok()),
  row("DeleteThing", "it does not exist", ({ iot }) => iot.deleteThing({ thingName: "no" }), ok()),
  row(
    "DeleteThing",
    "the expected version is another",
    async (world) => world.iot.deleteThing({ thingName: await newThing(world), expectedVersion: 7 }),
    staleVersion(),
  ),
  row(
    "DeleteThing",
    "a principal is attached",
    async (world) => {
      const thingName = await newThing(world);
      const { certificateArn } = await world.iot.createKeysAndCertificate({});
      await world.iot.attachThingPrincipal({ thingName, principal: certificateArn });
      return world.iot.deleteThing({ thingName });
    },
    invalid(),
    guide("thing-registry"),
  ),
  row(
    "ListThings",
    "by an attribute's value",
    async ({ iot }) => {
      await iot.createThing({ thingName: "thing-listed", ...attributes({ listed: "by-value" }) });
      return iot.listThings({ attributeName: "listed", attributeValue: "by-value" });
    },
    ok({
      things: [
        {
          thingName: "thing-listed",
          thingArn: arn("thing/thing-listed"),
          attributes: { listed: "by-value" },
          version: 1,
        },
      ],
    }),
  ),
  row(
    "ListThings",
    "by a prefix of an attribute's value",
    async ({ iot }) => {
      await iot.createThing({ thingName: "thing-prefixed", ...attributes({ prefixed: "one-two" }) });
      return iot.listThings({ attributeName: "prefixed", attributeValue: "one", usePrefixAttributeValue: true });
    },
    ok({ things: [{ thingName: "thing-prefixed" }] }),
  ),
  row(
    "ListThings",
    "by a type, and a second page",
    async (world) => {
      const thingTypeName = await newType(world);
      for (const thingName of ["paged-1", "paged-2"]) await world.iot.createThing({ thingName, thingTypeName });
      const { nextToken } = await world.iot.listThings({ thingTypeName, maxResults: 1 });
      return world.iot.listThings({ thingTypeName, maxResults: 1, ...(nextToken !== undefined && { nextToken }) });
    },
    ok({ things: [{ thingName: "paged-2" }], nextToken: undefined }),
  ),
  row(
    "ListThings",
    "251 a page",
    ({ iot }) => iot.listThings({ maxResults: 251 }),
    invalid(),
    "model:RegistryMaxResults",
  ),
  row("ListThings", "a token that is none", ({ iot }) => iot.listThings({ nextToken: "none" }), invalid()),
];

export const thingRows = [...types, ...things];
