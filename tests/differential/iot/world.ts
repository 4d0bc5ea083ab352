import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IoT } from "@aws-sdk/client-iot";
import { Faults } from "../../../local/faults.ts";
import { type IotServer, startIot } from "../../../local/iot/server.ts";
import { type ManualClock, manualClock } from "../../local/manual-clock.ts";
import type { Expected, Row } from "../rows.ts";

export const REGION = "eu-central-1";
export const ACCOUNT = "123456789012";
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/provisioning`;

export interface World {
  readonly iot: IoT;
  readonly server: IotServer;
  readonly clock: ManualClock;
  /** A name that no other call has had. */
  unique(prefix?: string): string;
  close(): Promise<void>;
}

export const openWorld = async (): Promise<World> => {
  const dir = await mkdtemp(join(tmpdir(), "iot-rows-"));
  const clock = manualClock();
  const server = await startIot({
    dir,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    faults: new Faults(),
    thingTypeCooldownMs: 300_000,
    endpoints: { data: "data.local", credentials: "credentials.local", jobs: "jobs.local" },
    clock,
  });
  const iot = new IoT({
    endpoint: server.url,
    region: REGION,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
  let count = 0;
  return {
    iot,
    server,
    clock,
    unique: (prefix = "n") => {
      count += 1;
      return `${prefix}-${count}`;
    },
    close: async () => {
      iot.destroy();
      await server.close();
      await rm(dir, { recursive: true });
    },
  };
};

export const arn = (resource: string): string => `arn:aws:iot:${REGION}:${ACCOUNT}:${resource}`;

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
