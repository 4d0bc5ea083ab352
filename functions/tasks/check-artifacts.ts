import { headObject } from "../../shared/aws/buckets.ts";
import { eachItem } from "../../shared/aws/table.ts";
import { artifactKey } from "../../shared/component/recipe.ts";
import type { StoredFile } from "../../shared/component/version.ts";
import { partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { desiredVersion, desiredWorkspace } from "./desired.ts";
import { task } from "./task.ts";

/**
 * Every declared file is in S3 with the size and hash that were declared; S3 checked the hash when it took the bytes. The
 * artifacts of a manifest lie in one folder on the device, so their names must differ.
 */
export const handler = task("check-artifacts", async (input) => {
  const version = await desiredVersion(input);
  const { bucket } = await desiredWorkspace(input);
  const names = new Map<string, string>();
  for await (const { path, size, sha256 } of eachItem<StoredFile>(partitions.files(version.id))) {
    const name = path.split("/").at(-1) ?? path;
    const other = names.get(name);
    if (path.startsWith("dist/")) names.set(name, path);
    if (path.startsWith("dist/") && other !== undefined) {
      throw new AppError("artifact-clash", `${other} and ${path} would be the same file on the device`);
    }
    const object = await headObject(bucket, artifactKey(version.component, version.version, path));
    if (object === undefined) throw new AppError("artifact-missing", `${path} was declared but not uploaded`);
    if (object.size !== size || object.sha256 !== sha256) {
      throw new AppError(
        "artifact-mismatch",
        `${path} has ${object.size} bytes with SHA-256 ${object.sha256 ?? "unknown"}; ${size} with ${sha256} were declared`,
      );
    }
  }
});
