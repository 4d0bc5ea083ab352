import { actorOfDevice } from "../../shared/audit/audit.ts";
import { region } from "../../shared/aws/iot.ts";
import { createProvisioningClaim, deviceEndpoints } from "../../shared/aws/registration.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { awsNames } from "../../shared/names.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { AppError } from "../../shared/problems.ts";
import { presentToken, recordClaim, type StoredToken } from "../../shared/registration/registration.ts";
import { faultOfToken, tokenHash, tokenPrefix } from "../../shared/registration/token.ts";
import { endpoint } from "../http/endpoint.ts";
import { withinRate } from "../http/rate.ts";

/** Tries with tokens that begin alike, which are those of one device. */
const TRIES_PER_TOKEN = 20;

/**
 * Exchanges a registration token for a claim certificate, with which the device asks AWS IoT for a certificate of its own.
 * A token that does not work is refused after the same reads and writes, whatever is wrong with it.
 */
export const handler = endpoint(
  nodeRoutes,
  "register",
  async ({ body: { token }, source, moment: { now }, commit }) => {
    const fault = faultOfToken(token);
    if (fault !== undefined) {
      throw new AppError("invalid-request", `the body is not valid: /token: ${fault.detail}`, {
        findings: [{ pointer: "/token", ...fault }],
      });
    }
    await withinRate("register-source", source, Number(env("REGISTRATIONS_PER_MINUTE")), now);
    await withinRate("register-token", tokenPrefix(token), TRIES_PER_TOKEN, now);
    const found = await getItem<StoredToken>(keys.registrationToken(tokenHash(token)));
    await transact(presentToken(token, found, now));
    // From here on the token is known to be right.
    const { workspaceId, nodeId } = found as StoredToken;
    const node = await getItem<StoredNode>(keys.node(workspaceId, nodeId));
    if (node?.status !== "active") throw new AppError("busy", "the node is being created: try again in a moment");
    const stage = env("STAGE");
    const template = awsNames.provisioningTemplate(stage);
    const [claim, endpoints] = await Promise.all([createProvisioningClaim(template), deviceEndpoints()]);
    return commit(
      [recordClaim(token, claim.certificateId, claim.expiresAt)],
      {
        body: {
          thing: node.thing,
          region: await region(),
          runtime: node.runtime,
          claim: {
            certificatePem: claim.certificatePem,
            privateKey: claim.privateKey,
            expiresAt: claim.expiresAt.toISOString(),
          },
          template,
          roleAlias: awsNames.roleAlias(stage),
          endpoints: { ...endpoints, greengrass: env("GREENGRASS_ENDPOINT") },
          rootCa: env("DEVICE_ROOT_CA"),
        },
      },
      { actor: actorOfDevice(nodeId), workspaceId, object: { type: "node", id: nodeId, name: node.name } },
    );
  },
);
