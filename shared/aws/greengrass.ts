import {
  CancelDeploymentCommand,
  CreateComponentVersionCommand,
  CreateDeploymentCommand,
  DeleteComponentCommand,
  DeleteDeploymentCommand,
  DescribeComponentCommand,
  GetComponentCommand,
  GetDeploymentCommand,
  GreengrassV2Client,
  ListDeploymentsCommand,
  paginateListComponentVersions,
} from "@aws-sdk/client-greengrassv2";
import type { DeployedComponent } from "../deployment/adopt.ts";
import type { SeenDeployment } from "../deployment/drift.ts";
import type { DeploymentContent } from "../deployment/resolve.ts";
import { createDeploymentSettings, type DeliverySettings } from "../deployment/settings.ts";
import { AppError } from "../problems.ts";
import { isAwsError } from "./aws-errors.ts";
import { clientSettings, once } from "./settings.ts";

const client = once(() => new GreengrassV2Client(clientSettings));

/** Greengrass takes letters, digits and hyphens; our ids have an underscore in a fixed place. */
const tokenOf = (id: string): string => id.replaceAll("_", "-");

/**
 * Hands a cell's content to Greengrass as a new revision of its thing group's deployment. The same token again answers
 * the same deployment.
 *
 * @returns its id, and the id of the job of AWS IoT that tells the devices
 */
export const createDeployment = async (
  targetArn: string,
  deploymentName: string,
  components: DeploymentContent,
  settings: DeliverySettings,
  clientToken: string,
): Promise<{ deploymentId: string; jobId: string }> => {
  const { deploymentId, iotJobId } = await client().send(
    new CreateDeploymentCommand({
      targetArn,
      deploymentName,
      clientToken: tokenOf(clientToken),
      ...createDeploymentSettings(settings),
      components: Object.fromEntries(
        Object.entries(components).map(([name, { componentVersion, configurationUpdate, runWith }]) => [
          name,
          { componentVersion, ...(configurationUpdate && { configurationUpdate }), ...(runWith && { runWith }) },
        ]),
      ),
    }),
  );
  if (deploymentId === undefined || iotJobId === undefined) {
    throw new AppError("unavailable", "Greengrass gave no ids for the deployment");
  }
  return { deploymentId, jobId: iotJobId };
};

/** A next revision of a target's deployment that deploys nothing, which for a thing alone has no job. The same token again is the same. */
export const deployNothing = async (targetArn: string, clientToken: string): Promise<void> => {
  await client().send(
    new CreateDeploymentCommand({ targetArn, deploymentName: "slipway-nothing", clientToken: tokenOf(clientToken) }),
  );
};

/** What a deployment deploys, by component; undefined when there is no such deployment. */
export const componentsOfDeployment = async (
  deploymentId: string,
): Promise<Readonly<Record<string, DeployedComponent>> | undefined> => {
  try {
    const { components = {} } = await client().send(new GetDeploymentCommand({ deploymentId }));
    return Object.fromEntries(
      Object.entries(components).map(([name, { componentVersion = "", configurationUpdate, runWith }]) => [
        name,
        {
          version: componentVersion,
          ...(configurationUpdate?.merge !== undefined && { merge: configurationUpdate.merge }),
          ...(configurationUpdate?.reset !== undefined && { reset: configurationUpdate.reset }),
          ...(runWith !== undefined && { runWith }),
        },
      ]),
    );
  } catch (error) {
    if (isAwsError(error, "ResourceNotFoundException")) return undefined;
    throw error;
  }
};

/** The newest deployment of a thing or a thing group. @param counting whether it is asked how many components it has */
export const latestDeployment = async (targetArn: string, counting: boolean): Promise<SeenDeployment | undefined> => {
  const { deployments = [] } = await client().send(
    new ListDeploymentsCommand({ targetArn, historyFilter: "LATEST_ONLY", maxResults: 1 }),
  );
  const [latest] = deployments;
  if (latest?.deploymentId === undefined) return undefined;
  const { deploymentId, deploymentStatus = "" } = latest;
  const components = counting ? Object.keys((await componentsOfDeployment(deploymentId)) ?? {}).length : 0;
  return { targetArn, deploymentId, status: deploymentStatus, components };
};

/** How long one call goes through a target's deployments. */
const DELETE_FOR_MS = 15_000;

