import { parseEntityTags } from "../../shared/ota/entity-tags.ts";
import { pathOf } from "../../shared/ota/package.ts";
import type { PackageResponse } from "../../shared/ota/respond.ts";
import type { CurrentRelease } from "../../shared/ota/select.ts";
import { entriesHash, type StoredSnapshot } from "../../shared/ota/snapshot.ts";
import { snapshotHeader } from "../../shared/ota/statements.ts";
import { AppError } from "../../shared/problems.ts";

/** How long a cache may give the last snapshot, and a package that the last snapshot does not cover yet. */
const CACHE_SECONDS = 10;

/**
 * `GET /{workspace}/snapshot`: the last one as it was signed; nothing is signed in a request.
 * @throws AppError `not-found` as long as there is none
 */
export const answerSnapshot = (
  snapshot: StoredSnapshot | undefined,
  method: string,
  ifNoneMatch: string | undefined,
): Omit<PackageResponse, "kind"> => {
  if (snapshot === undefined) throw new AppError("not-found", "the workspace has no snapshot: it never had a release");
  const { key, size, sequence } = snapshot;
  const tag = `s-${sequence}`;
  const common = { etag: `"${tag}"`, "cache-control": `public, max-age=${CACHE_SECONDS}` };
  const have = parseEntityTags(ifNoneMatch);
  if (have.any || have.others.includes(tag)) return { status: 304, headers: common, slices: [] };
  return {
    status: 200,
    headers: { ...common, "content-type": "text/plain; charset=us-ascii", "content-length": String(size) },
    slices: method === "HEAD" ? [] : [{ kind: "object", key, size }],
  };
};

/**
 * The answer with the last snapshot in `x-ota-snapshot`. Between a change and its snapshot, within a second or so, there are
 * releases that no snapshot lists, and devices would refuse them: no cache keeps such an answer for long.
 */
export const withSnapshot = <Response extends Pick<PackageResponse, "headers">>(
  response: Response,
  snapshot: StoredSnapshot | undefined,
  releases: readonly CurrentRelease[],
): Response => {
  const isCovered = snapshot?.entries === entriesHash(releases);
  const control = response.headers["cache-control"];
  return {
    ...response,
    headers: {
      ...response.headers,
      ...(snapshot !== undefined && { "x-ota-snapshot": snapshotHeader(snapshot, `/${pathOf(snapshot.key)}`) }),
      ...(control !== undefined &&
        !isCovered && { "cache-control": control.replace(/max-age=\d+/, `max-age=${CACHE_SECONDS}`) }),
    },
  };
};
