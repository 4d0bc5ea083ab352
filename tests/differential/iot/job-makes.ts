import type { CreateJobRequest } from "@aws-sdk/client-iot";
import { arn, type World } from "./world.ts";

export const DOCUMENT = JSON.stringify({ operation: "reboot" });

export const newThing = async ({ iot, unique }: World): Promise<string> => {
  const thingName = unique("worker");
  await iot.createThing({ thingName });
  return thingName;
};

/** A group of so many things. */
export const newGroup = async (world: World, size = 0): Promise<string> => {
  const thingGroupName = world.unique("crew");
  await world.iot.createThingGroup({ thingGroupName });
  for (let member = 0; member < size; member += 1)
    await world.iot.addThingToThingGroup({ thingGroupName, thingName: await newThing(world) });
  return thingGroupName;
};

type Options = Partial<CreateJobRequest>;
export const newJob = async (world: World, thingGroupName: string, options: Options = {}): Promise<string> => {
  const jobId = world.unique("job");
  await world.iot.createJob({ jobId, targets: [arn(`thinggroup/${thingGroupName}`)], document: DOCUMENT, ...options });
  return jobId;
};
export const CONTINUOUS: Options = { targetSelection: "CONTINUOUS" };
export const things = (world: World, jobId: string) =>
  world.server.jobs.executions({ jobId }).map((one) => one.thingName);
