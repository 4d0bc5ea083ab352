import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { DescribeExecutionCommand, GetExecutionHistoryCommand } from "@aws-sdk/client-sfn";
import { Faults } from "../../../local/faults.ts";
import type { Invoke } from "../../../local/invoke.ts";
import { startS3 } from "../../../local/s3/server.ts";
import { ACCOUNT, machineArn, REGION } from "../../local/machines.ts";
import { type Opened, openEngine } from "../../local/step-functions/engine.ts";
import { until } from "../../local/until.ts";
import type { Row } from "../rows.ts";
import { BUCKET, MACHINES } from "./machines.ts";

export { ACCOUNT, machineArn, REGION };

const API = "https://docs.aws.amazon.com/step-functions/latest/apireference";
const GUIDE = "https://docs.aws.amazon.com/step-functions/latest/dg";
export const api = (operation: string): string => `${API}/API_${operation}.html`;
export const guide = (page: string): string => `${GUIDE}/${page}.html`;
export const unique = (): string => randomUUID();
export const executionArn = (machine: string, name: string): string =>
  `arn:aws:states:${REGION}:${ACCOUNT}:execution:${machine}:${name}`;

export interface World extends Opened {
  readonly s3: S3Client;
  /** The task token that the function `take` got for this id. */
  token(id: string): Promise<string>;
  put(key: string, body: string): Promise<unknown>;
  read(key: string): Promise<unknown>;
  /** Runs a machine to its end; gives the description. */
  done(machine: string, input?: unknown): Promise<object>;
  /** Runs a machine to its end; gives the history. */
  told(machine: string, input?: unknown): Promise<object>;
  shut(): Promise<void>;
}
export type SfnRow = Row<World>;

export const openWorld = async (): Promise<World> => {
  const dir = await mkdtemp(join(tmpdir(), "step-functions-rows-"));
  const credentials = { accessKeyId: "AKIDTEST", secretAccessKey: "secret" };
  const storage = await startS3({
    dir: join(dir, "s3"),
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    secretOf: () => credentials.secretAccessKey,
    faults: new Faults(),
    publish: () => {},
  });
  const s3 = new S3Client({ endpoint: storage.url, region: REGION, forcePathStyle: true, credentials });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const tokens = new Map<string, string>();
  const invoke: Invoke = async (name, payload) => {
    switch (name) {
      case "echo":
        return { payload };
      case "fail":
        return { functionError: { errorType: "Conflict", errorMessage: "taken" } };
      case "cut-off":
        return { functionError: { errorType: "Sandbox.Timedout", errorMessage: "Task timed out after 3.00 seconds" } };
      case "take": {
        const { id, token } = payload as { id: string; token: string };
        tokens.set(id, token);
        return { payload: "taken" };
      }
      case "large":
        return { payload: "x".repeat(300_000) };
      case "hang":
        return new Promise(() => {});
      case "throttled":
        throw Object.assign(new Error("Rate exceeded"), { name: "TooManyRequestsException" });
      default:
        throw Object.assign(new Error(`Function not found: ${name}`), { name: "ResourceNotFoundException" });
    }
  };
  const opened = await openEngine({ machines: MACHINES, invoke, s3, dir: join(dir, "step-functions") });
  const { client, run } = opened;
  return {
    ...opened,
    s3,
    token: (id) => until(() => tokens.get(id), { what: `the token of ${id}` }),
    put: (Key, Body) => s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body })),
    read: async (Key) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
      return JSON.parse((await Body?.transformToString()) ?? "");
    },
    done: async (machine, input) => {
      const { executionArn } = await run(machine, input);
      return client.send(new DescribeExecutionCommand({ executionArn }));
    },
    told: async (machine, input) => {
      const { executionArn } = await run(machine, input);
      return client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 1000 }));
    },
    shut: async () => {
      await opened.stop();
      s3.destroy();
      await storage.close();
      await rm(dir, { recursive: true });
    },
  };
};
