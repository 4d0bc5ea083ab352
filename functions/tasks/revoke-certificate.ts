import { certificateArn, removeCertificate } from "../../shared/aws/certificates.ts";
import { getItem } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { revoked } from "../../shared/registration/certificate.ts";
import { succeed } from "./activate.ts";
import { task } from "./task.ts";

export const handler = task("revoke-certificate", async (input) => {
  const { workspaceId, parentId: nodeId, subjectId: certificateId } = input;
  const node = await getItem<StoredNode>(keys.node(workspaceId, nodeId));
  // A node that is gone meanwhile took its certificates with it.
  if (node === undefined) return succeed(input);
  await removeCertificate(await certificateArn(env("ACCOUNT_ID"), certificateId), node.thing);
  const now = new Date();
  await succeed(input, [revoked(keys.certificate(nodeId, certificateId), now)], now);
});
