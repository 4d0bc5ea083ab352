import * as z from "zod";
import { isId } from "./ids.ts";

const notAnId = (name: string) => !isId(name);
const NOT_AN_ID = { error: "must not look like an id" };

/** Bounded by the bucket's name: `ws-xxx-{name}-comp-artifacts` in at most 63 characters. */
export const WorkspaceName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,39}[a-z0-9])?$/, "1 to 41 of a-z, 0-9 and inner hyphens")
  .meta({ description: "Unique in the stage; part of bucket and OTA URLs", examples: ["acme"] });

export const ResourceName = z
  .string()
  .regex(
    /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/,
    "1 to 64 of letters, digits, '.', '_' and '-', the first a letter or digit",
  )
  .refine(notAnId, NOT_AN_ID);

/** AWS IoT Greengrass V2, component recipe reference: `ComponentName`. */
export const ComponentName = z
  .string()
  .regex(/^[a-zA-Z0-9-_.]{1,128}$/, "1 to 128 of letters, digits, '-', '_' and '.'")
  .refine(notAnId, NOT_AN_ID)
  .refine((name) => name !== "__proto__", "must not be __proto__");

/**
 * The name of a component of one's own. Under a name of AWS's it would take the place of AWS's component in the whole
 * account, and a name of dots is a step in a path where artifacts lie.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html
 */
export const OwnComponentName = ComponentName.refine(
  (name) => !/^aws\.greengrass(?:\.|$)/i.test(name),
  "must not begin with aws.greengrass, as AWS's own do",
).refine((name) => !/^\.+$/.test(name), "must not be of dots alone");

/** Whose components AWS's are, in the claims of names. */
export const OF_AWS = "aws";

/** Components that AWS publishes. https://docs.aws.amazon.com/greengrass/v2/developerguide/public-components.html */
export const isPublicName = (name: string): boolean => name.startsWith("aws.greengrass.");

/** Whether a bucket's name is of the form that workspaces' have. */
export const isArtifactBucket = (bucket: string): boolean => /^ws-.+-comp-artifacts$/.test(bucket);

/** Names that AWS sees. Account-wide there, so each carries stage and workspace; ids have a fixed length. */
export const awsNames = {
  /** Also the name of the workspace's thing type: the device role's policy derives the bucket from it. */
  bucket: (random: string, workspaceName: string) => `ws-${random}-${workspaceName}-comp-artifacts`,
  devicePolicy: (stage: string, workspaceId: string) => `${stage}-${workspaceId}-device`,
  thing: (stage: string, workspaceId: string, nodeId: string) => `${stage}-${workspaceId}-${nodeId}`,
  nodeGroup: (stage: string, workspaceId: string, groupId: string) => `${stage}-${workspaceId}-${groupId}`,
  cell: (stage: string, workspaceId: string, cellKey: string, generation: number) =>
    `${stage}-${workspaceId}-cell-${cellKey}-${generation}`,
  roleAlias: (stage: string) => `${stage}-slipway-device`,
  deviceRole: (stage: string) => `${stage}-slipway-device`,
  provisioningRole: (stage: string) => `${stage}-slipway-provisioning`,
  iotLoggingRole: (stage: string) => `${stage}-slipway-iot-logging`,
  provisioningTemplate: (stage: string) => `${stage}-slipway-node`,
} as const;

/** The generation of a cell whose thing group has this name; undefined for a thing group that is no cell of the workspace. */
export const cellOfThingGroup = (
  stage: string,
  workspaceId: string,
  name: string,
): { readonly key: string; readonly generation: number } | undefined => {
  const prefix = `${stage}-${workspaceId}-cell-`;
  if (!name.startsWith(prefix)) return undefined;
  const [, key, generation] = /^([0-9a-f]{16})-([1-9]\d*)$/.exec(name.slice(prefix.length)) ?? [];
  return key === undefined ? undefined : { key, generation: Number(generation) };
};

/** The workspace's name in the name of a bucket. Whether the bucket is the workspace's, the workspace tells. */
export const workspaceNameOf = (bucket: string): string | undefined =>
  /^ws-[a-z0-9]{3}-(.+)-comp-artifacts$/.exec(bucket)?.[1];

/** What a client id of a node says: Greengrass connects as its thing, with a suffix (`T#2`) for a second connection. */
export const nodeOfClientId = (
  stage: string,
  clientId: string,
): { readonly workspaceId: string; readonly nodeId: string; readonly main: boolean } | undefined => {
  if (!clientId.startsWith(`${stage}-`)) return undefined;
  const [, workspaceId, nodeId, suffix] =
    /^(ws_[0-9a-z]{20})-(nod_[0-9a-z]{20})(.*)$/.exec(clientId.slice(stage.length + 1)) ?? [];
  if (workspaceId === undefined || nodeId === undefined) return undefined;
  return { workspaceId, nodeId, main: suffix === "" };
};

/** Where a stage is. */
export interface Place {
  /** `aws`, `aws-cn`, `aws-us-gov` … */
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
  readonly stage: string;
}

/** Names of what a stage has once. */
export const stageNames = ({ stage, accountId }: Pick<Place, "stage" | "accountId">) => {
  const named = (name: string) => `${stage}-${name}`;
  return {
    table: named,
    function: named,
    stateMachine: named,
    /** Of a rule, a schedule or an event source mapping. */
    trigger: named,
    /** The queue for what a trigger could not get its function to take. */
    deadLetters: (trigger: string) => named(`${trigger}-dead-letters`),
    eventBus: named("slipway"),
    /** Keys that sign releases and snapshots are numbered from 1; each signs its successor. */
    signingKey: (number: number) => `alias/${stage}-slipway-signing-${number}`,
    /** The alias of the key from which webhooks' secrets are derived. */
    webhookKey: `alias/${stage}-slipway-webhooks`,
    /** Bucket names are the whole world's. */
    otaBucket: `slipway-${stage}-ota-${accountId}`,
    importsBucket: `slipway-${stage}-imports-${accountId}`,
  } as const;
};
