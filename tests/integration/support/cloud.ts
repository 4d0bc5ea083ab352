import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { GreengrassV2Client } from "@aws-sdk/client-greengrassv2";
import { IoTClient } from "@aws-sdk/client-iot";
import { S3Client } from "@aws-sdk/client-s3";
import { DynamoDBDocumentClient, ScanCommand, TransactWriteCommand } from "@aws-sdk/lib-dynamodb";
import { type ApiAnswer, type ApiClient, apiClient } from "../../../local/api-client.ts";
import { type RunningCloud, runCloud } from "../../../local/child.ts";
import { keys } from "../../../shared/keys.ts";
import type { Role } from "../../../shared/workspace/access.ts";
import type { Attributes } from "../../../shared/writes.ts";

export type StoredItem = Attributes & { readonly pk: string; readonly sk: string };

/** The embedded cloud of one test file: a child process with a data folder of its own. */
export interface TestCloud extends RunningCloud {
  /** A client of the API for a subject; "developer" by default. */
  readonly client: (subject?: string) => Promise<ApiClient>;
  readonly documents: DynamoDBDocumentClient;
  readonly s3: S3Client;
  readonly iot: IoTClient;
  readonly greengrass: GreengrassV2Client;
  readonly tables: { readonly control: string; readonly ota: string };
  readonly otaBucket: string;
  readonly importsBucket: string;
  /** Closes the clients, and leaves the cloud alone. */
  readonly disconnect: () => void;
  /** Every item of both tables but idempotency keys, audit records, told events and counts of tries, by table and key. */
  readonly items: () => Promise<Record<string, StoredItem>>;
  /** Every audit record. */
  readonly audit: () => Promise<StoredItem[]>;
  readonly remove: () => Promise<void>;
}

const TEST_ARGS = ["--test-mode", "--retry-scale", "0.02", "--webhooks-here"];

