import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { ApiClient } from "../../local/api-client.ts";
import type { SampleRelease } from "./rows.ts";

interface Listed {
  readonly id: string;
  readonly app: string;
  readonly environment: string;
  readonly version: string;
  readonly sha256: string;
  readonly status: string;
}

interface Created {
  readonly id: string;
  readonly upload: { readonly url: string; readonly headers: Readonly<Record<string, string>> };
}

const read = async (s3: S3Client, { bucket, key }: SampleRelease): Promise<Readable> => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  if (!(Body instanceof Readable)) throw new Error(`s3://${bucket}/${key} has no body`);
  return Body;
};

/** Reads the object once. @throws Error when it is not what the row says */
const hashed = async (s3: S3Client, row: SampleRelease): Promise<{ size: number; sha256: string }> => {
  const [md5, sha256] = [createHash("md5"), createHash("sha256")];
  let size = 0;
  for await (const chunk of await read(s3, row)) {
    md5.update(chunk);
    sha256.update(chunk);
    size += (chunk as Buffer).length;
  }
  const found = md5.digest("hex");
  if (found !== row.md5) throw new Error(`s3://${row.bucket}/${row.key} has the MD5 ${found}, not ${row.md5}`);
  return { size, sha256: sha256.digest("hex") };
};

/** Sends the object on, a piece at a time: `fetch` would send a stream without its length, which S3 refuses. */
const send = async (body: Readable, { url, headers }: Created["upload"]): Promise<void> => {
  const request = (url.startsWith("https:") ? httpsRequest : httpRequest)(url, { method: "PUT", headers });
  const answered = new Promise<number>((resolve, reject) => {
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", reject);
  });
  const [status] = await Promise.all([answered, pipeline(body, request)]);
  if (status !== 200) throw new Error(`the upload answers ${status}`);
};

const listed = async (api: ApiClient, workspace: string): Promise<readonly Listed[]> => {
  const found: Listed[] = [];
  let cursor = "";
  do {
    const path = `/v1/workspaces/${workspace}/releases?limit=100${cursor}`;
    const { status, body } = await api.call<{ items: Listed[]; nextCursor?: string }>("GET", path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    found.push(...body.items);
    cursor = body.nextCursor === undefined ? "" : `&cursor=${encodeURIComponent(body.nextCursor)}`;
  } while (cursor !== "");
  return found;
};

/** What was done with a row: nothing for one that is there, or that an interrupted run has brought so far. */
export type Imported = "was there" | "was uploaded" | "imported";

const publish = async (api: ApiClient, path: string) => {
  const { status, body } = await api.call<{ id: string }>("POST", `${path}/publish`);
  if (status !== 202) throw new Error(`POST ${path}/publish: ${status} ${JSON.stringify(body)}`);
  return api.ended(body.id, 900_000);
};

const importRow = async (
  { api, s3, workspace }: { readonly api: ApiClient; readonly s3: S3Client; readonly workspace: string },
  row: SampleRelease,
  present: readonly Listed[],
): Promise<Imported> => {
  const { app, environment, version, attributes } = row;
  const { size, sha256 } = await hashed(s3, row);
  const releases = `/v1/workspaces/${workspace}/releases`;
  const same = present.filter(
    (one) => one.app === app && one.environment === environment && one.version === version && one.sha256 === sha256,
  );
  if (same.some(({ status }) => status === "published")) return "was there";
  for (const { id, status } of same) {
    if (status !== "draft" && status !== "failed") throw new Error(`${id} is ${status}: run this again`);
    const { status: outcome } = await publish(api, `${releases}/${id}`);
    if (outcome === "succeeded") return "was uploaded";
    await api.done("DELETE", `${releases}/${id}`);
  }
  // Devices of the sample got what there was, older or not.
  const body = { app, environment, version, attributes, size, sha256, allowDowngrade: true };
  const created = await api.call<Created>("POST", releases, { body });
  if (created.status !== 201) throw new Error(`POST ${releases}: ${created.status} ${JSON.stringify(created.body)}`);
  await send(await read(s3, row), created.body.upload);
  const { status, problem } = await publish(api, `${releases}/${created.body.id}`);
  if (status !== "succeeded") throw new Error(JSON.stringify(problem));
  return "imported";
};

/**
 * Makes a release of each row, whose binary is read twice and never whole in memory, and publishes it. What is there
 * already is left alone, so that an interrupted run is just run again.
 * @param tell hears what became of each row; one that fails keeps no other from being imported
 * @returns how many failed
 */
export const importSample = async (
  place: { readonly api: ApiClient; readonly s3: S3Client; readonly workspace: string },
  rows: readonly SampleRelease[],
  tell: (row: SampleRelease, outcome: Imported | Error) => void,
): Promise<number> => {
  const present = await listed(place.api, place.workspace);
  let failed = 0;
  for (const row of rows) {
    try {
      tell(row, await importRow(place, row, present));
    } catch (error) {
      failed += 1;
      tell(row, error instanceof Error ? error : new Error(String(error)));
    }
  }
  return failed;
};
