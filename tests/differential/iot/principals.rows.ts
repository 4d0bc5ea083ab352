import { expect } from "vitest";
import { NONE, newCertificate, newThing } from "./makes.ts";
import { absent, api, arn, guide, invalid, ok, row } from "./world.ts";

export const principalRows = [
  row(
    "AttachThingPrincipal",
    "a certificate, twice",
    async (world) => {
      const { certificateArn: principal } = await newCertificate(world);
      const thingName = await newThing(world);
      await world.iot.attachThingPrincipal({ thingName, principal });
      return world.iot.attachThingPrincipal({ thingName, principal });
    },
    ok(),
  ),
  row(
    "AttachThingPrincipal",
    "an Amazon Cognito identity",
    async (world) =>
      world.iot.attachThingPrincipal({
        thingName: await newThing(world),
        principal: "eu-central-1:12345678-1234-1234-1234-123456789012",
      }),
    ok(),
  ),
  row(
    "AttachThingPrincipal",
    "a certificate that does not exist",
    async (world) =>
      world.iot.attachThingPrincipal({ thingName: await newThing(world), principal: arn(`cert/${NONE}`) }),
    absent(),
  ),
  row(
    "AttachThingPrincipal",
    "the thing does not exist",
    async (world) => {
      const { certificateArn: principal } = await newCertificate(world);
      return world.iot.attachThingPrincipal({ thingName: "no", principal });
    },
    absent(),
  ),
  row(
    "AttachThingPrincipal",
    "what is no principal",
    async (world) => world.iot.attachThingPrincipal({ thingName: await newThing(world), principal: "someone" }),
    invalid(),
  ),
  row(
    "AttachThingPrincipal",
    "exclusively, and then to another thing",
    async (world) => {
      const { certificateArn: principal } = await newCertificate(world);
      const thingPrincipalType = "EXCLUSIVE_THING";
      await world.iot.attachThingPrincipal({ thingName: await newThing(world), principal, thingPrincipalType });
      return world.iot.attachThingPrincipal({ thingName: await newThing(world), principal });
    },
    invalid(),
    guide("exclusive-thing"),
  ),
  row(
    "DetachThingPrincipal",
    "it is gone then",
    async (world) => {
      const { certificateArn: principal } = await newCertificate(world);
      const thingName = await newThing(world);
      await world.iot.attachThingPrincipal({ thingName, principal });
      await world.iot.detachThingPrincipal({ thingName, principal });
      return world.iot.listThingPrincipals({ thingName });
    },
    ok({ principals: [] }),
  ),
  row(
    "DetachThingPrincipal",
    "the thing does not exist",
    async (world) => {
      const { certificateArn: principal } = await newCertificate(world);
      return world.iot.detachThingPrincipal({ thingName: "no", principal });
    },
    absent(),
  ),
  row(
    "ListThingPrincipals",
    "a certificate",
    async (world) => {
      const { certificateArn: principal } = await newCertificate(world);
      const thingName = await newThing(world);
      await world.iot.attachThingPrincipal({ thingName, principal });
      return world.iot.listThingPrincipals({ thingName });
    },
    ok({ principals: [expect.stringMatching(/:cert\/[0-9a-f]{64}$/)] }),
  ),
  row("ListThingPrincipals", "it does not exist", ({ iot }) => iot.listThingPrincipals({ thingName: "no" }), absent()),
  row(
    "ListThingPrincipalsV2",
    "with the kind of the relation",
    async (world) => {
      const { certificateArn: principal } = await newCertificate(world);
      const thingName = await newThing(world);
      await world.iot.attachThingPrincipal({ thingName, principal, thingPrincipalType: "EXCLUSIVE_THING" });
      return world.iot.listThingPrincipalsV2({ thingName });
    },
    ok({ thingPrincipalObjects: [{ principal: expect.any(String), thingPrincipalType: "EXCLUSIVE_THING" }] }),
  ),
  row(
    "ListThingPrincipalsV2",
    "of the other kind alone",
    async (world) => {
      const { certificateArn: principal } = await newCertificate(world);
      const thingName = await newThing(world);
      await world.iot.attachThingPrincipal({ thingName, principal });
      return world.iot.listThingPrincipalsV2({ thingName, thingPrincipalType: "EXCLUSIVE_THING" });
    },
    ok({ thingPrincipalObjects: [] }),
  ),
  row(
    "ListPrincipalThings",
    "two things of one certificate",
    async (world) => {
      const { certificateArn: principal } = await newCertificate(world);
      for (const thingName of ["shared-1", "shared-2"]) {
        await world.iot.createThing({ thingName });
        await world.iot.attachThingPrincipal({ thingName, principal });
      }
      return world.iot.listPrincipalThings({ principal });
    },
    ok({ things: ["shared-1", "shared-2"] }),
  ),
  row(
    "ListPrincipalThings",
    "of a certificate that does not exist",
    ({ iot }) => iot.listPrincipalThings({ principal: arn(`cert/${NONE}`) }),
    absent(),
  ),
  row(
    "ListPrincipalThingsV2",
    "a thing, with the kind of the relation",
    async (world) => {
      const { certificateArn: principal } = await newCertificate(world);
      await world.iot.attachThingPrincipal({ thingName: await newThing(world), principal });
      return world.iot.listPrincipalThingsV2({ principal });
    },
    ok({
      principalThingObjects: [
        { thingName: expect.stringMatching(/^holder-/), thingPrincipalType: "NON_EXCLUSIVE_THING" },
      ],
    }),
    api("PrincipalThingObject"),
  ),
];
