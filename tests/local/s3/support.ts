import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateBucketCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { Faults } from "../../../local/faults.ts";
import { type S3Server, startS3 } from "../../../local/s3/server.ts";

export const REGION = "eu-west-1";
export const ACCOUNT = "123456789012";
export const MIB = 1024 ** 2;
const KEYS: Readonly<Record<string, string>> = { AKIDTEST: "secret" };

/** The client warns of streams that cannot be sent again, which is what some cases are about. */
const silence = () => undefined;
const SILENT = { trace: silence, debug: silence, info: silence, warn: silence, error: silence };

type Options = Parameters<typeof startS3>[0];
export type Published = Parameters<Options["publish"]>[0];

/** The status of a success, or the error's code and status. */
export const outcome = async (sent: Promise<{ $metadata: { httpStatusCode?: number } }>): Promise<string> => {
  try {
    return String((await sent).$metadata.httpStatusCode);
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    return `${name} ${$metadata?.httpStatusCode ?? String(error)}`;
  }
};

/** The same of an answer that no SDK client has read. */
export const codeOf = async (response: Response): Promise<string> => {
  const text = await response.text();
  return `${/<Code>(.*?)<\/Code>/.exec(text)?.[1] ?? text} ${response.status}`;
};

/**
 * An engine with a bucket `bucket` for the tests of one file, its clients, and whatever they start besides. All of it ends
 * with the file.
 */
export const s3Suite = () => {
  const folders: string[] = [];
  const clients: S3Client[] = [];
  const servers: S3Server[] = [];
  const faults = new Faults();
  const events: Published[] = [];

  const newFolder = async (): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), "s3-test-"));
    folders.push(folder);
    return folder;
  };
  const start = async (dir: string, more: Partial<Options> = {}): Promise<S3Server> => {
    const server = await startS3({
      dir,
      port: 0,
      region: REGION,
      accountId: ACCOUNT,
      secretOf: (id, token) => (id === "AKIDTEMP" ? (token === "token" ? "temporary" : undefined) : KEYS[id]),
      faults,
      publish: (event) => void events.push(event),
      ...more,
    });
    servers.push(server);
    return server;
  };
  const stop = async (server: S3Server): Promise<void> => {
    servers.splice(servers.indexOf(server), 1);
    await server.close();
  };
  const connect = ({ url }: Pick<S3Server, "url">, more: S3ClientConfig = {}): S3Client => {
    const client = new S3Client({
      endpoint: url,
      region: REGION,
      forcePathStyle: true,
      maxAttempts: 1,
      logger: SILENT,
      credentials: { accessKeyId: "AKIDTEST", secretAccessKey: "secret" },
      ...more,
    });
    clients.push(client);
    return client;
  };

  const suite = {
    faults,
    events,
    newFolder,
    start,
    stop,
    connect,
    server: undefined as unknown as S3Server,
    /** As the SDK comes. */
    s3: undefined as unknown as S3Client,
    /** Sends a checksum only when it is asked to. */
    plain: undefined as unknown as S3Client,
    put: (Key: string, Body: PutObjectCommandInput["Body"] = "body", more: Partial<PutObjectCommandInput> = {}) =>
      suite.s3.send(new PutObjectCommand({ Bucket: "bucket", Key, Body, ...more })),
    get: (Key: string, more: Partial<GetObjectCommandInput> = {}) =>
      suite.s3.send(new GetObjectCommand({ Bucket: "bucket", Key, ...more })),
    read: async (Key: string): Promise<string> => (await (await suite.get(Key)).Body?.transformToString()) ?? "",
    freshBucket: async (name: string): Promise<string> => {
      await suite.s3.send(new CreateBucketCommand({ Bucket: name }));
      return name;
    },
  };

  beforeAll(async () => {
    suite.server = await start(await newFolder());
    suite.s3 = connect(suite.server);
    suite.plain = connect(suite.server, { requestChecksumCalculation: "WHEN_REQUIRED" });
    await suite.freshBucket("bucket");
  });
  beforeEach(() => {
    faults.disarm();
    events.length = 0;
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await Promise.all(servers.map((running) => running.close()));
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
  });
  return suite;
};
