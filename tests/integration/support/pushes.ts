import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import type { PushResult } from "../../../shared/push/push.ts";
import { until } from "../../local/until.ts";
import type { TestCloud } from "./cloud.ts";

/** What people do who have S3 and EventBridge alone. */
export const pushesOf = (cloud: TestCloud, bucket: string) => {
  const keysBelow = async (Prefix: string): Promise<string[]> =>
    ((await cloud.s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix }))).Contents ?? []).map(
      ({ Key = "" }) => Key,
    );
  const read = async (Key: string): Promise<string> => {
    const { Body } = await cloud.s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
    return (await Body?.transformToString()) ?? "";
  };
  const put = async (path: string, bytes: string | Uint8Array): Promise<void> => {
    await cloud.s3.send(new PutObjectCommand({ Bucket: bucket, Key: `drop/${path}`, Body: bytes }));
  };
  const resultKey = (folder: string) => `drop/${folder}/slipway.result.json`;
  /** Waits for what came of a manifest, and takes it away, so that the next one's can be told from it. */
  const result = async (folder: string): Promise<PushResult> => {
    const Key = resultKey(folder);
    await until(async () => (await keysBelow(Key)).includes(Key), { what: `a result in ${folder}` });
    const text = await read(Key);
    await cloud.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
    return JSON.parse(text) as PushResult;
  };
  return {
    keysBelow,
    read,
    put,
    result,
    /** Files, and last their manifest; a text is put as it is. */
    push: async (folder: string, manifest: object | string, files: Readonly<Record<string, string>> = {}) => {
      for (const [path, bytes] of Object.entries(files)) await put(`${folder}/${path}`, bytes);
      await put(`${folder}/slipway.json`, typeof manifest === "string" ? manifest : JSON.stringify(manifest));
    },
    /** An event that asks for a push. @returns its id */
    request: async (detail: object, entry: { readonly Source?: string } = {}): Promise<string> => {
      const { events, region, accessKeyId, secretAccessKey, stage } = cloud.endpoints;
      const client = new EventBridgeClient({ region, endpoint: events, credentials: { accessKeyId, secretAccessKey } });
      const { Entries } = await client.send(
        new PutEventsCommand({
          Entries: [
            {
              EventBusName: `${stage}-slipway`,
              Source: "slipway.push",
              DetailType: "push.requested",
              Detail: JSON.stringify(detail),
              ...entry,
            },
          ],
        }),
      );
      client.destroy();
      const id = Entries?.[0]?.EventId;
      if (id === undefined) throw new Error(`EventBridge took no event: ${JSON.stringify(Entries)}`);
      return id;
    },
  };
};
