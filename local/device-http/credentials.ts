import { randomUUID } from "node:crypto";
import { AwsError } from "../aws-json/errors.ts";
import type { Faults } from "../faults.ts";
import type { Identities } from "../iam/identities.ts";
import { type DevicePrincipal, permits } from "../iot/device-principals.ts";
import type { RoleAlias } from "../iot/role-aliases.ts";
import type { DeviceRequest } from "./front.ts";

export interface CredentialsOptions {
  readonly region: string;
  readonly accountId: string;
  readonly faults: Faults;
  readonly roleAliasOf: (name: string) => RoleAlias | undefined;
  readonly assume: Identities["assume"];
}

/** A role's MaxSessionDuration, unless it is made with another: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html */
const MAX_SESSION_SECONDS = 3_600;

const denied = (message: string): AwsError => new AwsError("AccessDeniedException", 403, message);
const invalid = (message: string): AwsError => new AwsError("InvalidRequestException", 400, message);

export const invalidCertificate = (): AwsError => denied("Certificate is invalid on this endpoint");

/**
 * AWS IoT's credentials provider: `GET /role-aliases/{alias}/credentials`. Statuses, messages and their order are those
 * that https://awslabs.github.io/aws-iot-core-credential-provider-session-helper/dev_notes.html got from AWS.
 * https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
 */
export const credentialsProvider = (options: CredentialsOptions) => {
  const { region, accountId, faults, roleAliasOf, assume } = options;

  const credentialsFor = (principal: DevicePrincipal, thingName: string | undefined, alias: string): object => {
    const thing = principal.things.find(({ name }) => name === thingName);
    if (thingName !== undefined && thing === undefined) throw denied("Invalid thing name passed");
    const sourceArn = `arn:aws:iot:${region}:${accountId}:rolealias/${alias}`;
    if (!permits(principal, "iot:AssumeRoleWithCertificate", sourceArn)) throw denied("Access Denied");
    const roleAlias = roleAliasOf(alias);
    if (roleAlias === undefined) throw new AwsError("ResourceNotFoundException", 404, "Role alias does not exist");
    const credentials = assume({
      roleArn: roleAlias.roleArn,
      service: "credentials.iot.amazonaws.com",
      sourceArn,
      sessionName: principal.certificateId,
      seconds: roleAlias.seconds,
      // Fixed for as long as the credentials live, as the keys of any session are.
      context: {
        "credentials-iot:AwsCertificateId": principal.certificateId,
        ...(thing && { "credentials-iot:ThingName": thing.name }),
        ...(thing?.typeName && { "credentials-iot:ThingTypeName": thing.typeName }),
      },
    });
    if (credentials === undefined) throw invalid("Unable to assume the role, or the role to assume does not exist");
    if (roleAlias.seconds > MAX_SESSION_SECONDS)
      throw invalid("The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role");
    const { expiresAt, ...keys } = credentials;
    return { credentials: { ...keys, expiration: new Date(expiresAt).toISOString().replace(/\.\d+Z$/, "Z") } };
  };

  return async ({ principal, method, path, headers }: DeviceRequest): Promise<object> => {
    const [collection, alias = "", member] = path;
    if (method !== "GET" || path.length !== 3 || collection !== "role-aliases" || member !== "credentials")
      throw new AwsError("ResourceNotFoundException", 404, "Not Found", { traceId: randomUUID() });
    const named = headers["x-amzn-iot-thingname"];
    return faults.perform("iot:AssumeRoleWithCertificate", () =>
      credentialsFor(principal, named === undefined ? undefined : String(named), alias),
    );
  };
};
