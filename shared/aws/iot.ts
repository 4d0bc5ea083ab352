import {
  AddThingToThingGroupCommand,
  CreatePolicyCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  CreateThingTypeCommand,
  DeletePolicyCommand,
  DeleteThingGroupCommand,
  DeleteThingTypeCommand,
  DeprecateThingTypeCommand,
  DescribeThingGroupCommand,
  DescribeThingTypeCommand,
  GetPolicyCommand,
  IoTClient,
  paginateListJobExecutionsForThing,
  paginateListThingGroupsForThing,
  paginateListThingsInThingGroup,
  RemoveThingFromThingGroupCommand,
} from "@aws-sdk/client-iot";
import type { ListedExecution } from "../deployment/placement.ts";
import { AppError } from "../problems.ts";
import { isAwsError } from "./aws-errors.ts";
import { clientSettings, once } from "./settings.ts";

const client = once(() => new IoTClient(clientSettings));

/** The region that the SDK works in. */
export const region = (): Promise<string> => client().config.region();

/** Idempotent: IoT answers an equal thing with the existing one. */
export const createThing = async (thing: string, thingType: string, attributes: Record<string, string>) => {
  const { thingArn } = await client().send(
    new CreateThingCommand({ thingName: thing, thingTypeName: thingType, attributePayload: { attributes } }),
  );
  return thingArn;
};

/** Idempotent. @returns the group's ARN. */
export const createThingGroup = async (group: string, description: string): Promise<string> => {
  const { thingGroupArn } = await client().send(
    new CreateThingGroupCommand({
      thingGroupName: group,
      thingGroupProperties: { thingGroupDescription: description },
    }),
  );
  if (thingGroupArn === undefined) throw new AppError("unavailable", `IoT gave no ARN for thing group ${group}`);
  return thingGroupArn;
};

/** Idempotent: deleting an absent group succeeds. */
export const deleteThingGroup = async (group: string): Promise<void> => {
  await client().send(new DeleteThingGroupCommand({ thingGroupName: group }));
};

/** Idempotent. */
export const addToThingGroup = async (thing: string, group: string): Promise<void> => {
  await client().send(new AddThingToThingGroupCommand({ thingName: thing, thingGroupName: group }));
};

/** Idempotent, also when thing or group are gone. */
export const removeFromThingGroup = async (thing: string, group: string): Promise<void> => {
  try {
    await client().send(new RemoveThingFromThingGroupCommand({ thingName: thing, thingGroupName: group }));
  } catch (error) {
    if (!isAwsError(error, "ResourceNotFoundException")) throw error;
  }
};

/** The names of the groups that the thing is in; none when there is no such thing. */
export const groupsOfThing = async (thing: string): Promise<string[]> => {
  const names: string[] = [];
  try {
    for await (const page of paginateListThingGroupsForThing({ client: client() }, { thingName: thing })) {
      for (const { groupName } of page.thingGroups ?? []) if (groupName !== undefined) names.push(groupName);
    }
  } catch (error) {
    if (!isAwsError(error, "ResourceNotFoundException")) throw error;
  }
  return names;
};

/** The ARN of a thing group; undefined when there is none. */
export const thingGroupArn = async (group: string): Promise<string | undefined> => {
  try {
    return (await client().send(new DescribeThingGroupCommand({ thingGroupName: group }))).thingGroupArn;
  } catch (error) {
    if (isAwsError(error, "ResourceNotFoundException")) return undefined;
    throw error;
  }
};

/** The most things that a page of {@link thingsInGroup} has. */
export const THINGS_A_PAGE = 250;

/** The things of a group, page by page; none when there is no such group. */
export async function* thingsInGroup(group: string): AsyncGenerator<readonly string[]> {
  const pages = paginateListThingsInThingGroup(
    { client: client() },
    { thingGroupName: group, maxResults: THINGS_A_PAGE },
  );
  try {
    for await (const { things = [] } of pages) yield things;
  } catch (error) {
    if (!isAwsError(error, "ResourceNotFoundException")) throw error;
  }
}

/** The namespace of Greengrass's jobs. https://docs.aws.amazon.com/greengrass/v2/developerguide/device-auth.html */
const GREENGRASS_JOBS = "aws-gg-deployment";

/** What became of Greengrass's jobs on a thing, as far as AWS IoT keeps it; nothing when there is no such thing. */
export const executionsOfThing = async (thing: string): Promise<ListedExecution[]> => {
  const found: ListedExecution[] = [];
  const pages = paginateListJobExecutionsForThing(
    { client: client() },
    { thingName: thing, namespaceId: GREENGRASS_JOBS, maxResults: 250 },
  );
  try {
    for await (const { executionSummaries = [] } of pages) {
      for (const { jobId, jobExecutionSummary } of executionSummaries) {
        const { status, lastUpdatedAt } = jobExecutionSummary ?? {};
        if (jobId === undefined || status === undefined) continue;
        found.push({ jobId, status, updatedAt: lastUpdatedAt?.getTime() ?? 0 });
      }
    }
  } catch (error) {
    if (!isAwsError(error, "ResourceNotFoundException")) throw error;
  }
  return found;
};

/** Idempotent: IoT answers an equal type with the existing one; a type cannot be changed in what we set. */
export const createThingType = async (name: string, description: string): Promise<void> => {
  await client().send(
    new CreateThingTypeCommand({
      thingTypeName: name,
      thingTypeProperties: { thingTypeDescription: description },
    }),
  );
};

/**
 * Deprecates and deletes. AWS refuses the deletion until 5 minutes after the deprecation.
 * @throws AppError `busy` while it does: the workflow tries again.
 */
export const deleteThingType = async (name: string): Promise<void> => {
  try {
    const { thingTypeMetadata } = await client().send(new DescribeThingTypeCommand({ thingTypeName: name }));
    if (thingTypeMetadata?.deprecated !== true) {
      await client().send(new DeprecateThingTypeCommand({ thingTypeName: name }));
    }
    await client().send(new DeleteThingTypeCommand({ thingTypeName: name }));
  } catch (error) {
    if (isAwsError(error, "ResourceNotFoundException")) return;
    if (isAwsError(error, "InvalidRequestException")) {
      throw new AppError("busy", `IoT does not yet delete the thing type ${name}`, { cause: error });
    }
    throw error;
  }
};

/** Idempotent when the document is the same. @throws AppError `conflict` when a policy of the name says otherwise. */
export const createPolicy = async (name: string, document: string): Promise<void> => {
  try {
    await client().send(new CreatePolicyCommand({ policyName: name, policyDocument: document }));
  } catch (error) {
    if (!isAwsError(error, "ResourceAlreadyExistsException")) throw error;
    const existing = await client().send(new GetPolicyCommand({ policyName: name }));
    if (existing.policyDocument !== document) {
      throw new AppError("conflict", `the IoT policy ${name} exists with another document`, { cause: error });
    }
  }
};

/** Idempotent. */
export const deletePolicy = async (name: string): Promise<void> => {
  try {
    await client().send(new DeletePolicyCommand({ policyName: name }));
  } catch (error) {
    if (!isAwsError(error, "ResourceNotFoundException")) throw error;
  }
};
