import { HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { expect } from "vitest";
import type { ApiClient, IntentBody } from "../../../local/api-client.ts";
import { until } from "../../local/until.ts";
import { expecting, sendFile, sha256, type Upload } from "./cloud.ts";

export interface DeclaredFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly upload?: Upload;
  readonly uploadHref?: string;
}

export interface Part {
  readonly part: number;
  readonly size: number;
  readonly received: boolean;
  readonly upload?: Upload;
}

type Bytes = string | Buffer<ArrayBuffer>;

export const fileOf = (path: string, bytes: Bytes) => ({ path, size: Buffer.byteLength(bytes), sha256: sha256(bytes) });

/** Where a version's file is in its workspace's bucket. */
export const keyOfFile = (version: string, path: string): string =>
  version.replace(
    /^.*components\/([^/]+)\/versions\/(.+)$/,
    (_, name, number) => `components/${name}/${number}/${path}`,
  );

/** Whether there is an object of that key. */
export const isObject = async (s3: S3Client, bucket: string, key: string): Promise<boolean> => {
  try {
    await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return true;
  } catch (error) {
    if ((error as Error).name === "NotFound") return false;
    throw error;
  }
};

/** Drafts of one workspace, and their files. Versions are told by their path in the API. */
export const draftsOf = (api: ApiClient, workspace: string) => {
  const declare = async (version: string, path: string, bytes: Bytes): Promise<DeclaredFile> =>
    (await expecting(201, api.call<DeclaredFile>("POST", `${version}/files`, { body: fileOf(path, bytes) }))).body;

  return {
    draft: async (name: string, version = "1.0.0", recipe: object = { run: "true" }): Promise<string> => {
      await api.call("POST", `${workspace}/components`, { body: { name } }); // it may be there already
      await expecting(201, api.call("POST", `${workspace}/components/${name}/versions`, { body: { version, recipe } }));
      return `${workspace}/components/${name}/versions/${version}`;
    },
    /** Another version made from this one, with its files. */
    clone: async (version: string, number: string): Promise<string> => {
      const [at, from] = [version.slice(0, version.lastIndexOf("/")), version.slice(version.lastIndexOf("/") + 1)];
      await expecting(201, api.call("POST", at, { body: { version: number, from } }));
      const copying = async () =>
        (await expecting(200, api.call<{ copying?: string }>("GET", `${at}/${number}`))).body.copying;
      await until(async () => (await copying()) !== "running", { what: `the files of ${number} to be copied` });
      expect(await copying()).toBeUndefined();
      return `${at}/${number}`;
    },
    declare,
    /** Declares a small file and sends its bytes, unless they are there. */
    send: async (version: string, path: string, bytes: Bytes): Promise<void> => {
      const { upload } = await declare(version, path, bytes);
      if (upload !== undefined) await sendFile(upload, bytes);
    },
    publish: async (version: string): Promise<IntentBody> => {
      const { body } = await expecting(202, api.call<IntentBody>("POST", `${version}/publish`));
      return api.ended(body.id);
    },
    statusOf: async (version: string): Promise<string> =>
      (await expecting(200, api.call<{ status: string }>("GET", version))).body.status,
    pathsOf: async (version: string): Promise<string[]> =>
      (await expecting(200, api.call<{ items: DeclaredFile[] }>("GET", `${version}/files?limit=100`))).body.items.map(
        ({ path }) => path,
      ),
    parts: async (version: string, path: string): Promise<Part[]> => {
      const parts: Part[] = [];
      for (let cursor: string | undefined = ""; cursor !== undefined; ) {
        const query: string = `?limit=100${cursor === "" ? "" : `&cursor=${cursor}`}`;
        const { body } = await expecting(
          200,
          api.call<{ items: Part[]; nextCursor?: string }>("GET", `${version}/uploads/${path}${query}`),
        );
        parts.push(...body.items);
        cursor = body.nextCursor;
      }
      return parts;
    },
  };
};
