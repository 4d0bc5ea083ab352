import {
  DeleteCertificateCommand,
  DeleteThingCommand,
  DetachPolicyCommand,
  DetachThingPrincipalCommand,
  IoTClient,
  paginateListAttachedPolicies,
  paginateListThingPrincipals,
  UpdateCertificateCommand,
} from "@aws-sdk/client-iot";
import { AppError } from "../problems.ts";
import { isAwsError } from "./aws-errors.ts";
import { clientSettings, once } from "./settings.ts";

const client = once(() => new IoTClient(clientSettings));

const unlessGone = async (work: () => Promise<unknown>): Promise<void> => {
  try {
    await work();
  } catch (error) {
    if (!isAwsError(error, "ResourceNotFoundException")) throw error;
  }
};

/**
 * Revokes a certificate, which ends its connections, and deletes it with what is attached to it. Idempotent, from wherever
 * an earlier try has got to.
 * @param arn the certificate's ARN
 * @throws AppError `busy` while AWS IoT still sees something attached to it, which takes it some seconds
 */
export const removeCertificate = async (arn: string, thing: string): Promise<void> => {
  const certificateId = arn.replace(/^.*\//, "");
  await unlessGone(async () => {
    await client().send(new UpdateCertificateCommand({ certificateId, newStatus: "REVOKED" }));
    for await (const { policies = [] } of paginateListAttachedPolicies({ client: client() }, { target: arn })) {
      for (const { policyName } of policies) {
        await unlessGone(() => client().send(new DetachPolicyCommand({ policyName, target: arn })));
      }
    }
    await unlessGone(() => client().send(new DetachThingPrincipalCommand({ thingName: thing, principal: arn })));
    try {
      await client().send(new DeleteCertificateCommand({ certificateId }));
    } catch (error) {
      if (!isAwsError(error, "DeleteConflictException")) throw error;
      throw new AppError("busy", `IoT does not yet delete the certificate ${certificateId}`, { cause: error });
    }
  });
};

export const certificateArn = async (accountId: string, certificateId: string): Promise<string> =>
  `arn:aws:iot:${await client().config.region()}:${accountId}:cert/${certificateId}`;

/** The ARNs of the certificates that are attached to a thing; none when there is no such thing. */
export const certificatesOfThing = async (thing: string): Promise<string[]> => {
  const arns: string[] = [];
  await unlessGone(async () => {
    for await (const { principals = [] } of paginateListThingPrincipals({ client: client() }, { thingName: thing })) {
      arns.push(...principals.filter((principal) => /:cert\/[0-9a-f]+$/.test(principal)));
    }
  });
  return arns;
};

/**
 * Idempotent: deleting an absent thing succeeds (IoT API reference, DeleteThing).
 * @throws AppError `busy` while a certificate is attached to it, as where a device registers at this moment
 */
export const deleteThing = async (thing: string): Promise<void> => {
  try {
    await client().send(new DeleteThingCommand({ thingName: thing }));
  } catch (error) {
    if (!isAwsError(error, "InvalidRequestException")) throw error;
    throw new AppError("busy", `IoT does not yet delete the thing ${thing}`, { cause: error });
  }
};
