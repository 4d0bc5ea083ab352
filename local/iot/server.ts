import { join } from "node:path";
import * as client from "@aws-sdk/client-iot";
import { loadModel } from "../aws-json/constraints.ts";
import { createJsonServer } from "../aws-json/server.ts";
import { Store } from "../aws-json/store.ts";
import type { Faults } from "../faults.ts";
import { listen, shut } from "../listen.ts";
import { exists, parseArn } from "./arns.ts";
import { endpointHandlers } from "./endpoints.ts";
import { invalidRequest } from "./errors.ts";
import { MEMBERSHIPS_SCHEMA, membershipHandlers } from "./memberships.ts";
import { POLICIES_SCHEMA, policyHandlers } from "./policies.ts";
import { POLICY_ATTACHMENTS_SCHEMA, policyAttachmentHandlers } from "./policy-attachments.ts";
import { PRINCIPALS_SCHEMA, principalHandlers } from "./principals.ts";
import { PROVISIONING_TEMPLATES_SCHEMA, provisioningTemplateHandlers } from "./provisioning-templates.ts";
import { ROLE_ALIASES_SCHEMA, roleAliasHandlers } from "./role-aliases.ts";
import type { Iot, IotHandlers } from "./state.ts";
import { TAGS_SCHEMA, tagHandlers } from "./tags.ts";
import { THING_GROUPS_SCHEMA, thingGroupHandlers } from "./thing-groups.ts";
import { THING_TYPES_SCHEMA, thingTypeHandlers } from "./thing-types.ts";
import { THINGS_SCHEMA, thingHandlers } from "./things.ts";

export interface IotOptions {
  /** The folder that holds `iot.db`. */
  readonly dir: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly region: string;
  readonly accountId: string;
  readonly faults: Faults;
  /** How long a thing type must have been deprecated before it can be deleted; five minutes on AWS. */
  readonly thingTypeCooldownMs: number;
  /** What `DescribeEndpoint` answers. */
  readonly endpoints: { readonly data: string; readonly credentials: string; readonly jobs: string };
}

export interface IotServer {
  readonly port: number;
  readonly url: string;
  /** Whether the ARN is of a thing or a thing group that exists. */
  hasTarget(arn: string): boolean;
  close(): Promise<void>;
}

const SCHEMA = [
  THINGS_SCHEMA,
  THING_TYPES_SCHEMA,
  THING_GROUPS_SCHEMA,
  MEMBERSHIPS_SCHEMA,
  POLICIES_SCHEMA,
  POLICY_ATTACHMENTS_SCHEMA,
  ROLE_ALIASES_SCHEMA,
  PROVISIONING_TEMPLATES_SCHEMA,
  PRINCIPALS_SCHEMA,
  TAGS_SCHEMA,
].join("\n");

const HANDLERS: IotHandlers = {
  ...thingHandlers,
  ...thingTypeHandlers,
  ...thingGroupHandlers,
  ...membershipHandlers,
  ...policyHandlers,
  ...policyAttachmentHandlers,
  ...roleAliasHandlers,
  ...provisioningTemplateHandlers,
  ...principalHandlers,
  ...tagHandlers,
  ...endpointHandlers,
};

/**
 * Starts the AWS IoT control plane on loopback. What it holds survives a kill of the process.
 *
 * @throws PortTaken when the port is in use.
 */
export const startIot = async (options: IotOptions): Promise<IotServer> => {
  const store = new Store(join(options.dir, "iot.db"), SCHEMA);
  const iot: Iot = {
    store,
    region: options.region,
    accountId: options.accountId,
    thingTypeCooldownMs: options.thingTypeCooldownMs,
    endpoints: options.endpoints,
    arn: (kind, name) => `arn:aws:iot:${options.region}:${options.accountId}:${kind}/${name}`,
  };
  const server = createJsonServer({
    client,
    model: loadModel("iot"),
    prefix: "iot",
    handlers: HANDLERS,
    context: iot,
    faults: options.faults,
    validationError: invalidRequest,
    internalErrorCode: "InternalFailureException",
  });
  try {
    const port = await listen("AWS IoT", server, options.port);
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      hasTarget: (arn) => {
        const parsed = parseArn(iot, arn);
        return (parsed?.kind === "thing" || parsed?.kind === "thinggroup") && exists(iot, parsed.kind, parsed.name);
      },
      close: async () => {
        await shut(server);
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
};
