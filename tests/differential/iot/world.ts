import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACCOUNT, openIot, type Running } from "../../local/iot-server.ts";
import type { Expected, Row } from "../rows.ts";

export { ACCOUNT, arn, REGION } from "../../local/iot-server.ts";
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/provisioning`;

export interface World extends Running {
  /** A name that no other call has had. */
  unique(prefix?: string): string;
}

export const openWorld = async (): Promise<World> => {
  const dir = await mkdtemp(join(tmpdir(), "iot-rows-"));
  const running = await openIot(dir);
  let count = 0;
  return {
    ...running,
    unique: (prefix = "n") => {
      count += 1;
      return `${prefix}-${count}`;
    },
    close: async () => {
      await running.close();
      await rm(dir, { recursive: true });
    },
  };
};

/** The page of the API reference for an operation or a data type. */
export const api = (name: string): string => `https://docs.aws.amazon.com/iot/latest/apireference/API_${name}.html`;
export const guide = (page: string): string => `https://docs.aws.amazon.com/iot/latest/developerguide/${page}.html`;
export const QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/iot-core.html";
export const JOB_QUOTAS = "https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html";

export const ok = (fields: Readonly<Record<string, unknown>> = {}): Expected => ({ status: 200, fields });
const refusal =
  (code: string, status: number) =>
  (fields: Readonly<Record<string, unknown>> = {}): Expected => ({ status, code, fields });
export const invalid = refusal("InvalidRequestException", 400);
export const absent = refusal("ResourceNotFoundException", 404);
export const exists = refusal("ResourceAlreadyExistsException", 409);
export const staleVersion = refusal("VersionConflictException", 409);
export const inUse = refusal("DeleteConflictException", 409);
export const tooMany = refusal("LimitExceededException", 410);
export const tooManyVersions = refusal("VersionsLimitExceededException", 409);
export const malformed = refusal("MalformedPolicyException", 400);
export const badState = refusal("InvalidStateTransitionException", 409);
export const certificateState = refusal("CertificateStateException", 406);
export const badCertificate = refusal("CertificateValidationException", 400);

/** A row; what gives the answer is the operation's page of the API reference unless another source is named. */
export const row = (
  operation: string,
  when: string,
  send: Row<World>["send"],
  expected: Expected,
  source = api(operation),
): Row<World> => ({ operation, when, send, expect: expected, source });
