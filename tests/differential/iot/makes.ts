import { request } from "./csr.ts";
import type { World } from "./world.ts";

/** The ID of a certificate that does not exist. */
export const NONE = "0".repeat(64);

export const newCertificate = async ({ iot }: World, setAsActive = false) => {
  const { certificateArn = "", certificateId = "" } = await iot.createCertificateFromCsr({
    certificateSigningRequest: await request(),
    setAsActive,
  });
  return { certificateArn, certificateId };
};
export const newThing = async ({ iot, unique }: World, prefix = "holder"): Promise<string> => {
  const thingName = unique(prefix);
  await iot.createThing({ thingName });
  return thingName;
};
export const newGroup = async ({ iot, unique }: World, parentGroupName?: string): Promise<string> => {
  const thingGroupName = unique("group");
  await iot.createThingGroup({ thingGroupName, ...(parentGroupName !== undefined && { parentGroupName }) });
  return thingGroupName;
};

export const newMember = async (world: World, thingGroupName: string): Promise<string> => {
  const thingName = await newThing(world, "member");
  await world.iot.addThingToThingGroup({ thingName, thingGroupName });
  return thingName;
};
