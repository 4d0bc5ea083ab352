import { s3Client } from "../../shared/aws/objects.ts";
import { presignDownload } from "../../shared/aws/presigned.ts";
import { allItems } from "../../shared/aws/table.ts";
import type { StoredFile } from "../../shared/component/file.ts";
import { folderOf } from "../../shared/component/gdk.ts";
import { filesToBe } from "../../shared/component/package.ts";
import { artifactKey, bytesOf } from "../../shared/component/recipe.ts";
import { aboutVersion, portableText } from "../../shared/component/version-recipe.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";
import { decodeCursor, encodeCursor } from "../http/paging.ts";
import { findComponent, findVersion } from "../http/resources.ts";

/** What is begun within it may go on. */
const LINK_SECONDS = 900;

export const handler = endpoint(
  componentRoutes,
  "exportComponentVersion",
  async ({ workspace, params, query, moment }) => {
    const component = await findComponent(workspace, params.component);
    const version = await findVersion(workspace, component.id, params.version);
    const files = await allItems<StoredFile>(partitions.files(version.id));
    const about = aboutVersion(workspace, component, version);
    const { texts, files: placed } = folderOf({
      name: component.name,
      version: version.version,
      publisher: component.publisher,
      region: await s3Client().config.region(),
      recipe: portableText(version, about, filesToBe(component.name, files)),
      files,
    });
    const made = [...texts].map(([path, text]) => ({ path, size: bytesOf(text), text }));
    const after = query.cursor === undefined ? 0 : decodeCursor(version.id, query.cursor);
    if (typeof after !== "number" || !Number.isInteger(after) || after < 0) {
      throw new AppError("invalid-cursor", "cursor must be the nextCursor of this list's page before");
    }
    const end = after + query.limit;
    const items = await Promise.all(
      [...made, ...placed].slice(after, end).map(async (item) => {
        if (!("file" in item)) return item;
        const { path, file } = item;
        const name = path.slice(path.lastIndexOf("/") + 1);
        const key = artifactKey(component.name, version.version, file.path);
        const download = await presignDownload({ bucket: workspace.bucket, key, name }, LINK_SECONDS, moment.now);
        return { path, size: file.size, sha256: file.sha256, download };
      }),
    );
    const more = end < made.length + placed.length;
    return { body: { items, ...(more && { nextCursor: encodeCursor(version.id, end) }) } };
  },
);
