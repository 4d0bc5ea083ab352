import { TIMEOUT_MINUTES } from "../iot/jobs-port.ts";
import { componentVersionArn, getComponentVersion } from "./component-versions.ts";
import { invalid, notEmulated, notFound } from "./errors.ts";
import { isPublic, publicRecipe } from "./public-components.ts";
import type { Greengrass, GreengrassHandlers } from "./state.ts";

export type CreateDeploymentInput = Parameters<NonNullable<GreengrassHandlers["CreateDeployment"]>>[0];
type Components = NonNullable<CreateDeploymentInput["components"]>;

/** What a deployment deploys and how, as it was given; with the service's defaults for the policies. */
export interface Document extends Pick<CreateDeploymentInput, "iotJobConfiguration"> {
  readonly components: Components;
  readonly deploymentPolicies: {
    readonly failureHandlingPolicy: "ROLLBACK" | "DO_NOTHING";
    readonly componentUpdatePolicy: {
      readonly timeoutInSeconds: number;
      readonly action: "NOTIFY_COMPONENTS" | "SKIP_NOTIFY_COMPONENTS";
    };
    readonly configurationValidationPolicy: { readonly timeoutInSeconds: number };
  };
}

/** What is sent to devices without large configuration support: https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html */
const MAX_BYTES = { thing: 7 * 1024, thinggroup: 31 * 1024 } as const;

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** @throws ResourceNotFoundException (404); ValidationException (400) for a version that is not deployable */
const checkVersion = (greengrass: Greengrass, name: string, version: string): void => {
  if (!isPublic(name)) {
    const { arn, state } = getComponentVersion(greengrass, componentVersionArn(greengrass, name, version));
    if (state !== "DEPLOYABLE") throw invalid(`Invalid Input: component version ${arn} is ${state}`);
    return;
  }
  if (publicRecipe(name, version) !== undefined) return;
  const arn = componentVersionArn(greengrass, name, version, "PUBLIC");
  throw notFound(`The sample of AWS's public components has no component version ${arn}`, arn, "COMPONENT");
};

/**
 * @throws ResourceNotFoundException (404) for component versions that there are not; ValidationException (400) for ones
 * that are not deployable, without a version, or with a configuration update that is not JSON.
 */
export const checkComponents = (greengrass: Greengrass, components: Components): void => {
  for (const [name, specification] of Object.entries(components)) {
    const version = specification.componentVersion;
    if (version === undefined) throw invalid(`Invalid Input: component ${name} has no componentVersion`);
    const { merge, reset = [] } = specification.configurationUpdate ?? {};
    if (merge !== undefined && !isJson(merge))
      throw invalid(`Invalid Input: the configuration to merge of component ${name} is not JSON`);
    if (reset.some((pointer) => pointer !== "" && !pointer.startsWith("/")))
      throw invalid(`Invalid Input: the configuration to reset of component ${name} has what is no JSON pointer`);
    checkVersion(greengrass, name, version);
  }
};

/**
 * @throws ValidationException (400) for what a job's time-out cannot be:
 * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_IoTJobTimeoutConfig.html
 */
export const checkTimeout = ({ iotJobConfiguration }: CreateDeploymentInput): void => {
  const minutes = iotJobConfiguration?.timeoutConfig?.inProgressTimeoutInMinutes;
  const { min, max } = TIMEOUT_MINUTES;
  if (minutes !== undefined && (minutes < min || minutes > max))
    throw invalid(`Invalid Input: inProgressTimeoutInMinutes must be from ${min} to ${max}`);
};

/** The defaults: https://docs.aws.amazon.com/greengrass/v2/APIReference/API_DeploymentPolicies.html */
export const documentOf = (input: CreateDeploymentInput): Document => ({
  components: input.components ?? {},
  deploymentPolicies: {
    failureHandlingPolicy: input.deploymentPolicies?.failureHandlingPolicy ?? "ROLLBACK",
    componentUpdatePolicy: {
      timeoutInSeconds: input.deploymentPolicies?.componentUpdatePolicy?.timeoutInSeconds ?? 60,
      action: input.deploymentPolicies?.componentUpdatePolicy?.action ?? "NOTIFY_COMPONENTS",
    },
    configurationValidationPolicy: {
      timeoutInSeconds: input.deploymentPolicies?.configurationValidationPolicy?.timeoutInSeconds ?? 30,
    },
  },
  iotJobConfiguration: input.iotJobConfiguration ?? {},
});

/** The part of an ARN after the account: `thinggroup/fleet`. */
const targetPath = (arn: string): string => arn.split(":").slice(5).join(":");

/** The thing that an ARN is of, or undefined for a thing group's. */
export const thingOf = (target: string): string | undefined => /^thing\/(.+)$/.exec(targetPath(target))?.[1];

/** `arn:aws:greengrass:region:account:configuration:thinggroup/fleet:3`, by which devices name what they deploy. */
export const configurationArn = (greengrass: Greengrass, target: string, revision: number): string =>
  greengrass.arn(`configuration:${targetPath(target)}:${revision}`);

/** What a nucleus must be able to do: DeploymentCapability in https://github.com/aws-greengrass/aws-greengrass-nucleus */
const capabilities = (components: Components): string[] =>
  Object.values(components).some(({ runWith }) => runWith?.systemResourceLimits !== undefined)
    ? ["LINUX_RESOURCE_LIMITS"]
    : [];

export interface Revision {
  readonly id: string;
  readonly target: string;
  readonly revision: number;
  /** Milliseconds. */
  readonly createdAt: number;
}

/**
 * The document that core devices get, as JSON text; its form is what a nucleus reads:
 * https://github.com/aws-greengrass/aws-greengrass-nucleus (FcsDeploymentConfig_Full.json).
 */
export const jobDocument = (greengrass: Greengrass, revision: Revision, document: Document): string => {
  const { components, deploymentPolicies: policies } = document;
  return JSON.stringify({
    deploymentId: revision.id,
    configurationArn: configurationArn(greengrass, revision.target, revision.revision),
    components: Object.fromEntries(
      Object.entries(components).map(([name, { componentVersion, configurationUpdate, runWith }]) => [
        name,
        {
          version: componentVersion,
          ...(configurationUpdate !== undefined && {
            configurationUpdate: {
              ...(configurationUpdate.merge !== undefined && {
                merge: JSON.parse(configurationUpdate.merge) as unknown,
              }),
              ...(configurationUpdate.reset !== undefined && { reset: configurationUpdate.reset }),
            },
          }),
          ...(runWith !== undefined && { runWith }),
        },
      ]),
    ),
    creationTimestamp: revision.createdAt,
    failureHandlingPolicy: policies.failureHandlingPolicy,
    componentUpdatePolicy: {
      timeout: policies.componentUpdatePolicy.timeoutInSeconds,
      action: policies.componentUpdatePolicy.action,
    },
    configurationValidationPolicy: { timeout: policies.configurationValidationPolicy.timeoutInSeconds },
    requiredCapabilities: capabilities(components),
  });
};

/** @throws NotImplemented (501) for a document that AWS would have devices download: large configuration support */
export const checkSize = (text: string, target: string): void => {
  const kind = thingOf(target) === undefined ? "thinggroup" : "thing";
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES[kind])
    throw notEmulated(
      `a deployment document of ${bytes} bytes, which is more than the ${MAX_BYTES[kind]} of a ${kind}`,
    );
};
