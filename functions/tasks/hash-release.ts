import { createHash } from "node:crypto";
import { readObject } from "../../shared/aws/objects.ts";
import { transact } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { otaKeys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

/** Reads the upload once, in pieces: SHA-256 must be the declared one, MD5 is for the devices that know no other. */
export const handler = task("hash-release", async (input) => {
  const release = await desiredRelease(input);
  if (release.md5 !== undefined) return;
  const sha256 = createHash("sha256");
  const md5 = createHash("md5");
  let size = 0;
  for await (const chunk of await readObject(env("OTA_BUCKET"), release.uploadKey)) {
    sha256.update(chunk);
    md5.update(chunk);
    size += chunk.length;
  }
  const found = sha256.digest("hex");
  if (size !== release.size || found !== release.sha256) {
    throw new AppError(
      "artifact-mismatch",
      `the upload has ${size} bytes with SHA-256 ${found}; ${release.size} with ${release.sha256} were declared`,
    );
  }
  await transact([
    {
      do: "update",
      table: "ota",
      key: otaKeys.release(release.workspaceId, release.id),
      set: { md5: md5.digest("hex") },
      when: { status: "publishing" },
    },
  ]);
});
