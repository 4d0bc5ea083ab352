import { certificateArn, certificatesOfThing, deleteThing, removeCertificate } from "../../shared/aws/certificates.ts";
import { eachItem, transact } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { partitions } from "../../shared/keys.ts";
import type { StoredCertificate } from "../../shared/registration/certificate.ts";
import { desiredNode } from "./desired.ts";
import { task } from "./task.ts";

/**
 * The thing, and every certificate that is attached to it or known to be the node's: one that is being registered at this
 * moment is found when this is tried again, for AWS IoT deletes no thing that has one.
 */
export const handler = task("delete-thing", async (input) => {
  const { thing, id } = await desiredNode(input);
  for await (const certificate of eachItem<StoredCertificate>(partitions.certificates(id))) {
    await removeCertificate(await certificateArn(env("ACCOUNT_ID"), certificate.id), thing);
    await transact([{ do: "delete", key: { pk: certificate.pk, sk: certificate.sk } }]);
  }
  for (const arn of await certificatesOfThing(thing)) await removeCertificate(arn, thing);
  await deleteThing(thing);
});
