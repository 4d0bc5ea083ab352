import { SNAPSHOTS } from "../ota/snapshot.ts";
import { ARCHIVES } from "../ota/stored-archive.ts";
import { PROBLEMS, problem } from "../problems.ts";

/**
 * A cache behaviour of the OTA distribution; a request gets the first whose pattern matches, and a 404 if none does.
 * TTLs are in seconds.
 */
export interface BehaviourDeclaration {
  /** A CloudFront path pattern. */
  readonly pathPattern: string;
  /** `packages` is the package function behind its URL, `binaries` the OTA bucket. */
  readonly origin: "packages" | "binaries";
  /** Which functions of `shared/ota/edge.ts` run before and after the cache. */
  readonly edge: keyof typeof edgeFunctions;
  /** Behaviours of one name have the same key and TTLs. */
  readonly cache: "packages" | "snapshots" | "binaries";
  /** What distinguishes objects besides the path, and is all that the origin sees of a request. */
  readonly cacheKey: { readonly queryStrings: "all" | "none"; readonly headers: readonly string[] };
  readonly minTtl: number;
  readonly defaultTtl: number;
  readonly maxTtl: number;
}

/**
 * What one address may ask of the distribution. Requests for a range are counted on their own, and so many times as many are
 * let through: a modem that fetches 2 kB at a time must not be refused its next poll for that.
 */
export const BUDGET = { windowSeconds: 300, rangesForOne: 20 } as const;

/**
 * What who asks too often is answered, by the web ACL. It gives no other type of JSON than `application/json`, and lets no
 * rule set `Content-Type`: https://docs.aws.amazon.com/waf/latest/developerguide/customizing-the-response-for-blocked-requests.html
 */
export const OVER_BUDGET = {
  status: PROBLEMS.throttled.status,
  retryAfter: String(BUDGET.windowSeconds),
  body: JSON.stringify(problem("throttled", "too many requests of one address in five minutes")),
} as const;

/** The functions at the edge before and after the cache, by what they are for. */
export const edgeFunctions = {
  packages: ["viewerRequest", "viewerResponse"],
  objects: ["objectRequest", "objectResponse"],
} as const;

/**
 * CloudFront refuses a method that is not allowed with 403 in HTML, before any function runs: so all are, and the edge
 * functions let GET and HEAD through. The list is one of the three that CloudFront takes.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html
 */
export const METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"] as const;

const objects = (pathPattern: string): BehaviourDeclaration => ({
  pathPattern,
  origin: "binaries",
  edge: "objects",
  cache: "binaries",
  cacheKey: { queryStrings: "none", headers: [] },
  minTtl: 0,
  defaultTtl: 86_400,
  maxTtl: 31_536_000,
});

/**
 * What the OTA distribution serves: packages from the function, binaries from the bucket. Public endpoints of the API get
 * an origin and behaviours of their own here, which puts the web ACL before them: HTTP APIs take none.
 */
export const behaviours: readonly BehaviourDeclaration[] = [
  ...["/package", "/*/package"].map(
    (pathPattern): BehaviourDeclaration => ({
      pathPattern,
      origin: "packages",
      edge: "packages",
      cache: "packages",
      cacheKey: {
        queryStrings: "all",
        headers: ["x-ota-bucket", "x-ota-edge", "x-ota-hardware", "x-ota-have", "x-ota-host", "x-ota-prefer"],
      },
      minTtl: 0,
      defaultTtl: 100,
      maxTtl: 100,
    }),
  ),
  ...["/snapshot", "/*/snapshot"].map(
    (pathPattern): BehaviourDeclaration => ({
      pathPattern,
      origin: "packages",
      edge: "objects",
      cache: "snapshots",
      cacheKey: { queryStrings: "none", headers: [] },
      minTtl: 0,
      defaultTtl: 10,
      maxTtl: 10,
    }),
  ),
  objects("/*/releases/*"),
  objects(`/${ARCHIVES}*`),
  objects(`/${SNAPSHOTS}*`),
];

/**
 * The keys of the OTA bucket that anyone may read, as patterns: `binaryKey` of `shared/ota/release.ts`, and archives and
 * snapshots as `shared/ota/stored-archive.ts` and `shared/ota/snapshot.ts` name them.
 */
export const publicKeys = ["*/releases/*", `${ARCHIVES}*`, `${SNAPSHOTS}*`] as const;