/** Cancels and deletes every deployment of a target. Idempotent. @throws AppError `busy` when there are more */
export const deleteDeployments = async (targetArn: string): Promise<void> => {
  const deadline = Date.now() + DELETE_FOR_MS;
  while (Date.now() < deadline) {
    const { deployments = [] } = await client().send(
      new ListDeploymentsCommand({ targetArn, historyFilter: "ALL", maxResults: 50 }),
    );
    if (deployments.length === 0) return;
    let deleted = 0;
    for (const { deploymentId, deploymentStatus } of deployments) {
      try {
        if (deploymentStatus === "ACTIVE") await client().send(new CancelDeploymentCommand({ deploymentId }));
        await client().send(new DeleteDeploymentCommand({ deploymentId }));
        deleted += 1;
      } catch (error) {
        // The list lags behind, or the answer to the same request before this one was lost: the next list tells.
        if (!isAwsError(error, "ResourceNotFoundException", "ConflictException")) throw error;
      }
    }
    if (deleted === 0) throw new AppError("busy", "the target's deployments cannot be deleted yet");
  }
  throw new AppError("busy", "the target has more deployments than one step deletes");
};

/** The ARN that a version of one's own has. */
export const componentVersionArn = async (accountId: string, name: string, version: string): Promise<string> =>
  `${await componentArn(accountId, name)}:versions:${version}`;

/** The tag that says for which of our versions Greengrass has one. */
const OWNER_TAG = "slipway:version";

/**
 * Creates the version; the same token again answers the same one.
 * @param recipe JSON or YAML, which Greengrass gets byte for byte
 * @returns its ARN.
 */
export const createComponentVersion = async (
  recipe: string,
  versionId: string,
  clientToken: string,
): Promise<string> => {
  const { arn } = await client().send(
    new CreateComponentVersionCommand({
      inlineRecipe: new TextEncoder().encode(recipe),
      tags: { [OWNER_TAG]: versionId },
      clientToken: tokenOf(clientToken),
    }),
  );
  if (arn === undefined) throw new AppError("unavailable", "Greengrass gave no ARN for the component version");
  return arn;
};

/** A component version's state, the reason where it failed, and whose it is; undefined when there is none. */
export const describeComponent = async (
  arn: string,
): Promise<{ state: string; message?: string | undefined; versionId?: string | undefined } | undefined> => {
  try {
    const { status, tags } = await client().send(new DescribeComponentCommand({ arn }));
    return { state: status?.componentState ?? "REQUESTED", message: status?.message, versionId: tags?.[OWNER_TAG] };
  } catch (error) {
    if (isAwsError(error, "ResourceNotFoundException")) return undefined;
    throw error;
  }
};

/** The recipe as Greengrass gives it back, byte for byte, with the digests of the artifacts; and for which version of ours. */
export const getComponent = async (
  arn: string,
): Promise<{ readonly recipe: string; readonly versionId: string | undefined }> => {
  const { recipe, tags } = await client().send(new GetComponentCommand({ arn, recipeOutputFormat: "JSON" }));
  if (recipe === undefined) throw new AppError("unavailable", "Greengrass gave no recipe");
  return { recipe: new TextDecoder().decode(recipe), versionId: tags?.[OWNER_TAG] };
};

/** The ARN of a component of one's own. */
export const componentArn = async (accountId: string, name: string): Promise<string> =>
  `arn:aws:greengrass:${await client().config.region()}:${accountId}:components:${name}`;

/** The ARN of a component of AWS's. https://docs.aws.amazon.com/greengrass/v2/developerguide/public-components.html */
export const publicComponentArn = (name: string): Promise<string> => componentArn("aws", name);

/** All versions of a component, whoever made them; undefined when there is none. */
export const listVersions = async (
  arn: string,
): Promise<{ readonly version: string; readonly arn: string }[] | undefined> => {
  const found: { version: string; arn: string }[] = [];
  try {
    for await (const { componentVersions = [] } of paginateListComponentVersions({ client: client() }, { arn })) {
      for (const { componentVersion: version, arn: versionArn } of componentVersions) {
        if (version !== undefined && versionArn !== undefined) found.push({ version, arn: versionArn });
      }
    }
  } catch (error) {
    if (isAwsError(error, "ResourceNotFoundException")) return undefined;
    throw error;
  }
  return found.length === 0 ? undefined : found;
};

/** Idempotent. */
export const deleteComponent = async (arn: string): Promise<void> => {
  try {
    await client().send(new DeleteComponentCommand({ arn }));
  } catch (error) {
    if (!isAwsError(error, "ResourceNotFoundException")) throw error;
  }
};