export const startTestCloud = async (args: readonly string[] = TEST_ARGS): Promise<TestCloud> => {
  const folder = await mkdtemp(join(tmpdir(), "slipway-api-"));
  try {
    return testCloud(await runCloud(join(folder, "data"), { args }), folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
};

/** Clients of a running cloud, and what tests ask of it. @param folder what goes with it when it is removed */
export const testCloud = (running: RunningCloud, folder: string): TestCloud => {
  const { endpoints } = running;
  const { region, accessKeyId, secretAccessKey, stage, accountId } = endpoints;
  const at = (endpoint: string) => ({ region, endpoint, credentials: { accessKeyId, secretAccessKey } });
  const documents = DynamoDBDocumentClient.from(new DynamoDBClient(at(endpoints.dynamodb)));
  const s3 = new S3Client({ ...at(endpoints.s3), requestChecksumCalculation: "WHEN_REQUIRED" });
  const iot = new IoTClient(at(endpoints.iot));
  const greengrass = new GreengrassV2Client(at(endpoints.greengrass));
  const tables = { control: `${stage}-control`, ota: `${stage}-ota` };

  const scan = async (TableName: string): Promise<StoredItem[]> => {
    const items: StoredItem[] = [];
    let ExclusiveStartKey: Record<string, unknown> | undefined;
    do {
      const page = await documents.send(
        new ScanCommand({ TableName, ConsistentRead: true, ...(ExclusiveStartKey && { ExclusiveStartKey }) }),
      );
      items.push(...((page.Items ?? []) as StoredItem[]));
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey !== undefined);
    return items;
  };

  const disconnect = (): void => {
    for (const client of [documents, s3, iot, greengrass]) client.destroy();
  };

  return {
    ...running,
    client: async (subject) => apiClient(endpoints.api, await running.token(subject)),
    documents,
    s3,
    iot,
    greengrass,
    tables,
    otaBucket: `slipway-${stage}-ota-${accountId}`,
    importsBucket: `slipway-${stage}-imports-${accountId}`,
    items: async () => {
      const rows: [string, StoredItem][] = [];
      for (const [name, table] of Object.entries(tables)) {
        for (const item of await scan(table)) {
          const isBeside = ["idempotency", "audit", "event"].includes(String(item.type)) || item.pk.startsWith("rate#");
          if (!isBeside) rows.push([`${name} ${item.pk} ${item.sk}`, item]);
        }
      }
      return Object.fromEntries(rows.sort(([a], [b]) => (a < b ? -1 : 1)));
    },
    audit: async () => (await scan(tables.control)).filter(({ type }) => type === "audit"),
    disconnect,
    remove: async () => {
      disconnect();
      await running.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

/** A client of any subject's for one workspace's paths. */
export const aWorkspace = async (api: ApiClient, name: string): Promise<{ id: string; path: string }> => {
  const { subject } = await api.done("POST", "/v1/workspaces", { name });
  return { id: subject.id, path: `/v1/workspaces/${subject.id}` };
};

/** Makes a subject a member of a workspace. */
export const aMember = async (
  { documents, tables }: Pick<TestCloud, "documents" | "tables">,
  subject: string,
  workspaceId: string,
  role: Role,
): Promise<void> => {
  const membership = { type: "membership", workspaceId, subject, role, createdAt: new Date().toISOString() };
  const put = (key: object) => ({ Put: { TableName: tables.control, Item: { ...key, ...membership } } });
  await documents.send(
    new TransactWriteCommand({
      TransactItems: [put(keys.membership(subject, workspaceId)), put(keys.member(workspaceId, subject))],
    }),
  );
};

export const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export interface Upload {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
}

/** Sends a file's bytes where the API said. */
export const sendFile = async (
  { method, url, headers }: Upload,
  bytes: string | Buffer<ArrayBuffer>,
): Promise<void> => {
  const { "content-length": _length, ...sent } = headers; // fetch sets it itself
  const answer = await fetch(url, { method, headers: sent, body: bytes });
  if (answer.status !== 200) throw new Error(`the upload answers ${answer.status}: ${await answer.text()}`);
};

/** The answer, when it has this status. @throws Error with the answer otherwise */
export const expecting = async <Body>(status: number, answer: Promise<ApiAnswer<Body>>): Promise<ApiAnswer<Body>> => {
  const got = await answer;
  if (got.status !== status) throw new Error(`${got.status}, not ${status}: ${JSON.stringify(got.body)}`);
  return got;
};

/** A component with one published version without files. */
export const aPublishedComponent = async (
  api: ApiClient,
  workspace: string,
  name: string,
  version = "1.0.0",
): Promise<void> => {
  await expecting(201, api.call("POST", `${workspace}/components`, { body: { name } }));
  const versions = `${workspace}/components/${name}/versions`;
  await expecting(201, api.call("POST", versions, { body: { version, recipe: { run: "true" } } }));
  await api.done("POST", `${versions}/${version}/publish`);
};

/** A release's declaration for these bytes. */
export const releaseOf = (app: string, bytes: string, environment = "prod") => ({
  app,
  environment,
  version: "1.0.0",
  size: Buffer.byteLength(bytes),
  sha256: sha256(bytes),
});

/** A draft release whose binary is there. */
export const anUploadedRelease = async (api: ApiClient, workspace: string, app: string): Promise<string> => {
  const bytes = `binary of ${app}`;
  const created = await expecting(
    201,
    api.call<{ id: string; upload: Upload }>("POST", `${workspace}/releases`, { body: releaseOf(app, bytes) }),
  );
  await sendFile(created.body.upload, bytes);
  return created.body.id;
};

/** Runs at most `width` of these at a time. */
export const inParallel = async <In, Out>(
  items: readonly In[],
  width: number,
  work: (item: In, index: number) => Promise<Out>,
): Promise<Out[]> => {
  const results: Out[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index] as In, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
};

export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
