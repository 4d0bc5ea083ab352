import { createServer } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { GetCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { functions } from "../../../functions/declared.ts";
import type { ApiClient } from "../../../local/api-client.ts";
import { packages } from "../../../local/distribution.ts";
import { Faults } from "../../../local/faults.ts";
import type { StreamingLimits } from "../../../local/lambda/limits.ts";
import { startLambda } from "../../../local/lambda.ts";
import { listen, shut } from "../../../local/listen.ts";
import type { EnvironmentName } from "../../../shared/env.ts";
import { otaKeys } from "../../../shared/keys.ts";
import type { NamedWorkspace } from "../../../shared/ota/snapshot.ts";
import { until } from "../../local/until.ts";
import { expecting, releaseOf, sha256, type TestCloud, type Upload } from "./cloud.ts";

export interface Binary {
  readonly app: string;
  readonly version: string;
  readonly environment?: string;
  readonly attributes?: readonly string[];
  readonly bytes: Uint8Array;
  /** Members of the release's declaration beside these. */
  readonly terms?: object;
}

/** Makes a release of these bytes and publishes it. @returns its id */
export const publishBinary = async (api: ApiClient, workspace: string, binary: Binary): Promise<string> => {
  const { app, version, environment = "prod", attributes = [], bytes, terms = {} } = binary;
  const declared = {
    ...releaseOf(app, "", environment),
    version,
    attributes,
    size: bytes.length,
    sha256: sha256(bytes),
    ...terms,
  };
  const created = api.call<{ id: string; upload: Upload }>("POST", `${workspace}/releases`, { body: declared });
  const { id, upload } = (await expecting(201, created)).body;
  const { "content-length": _, ...headers } = upload.headers;
  const sent = await fetch(upload.url, { method: upload.method, headers, body: Buffer.from(bytes) });
  if (sent.status !== 200) throw new Error(`the upload answers ${sent.status}: ${await sent.text()}`);
  await api.done("POST", `${workspace}/releases/${id}/publish`);
  return id;
};

/** As if the last snapshot of the workspace, which must have one, had been made so many hours earlier. */
export const ageSnapshot = async (
  { documents, tables }: Pick<TestCloud, "documents" | "tables">,
  workspace: { readonly id: string; readonly name: string },
  hours: number,
): Promise<void> => {
  const Key = otaKeys.workspaceName(workspace.name);
  const { Item } = await documents.send(new GetCommand({ TableName: tables.ota, Key, ConsistentRead: true }));
  const issued = ((Item as NamedWorkspace | undefined)?.snapshot?.issued ?? Number.NaN) - hours * 3_600;
  const values = { ExpressionAttributeValues: { ":issued": issued } };
  const where = [
    { Key, UpdateExpression: "SET #snapshot.issued = :issued", ExpressionAttributeNames: { "#snapshot": "snapshot" } },
    { Key: otaKeys.snapshot(workspace.id), UpdateExpression: "SET issued = :issued" },
  ];
  for (const at of where) await documents.send(new UpdateCommand({ TableName: tables.ota, ...at, ...values }));
};

/** Waits for a snapshot that lists so many releases. */
export const snapshotOfAll = async (cloud: TestCloud, workspace: string, count: number): Promise<void> => {
  const { pk, sk } = otaKeys.workspaceName(workspace);
  const listed = async (): Promise<number> => {
    const { snapshot } = ((await cloud.items())[`ota ${pk} ${sk}`] ?? {}) as Partial<NamedWorkspace>;
    if (snapshot === undefined) return 0;
    const document = await cloud.s3.send(new GetObjectCommand({ Bucket: cloud.otaBucket, Key: snapshot.key }));
    return (await document.Body?.transformToString())?.match(/^entry /gm)?.length ?? 0;
  };
  await until(async () => (await listed()) === count, { what: `a snapshot of ${count} releases` });
};

export interface OtaOrigin {
  readonly url: string;
  readonly close: () => Promise<void>;
}

export interface OriginOptions {
  readonly limits?: StreamingLimits;
  readonly streamedBytes?: number;
  readonly archivesPerHour?: number;
  readonly defaultWorkspace?: string;
}

const REGION = "eu-west-1";

/**
 * The package function behind a URL of its own, as CloudFront sees it: no cache, no edge functions. It works on the tables
 * and the bucket of a running cloud. The host that a device would have asked by is the one in the request.
 */
export const startOrigin = async (cloud: TestCloud, options: OriginOptions = {}): Promise<OtaOrigin> => {
  const { endpoints, tables, otaBucket, dir } = cloud;
  const { limits, streamedBytes = 200_000_000, archivesPerHour = 1_000, defaultWorkspace = "" } = options;
  const declared = functions["ota-package"];
  if (declared === undefined) throw new Error("ota-package is not declared");
  const variables: Partial<Record<EnvironmentName, string>> = {
    STAGE: endpoints.stage,
    OTA_TABLE: tables.ota,
    OTA_BUCKET: otaBucket,
    OTA_DEFAULT_WORKSPACE: defaultWorkspace,
    OTA_STREAMED_BYTES: String(streamedBytes),
    OTA_ARCHIVES_PER_HOUR: String(archivesPerHour),
  };
  const name = `${endpoints.stage}-ota-package`;
  const lambda = startLambda({
    region: REGION,
    accountId: endpoints.accountId,
    logFile: join(dir, "origin.jsonl"),
    faults: new Faults(1),
    ...(limits !== undefined && { streamingLimits: limits }),
    functions: [
      {
        ...declared,
        name,
        variables: {
          ...variables,
          AWS_REGION: REGION,
          AWS_ACCESS_KEY_ID: endpoints.accessKeyId,
          AWS_SECRET_ACCESS_KEY: endpoints.secretAccessKey,
          AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
          AWS_ENDPOINT_URL_S3: endpoints.s3,
          AWS_LAMBDA_FUNCTION_NAME: name,
          POWERTOOLS_LOG_LEVEL: "INFO",
        },
      },
    ],
  });
  const origin = packages((event) => lambda.invokeStreaming(name, event), endpoints.accountId);
  const server = createServer({ maxHeaderSize: 32_768 }, (incoming, outgoing) => {
    const url = incoming.url ?? "/";
    const at = url.indexOf("?");
    // As a function URL: repeated lines are joined by commas.
    const headers = Object.fromEntries(
      Object.entries(incoming.headersDistinct).map(([field, values]) => [field, (values ?? []).join(",")]),
    );
    const work = async () => {
      const {
        status,
        headers: told,
        body,
      } = await origin.fetch({
        method: incoming.method ?? "GET",
        path: at < 0 ? url : url.slice(0, at),
        query: at < 0 ? "" : url.slice(at + 1),
        headers: { "x-ota-host": headers.host ?? "", ...headers },
      });
      outgoing.writeHead(status, told);
      if (body instanceof Uint8Array) outgoing.end(body);
      else await pipeline(body, outgoing);
    };
    incoming.resume();
    work().catch((error: unknown) => outgoing.destroy(error instanceof Error ? error : new Error(String(error))));
  });
  const port = await listen("origin", server, 0);
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      await shut(server);
      await lambda.close();
    },
  };
};
