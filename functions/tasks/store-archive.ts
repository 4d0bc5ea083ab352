import { assembleObject, headObject } from "../../shared/aws/objects.ts";
import { env } from "../../shared/env.ts";
import { archiveParts } from "../../shared/ota/archive-parts.ts";
import { digestMetadata } from "../../shared/ota/repr-digest.ts";
import { uploadParts } from "../../shared/ota/stored-archive.ts";
import { AppError } from "../../shared/problems.ts";
import { bytesOf } from "../ota/bytes.ts";
import { desiredArchive } from "./desired.ts";
import { task } from "./task.ts";

/** Joins the archive in the bucket, of copies where S3 makes them and of few bytes that are sent. */
export const handler = task("store-archive", async (input) => {
  const archive = await desiredArchive(input);
  const { key, size, sha256, crc32 } = archive;
  if (sha256 === undefined || crc32 === undefined) throw new AppError("conflict", "the archive was not read through");
  const bucket = env("OTA_BUCKET");
  if ((await headObject(bucket, key))?.size === size) return; // joined objects are whole or absent
  const parts = uploadParts(archiveParts(archive)).map((part) =>
    part.kind === "copy"
      ? part
      : { kind: part.kind, bytes: async () => Buffer.concat(await Array.fromAsync(bytesOf(part.slices))) },
  );
  await assembleObject(bucket, key, parts, crc32, {
    ContentType: "application/gzip",
    ContentDisposition: 'attachment; filename="package.tar.gz"',
    CacheControl: "public, max-age=31536000, immutable",
    Metadata: digestMetadata(sha256),
  });
});
