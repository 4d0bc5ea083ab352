import { receivedParts } from "../../shared/aws/multipart.ts";
import { presignPart } from "../../shared/aws/presigned.ts";
import { partsOf } from "../../shared/component/file.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";
import { findFile, keyOf } from "../http/files.ts";
import { decodeCursor, encodeCursor } from "../http/paging.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint(
  componentRoutes,
  "getComponentUpload",
  async ({ workspace, params, query, may, moment }) => {
    const version = await findVersion(workspace, params.component, params.version);
    const place = { version, bucket: workspace.bucket };
    const { path, size, uploadId } = await findFile(place, params.path);
    const none = new AppError("not-found", `no upload of ${path} is under way`);
    if (uploadId === undefined) throw none;
    const upload = { bucket: place.bucket, key: keyOf(place, path), uploadId };
    const after = query.cursor === undefined ? 0 : decodeCursor(uploadId, query.cursor);
    if (typeof after !== "number" || !Number.isInteger(after) || after < 0) {
      throw new AppError("invalid-cursor", "cursor must be the nextCursor of this list's page before");
    }
    const all = partsOf(size);
    const page = all.slice(after, after + query.limit);
    const received = await receivedParts(upload, { after, limit: query.limit });
    if (received === undefined) throw none;
    const sizes = new Map(received.map((part) => [part.part, part.size]));
    // Who may only read is told what has come, and gets no way to send.
    const sends = may("maintainer", "components:write");
    const items = await Promise.all(
      page.map(async (part) => {
        if (sizes.get(part.part) === part.size) return { ...part, received: true };
        if (!sends) return { ...part, received: false };
        return { ...part, received: false, upload: await presignPart(upload, part, moment.now) };
      }),
    );
    const last = page.at(-1)?.part ?? all.length;
    return { body: { items, ...(last < all.length && { nextCursor: encodeCursor(uploadId, last) }) } };
  },
);
