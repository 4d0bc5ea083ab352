import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { transact } from "../../shared/aws/table.ts";
import { archiveParts, lengthOf, slicesOf } from "../../shared/ota/archive-parts.ts";
import { recordHashes } from "../../shared/ota/stored-archive.ts";
import { AppError } from "../../shared/problems.ts";
import { bytesOf } from "../ota/bytes.ts";
import { desiredArchive } from "./desired.ts";
import { task } from "./task.ts";

/** Reads the archive through once, in pieces: its SHA-256 is for devices, its CRC-32 for S3 to check what it has joined. */
export const handler = task("hash-archive", async (input) => {
  const archive = await desiredArchive(input);
  if (archive.sha256 !== undefined) return;
  const parts = archiveParts(archive);
  const sha256 = createHash("sha256");
  let crc = 0;
  let size = 0;
  for await (const chunk of bytesOf(slicesOf(parts, { first: 0, last: lengthOf(parts) - 1 }))) {
    sha256.update(chunk);
    crc = crc32(chunk, crc);
    size += chunk.length;
  }
  if (size !== archive.size)
    throw new AppError("artifact-mismatch", `the archive has ${size} bytes, not ${archive.size}`);
  await transact([recordHashes(archive, { sha256: sha256.digest("hex"), crc32: crc })]);
});
