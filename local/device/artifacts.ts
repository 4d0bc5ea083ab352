import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { DeploymentError, type ErrorCode } from "./errors.ts";
import type { Folder, Identity } from "./folder.ts";
import { artifactUrl, HttpError, roleCredentials } from "./http.ts";
import { type Artifact, type Component, manifestOf } from "./recipe.ts";
import { unzip } from "./unzip.ts";

const failed = (codes: readonly ErrorCode[], message: string, cause?: unknown): DeploymentError =>
  new DeploymentError(["ARTIFACT_DOWNLOAD_ERROR", ...codes], message, { cause });

/** The file that an artifact becomes. @throws DeploymentError for a URI that has none */
const fileNameOf = ({ Uri }: Artifact): string => {
  const name = basename(Uri);
  if (/^\.*$/.test(name) || name.includes("\\") || name.includes("\0"))
    throw failed(["ARTIFACT_URI_NOT_VALID"], `${Uri} names no file`);
  return name;
};

/** What S3's refusals are called. */
const s3Failure = (uri: string, error: unknown): DeploymentError | undefined => {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (status === undefined || status === 429 || status >= 500) return undefined; // may pass
  const codes: readonly ErrorCode[] =
    status === 403
      ? ["S3_ERROR", "S3_ACCESS_DENIED", "S3_GET_OBJECT_ACCESS_DENIED"]
      : status === 404
        ? ["S3_ERROR", "S3_RESOURCE_NOT_FOUND", "S3_GET_OBJECT_RESOURCE_NOT_FOUND"]
        : ["S3_ERROR", "S3_BAD_REQUEST"];
  return failed(codes, `${uri}: ${String(error)}`, error);
};

const credentialsFailure = (error: unknown): DeploymentError | undefined =>
  error instanceof HttpError && error.status < 500 && error.status !== 429
    ? failed(["CREDENTIAL_ENDPOINT_AUTH_FAILURE"], error.message, error)
    : undefined;

export interface Source {
  /** @throws DeploymentError for what will not get better, whatever else for what may */
  readonly read: (component: Component, artifact: Artifact) => Promise<AsyncIterable<Uint8Array>>;
  readonly close: () => void;
}

/**
 * Where artifacts come from: S3 by the credentials of the role alias, or Greengrass itself. A client of S3 takes memory and
 * is seldom needed, so that one is made when it is.
 */
export const artifactSource = (identity: Identity): Source => {
  let client: S3Client | undefined;

  const fromS3 = async (uri: string): Promise<AsyncIterable<Uint8Array>> => {
    const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
    if (Bucket === undefined || Key === undefined)
      throw failed(["S3_ARTIFACT_URI_NOT_VALID"], `${uri} names no object`);
    const { GetObjectCommand, S3Client } = await import("@aws-sdk/client-s3");
    client ??= new S3Client({
      region: identity.region,
      // Only AWS has a host for each bucket.
      ...(identity.s3 !== undefined && { endpoint: identity.s3, forcePathStyle: true }),
      credentials: () => roleCredentials(identity),
    });
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      return Body as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw credentialsFailure(error) ?? s3Failure(uri, error) ?? error;
    }
  };

  const fromGreengrass = async (component: Component, artifact: Artifact): Promise<AsyncIterable<Uint8Array>> => {
    const url = await artifactUrl(identity, component.arn, fileNameOf(artifact)).catch((error: unknown) => {
      const status = error instanceof HttpError ? error.status : 500;
      if (status === 403)
        throw failed(["CLOUD_API_ERROR", "GET_COMPONENT_VERSION_ARTIFACT_ACCESS_DENIED"], String(error), error);
      if (status === 404) throw failed(["CLOUD_API_ERROR", "RESOURCE_NOT_FOUND"], String(error), error);
      throw error;
    });
    const answer = await fetch(url);
    if (answer.body === null || !answer.ok)
      throw failed(["DOWNLOAD_GREENGRASS_ARTIFACT_ERROR"], `${artifact.Uri} answered ${answer.status}`);
    return Readable.fromWeb(answer.body);
  };

  return {
    read: (component, artifact) => {
      const { Uri } = artifact;
      if (Uri.startsWith("s3://")) return fromS3(Uri);
      if (Uri.startsWith("greengrass:")) return fromGreengrass(component, artifact);
      throw failed(["UNSUPPORTED_ARTIFACT_SCHEME"], `${Uri}: only s3:// and greengrass: are served`);
    },
    close: () => client?.destroy(),
  };
};

const digestOfFile = async (path: string): Promise<string | undefined> => {
  try {
    const hash = createHash("sha256");
    for await (const chunk of (await open(path)).createReadStream()) hash.update(chunk as Buffer);
    return hash.digest("base64");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

/** Writes what comes to a file that has its name when it is whole and has the digest. */
const keep = async (artifact: Artifact, path: string, content: AsyncIterable<Uint8Array>): Promise<void> => {
  const temporary = `${path}.part`;
  const hash = createHash("sha256");
  const file = await open(temporary, "w", 0o600);
  try {
    for await (const chunk of content) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } catch (error) {
    if (!/^E(NOSPC|DQUOT|IO|ROFS|ACCES)$/.test(String((error as NodeJS.ErrnoException).code))) throw error;
    throw failed(["IO_ERROR", "IO_WRITE_ERROR"], String(error), error);
  } finally {
    await file.close();
  }
  const digest = hash.digest("base64");
  if (digest !== artifact.Digest) {
    await rm(temporary);
    throw failed(
      ["ARTIFACT_CHECKSUM_MISMATCH"],
      `${artifact.Uri} has the SHA-256 ${digest}, and its recipe says ${artifact.Digest}`,
    );
  }
  const { Read, Execute } = artifact.Permission;
  const bits = (permission: string, bit: number) =>
    permission === "ALL" ? bit * 0o111 : permission === "OWNER" ? bit * 0o100 : 0;
  // Its owner, who is this program, can always read it: its digest is looked at again.
  await chmod(temporary, 0o400 | bits(Read, 4) | bits(Execute, 1));
  await rename(temporary, path);
};

/**
 * Fetches a component's artifacts that are not there yet, and holds each against its digest.
 * @throws DeploymentError for what will not get better, whatever else for what may
 */
export const fetchArtifacts = async (folder: Folder, component: Component, source: Source): Promise<void> => {
  const { name, version, recipe } = component;
  const to = folder.artifacts(name, version);
  for (const artifact of manifestOf(recipe).Artifacts) {
    if (artifact.Digest === undefined || artifact.Algorithm?.replace("-", "").toUpperCase() !== "SHA256")
      throw failed(["RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM"], `${artifact.Uri} has no SHA-256 in its recipe`);
    const file = fileNameOf(artifact);
    const path = join(to, file);
    if ((await digestOfFile(path)) !== artifact.Digest) {
      await mkdir(to, { recursive: true });
      await rm(path, { force: true });
      await keep(artifact, path, await source.read(component, artifact));
    }
    if (artifact.Unarchive !== "ZIP") continue;
    const unpacked = join(folder.decompressed(name, version), file.replace(/\.zip$/i, ""));
    if (existsSync(unpacked)) continue; // it has its name when all of it is there
    const temporary = `${unpacked}.part`;
    await rm(temporary, { recursive: true, force: true });
    await unzip(await readFile(path), temporary).catch((error: unknown) => {
      throw new DeploymentError(
        ["COMPONENT_PACKAGE_LOADING_ERROR", "IO_ERROR", "IO_UNZIP_ERROR"],
        `${artifact.Uri}: ${String(error)}`,
      );
    });
    await rename(temporary, unpacked);
  }
};
