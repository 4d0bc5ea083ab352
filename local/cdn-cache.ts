import CachePolicy from "http-cache-semantics";
import type { Headers } from "./cdn-http.ts";
import { fieldOf } from "./cdn-http.ts";

/** Seconds, as in a CloudFront cache policy. */
export interface Ttls {
  readonly minTtl: number;
  readonly defaultTtl: number;
  readonly maxTtl: number;
}

export interface CachedObject {
  /** The viewer's path, for invalidations. */
  readonly path: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  readonly policy: CachePolicy;
  /** Milliseconds since the epoch. */
  readonly freshUntil: number;
}

const ERROR_TTL = 10; // CloudFront's default "error caching minimum TTL", in seconds
const ERRORS_ALWAYS = new Set([404, 414, 500, 501, 502, 503, 504]);
const ERRORS_IF_SAID = new Set([400, 403, 405, 412, 415]);
const NOT_STORED = new Set([206, 304]);

/** The policy of a stored response by the given clock. CloudFront heeds neither `Vary` nor `Set-Cookie` when it stores. */
export const policyOf = (headers: Headers, now: () => number): CachePolicy => {
  class ClockedPolicy extends CachePolicy {
    now() {
      return now();
    }
  }
  const { vary: _vary, "set-cookie": _cookies, ...heeded } = headers;
  // As a 200 to a plain GET: which statuses are stored is CloudFront's decision, not RFC 9111's.
  const options = { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 };
  return new ClockedPolicy({ method: "GET", url: "/", headers: {} }, { status: 200, headers: heeded }, options);
};

/**
 * How long CloudFront keeps a response, in seconds: "Manage how long content stays in the cache (expiration)" and "How
 * CloudFront processes and caches HTTP 4xx and 5xx status codes" in the Developer Guide. `no-store`, `no-cache` and `private`
 * mean the minimum TTL, so that a minimum above 0 caches even those. Errors are kept for 10 s at most.
 */
export const ttlOf = (status: number, headers: Headers, policy: CachePolicy, ttls: Ttls): number => {
  const directives = policy.toObject().rescc;
  const isForbidden = ["no-store", "no-cache", "private"].some((name) => name in directives);
  const isSaid = "s-maxage" in directives || "max-age" in directives || fieldOf(headers, "expires") !== undefined;
  const said = isForbidden ? ttls.minTtl : Math.min(Math.max(policy.maxAge(), ttls.minTtl), ttls.maxTtl);
  if (status >= 400) {
    if (ERRORS_ALWAYS.has(status)) return Math.min(isSaid || isForbidden ? said : ERROR_TTL, ERROR_TTL);
    return ERRORS_IF_SAID.has(status) && isSaid ? Math.min(said, ERROR_TTL) : 0;
  }
  if (status < 200 || NOT_STORED.has(status)) return 0;
  return isSaid || isForbidden ? said : Math.max(ttls.defaultTtl, ttls.minTtl);
};

/** Whether a response that is stale at once is worth keeping, to be revalidated for each viewer. */
export const canRevalidate = (status: number, headers: Headers, policy: CachePolicy): boolean =>
  status === 200 &&
  policy.storable() &&
  !("no-cache" in policy.toObject().rescc) &&
  (fieldOf(headers, "etag") ?? fieldOf(headers, "last-modified")) !== undefined;

const OVERHEAD = 1024; // what headers and bookkeeping of one object take, about

/** A cache of at most `memoryBytes`, which drops what was not used for longest. */
export const makeStore = (memoryBytes: number) => {
  const objects = new Map<string, CachedObject>(); // in order of use
  let bytes = 0;
  const drop = (key: string): void => {
    const object = objects.get(key);
    if (object === undefined) return;
    objects.delete(key);
    bytes -= object.body.length + OVERHEAD;
  };
  return {
    get: (key: string): CachedObject | undefined => {
      const object = objects.get(key);
      if (object === undefined) return undefined;
      objects.delete(key);
      objects.set(key, object);
      return object;
    },
    set: (key: string, object: CachedObject): void => {
      drop(key);
      if (object.body.length + OVERHEAD > memoryBytes) return;
      objects.set(key, object);
      bytes += object.body.length + OVERHEAD;
      for (const oldest of objects.keys()) {
        if (bytes <= memoryBytes) break;
        drop(oldest);
      }
    },
    drop,
    dropPaths: (matches: (path: string) => boolean): void => {
      for (const [key, { path }] of [...objects]) if (matches(path)) drop(key);
    },
  };
};
