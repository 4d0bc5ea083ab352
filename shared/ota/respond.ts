import { createHash } from "node:crypto";
import { AppError, problem } from "../problems.ts";
import { type ArchiveContent, type ArchiveSlice, lengthOf, slicesOf } from "./archive-parts.ts";
import type { PackageAnswer } from "./package.ts";
import { rangeOf } from "./range.ts";
import { reprDigest } from "./repr-digest.ts";

/** As long as the sample that devices in the field know. */
const CACHE_SECONDS = 100;
/** What an answer depends on beside the URL. */
const VARY = "if-none-match, prefer, x-device-id, x-device-hardware";

/** A request for a package, as far as HTTP itself goes. Header fields as they came; absent ones undefined. */
export interface Conditions {
  readonly method: string;
  readonly ifMatch: string | undefined;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  /** Whether the edge has told what this device has, which understands our marks; nobody else does. */
  readonly isBehindEdge: boolean;
  /** The device asked for a redirect to a stored archive. */
  readonly prefersRedirect: boolean;
  /** Archives up to so many bytes are streamed. */
  readonly streamedBytes: number;
}

/** What goes out. `kind` says what it is, as polls are counted. */
export interface PackageResponse {
  readonly kind: "not-modified" | "metadata" | "archive" | "redirect";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body, in order; nothing for HEAD and 304. */
  readonly slices: readonly ArchiveSlice[];
}

/** An archive that is not streamed: the caller finds out whether it is stored, and answers {@link redirectTo} it. */
export interface StoredElsewhere {
  readonly kind: "stored";
  readonly content: ArchiveContent;
  readonly bytes: number;
  readonly isPersonal: boolean;
}

/** Whether a field `Prefer` (RFC 7240) has the preference `redirect`. */
export const prefersRedirect = (field: string | undefined): boolean =>
  (field ?? "").split(",").some((preference) => /^\s*redirect\s*(?:;|$)/i.test(preference));

type Answer = Exclude<PackageAnswer, { kind: "not-found" }>;

/**
 * A cache that knows an answer by its URL alone must not keep one that leaves out what this device has. The edge's cache
 * has the hashes in its key: it is given the answer as `public` with a mark, and says `private` to all others.
 */
const cacheHeaders = ({ isPersonal }: { isPersonal: boolean }, isBehindEdge: boolean): Record<string, string> => ({
  "cache-control": `${isPersonal && !isBehindEdge ? "private" : "public"}, max-age=${CACHE_SECONDS}`,
  vary: VARY,
  ...(isPersonal && isBehindEdge && { "x-ota-personal": "1" }),
});

/** RFC 9110 §13.1.1: strong comparison; a weak tag equals nothing. */
const matches = (ifMatch: string, etag: string): boolean =>
  ifMatch.trim() === "*" || ifMatch.split(",").some((tag) => tag.trim() === etag);

const bodyOf = (answer: Exclude<Answer, { kind: "not-modified" }>) =>
  answer.kind === "metadata"
    ? {
        headers: {
          "content-type": "application/json",
          "content-disposition": 'inline; filename="package_details.json"',
          "repr-digest": reprDigest(createHash("sha256").update(answer.body).digest("hex")),
        },
        parts: [{ kind: "bytes", bytes: answer.body } as const],
      }
    : {
        // No Repr-Digest: what was never read has no hash. Stored archives have one, and the metadata each binary's.
        headers: {
          "content-type": "application/gzip",
          "content-disposition": 'attachment; filename="package.tar.gz"',
        },
        parts: answer.parts,
      };

/**
 * The HTTP response of an answer: preconditions in the order of RFC 9110 §13.2.2 (there is no Last-Modified, so that dates
 * decide nothing), then the range of §14.2.
 * @throws AppError `precondition-failed`
 */
export const respond = (answer: Answer, conditions: Conditions): PackageResponse | StoredElsewhere => {
  const { method, ifMatch, isBehindEdge } = conditions;
  const { etag, isPersonal } = answer;
  if (ifMatch !== undefined && !matches(ifMatch, etag)) {
    throw new AppError("precondition-failed", `the package has the ETag ${etag}`);
  }
  const common = { etag, ...cacheHeaders(answer, isBehindEdge) };
  if (answer.kind === "not-modified") {
    // CloudFront revalidates with its own ETag: to it, a 304 would call its stale body fresh. It gets a marked 200.
    if (answer.because === "binaries" && isBehindEdge) {
      const headers = { ...common, "x-ota-not-modified": "1", "content-length": "0" };
      return { kind: "not-modified", status: 200, headers, slices: [] };
    }
    return { kind: "not-modified", status: 304, headers: common, slices: [] };
  }
  if (answer.kind === "archive" && (conditions.prefersRedirect || answer.contentLength > conditions.streamedBytes)) {
    return { kind: "stored", content: answer.content, bytes: answer.contentLength, isPersonal };
  }
  const { kind } = answer;
  const { headers, parts } = bodyOf(answer);
  const length = lengthOf(parts);
  const shared = { ...common, ...headers, "accept-ranges": "bytes" };
  const whole = { first: 0, last: length - 1 };
  const range =
    method === "GET" && rangeApplies(conditions, etag) ? rangeOf(conditions.range ?? "", length) : undefined;
  if (range === "unsatisfiable") return unsatisfiable(kind, length);
  const { first, last } = range ?? whole;
  return {
    kind,
    status: range === undefined ? 200 : 206,
    headers: {
      ...shared,
      "content-length": String(last - first + 1),
      ...(range !== undefined && { "content-range": `bytes ${first}-${last}/${length}` }),
    },
    slices: method === "HEAD" ? [] : slicesOf(parts, { first, last }),
  };
};

/** RFC 9110 §15.5.17: the length tells a device that resumes whether it has all of it. */
const unsatisfiable = (kind: PackageResponse["kind"], length: number): PackageResponse => {
  const document = problem("range-not-satisfiable", `the package has ${length} bytes`);
  const body = new TextEncoder().encode(JSON.stringify(document));
  return {
    kind,
    status: document.status,
    headers: {
      "content-type": "application/problem+json",
      "content-length": String(body.length),
      "content-range": `bytes */${length}`,
      "cache-control": "no-store",
    },
    slices: [{ kind: "bytes", bytes: body }],
  };
};

/** RFC 9110 §13.1.5: only a strong tag that is the answer's own lets a range be; a date never, as there is none to compare. */
const rangeApplies = ({ ifRange }: Conditions, etag: string): boolean =>
  ifRange === undefined || ifRange.trim() === etag;

/** To the stored archive. Of 3xx, 307 keeps the method; what does not follow finds the address in the body as well. */
export const redirectTo = (url: string, isPersonal: boolean, conditions: Conditions): PackageResponse => {
  const body = new TextEncoder().encode(`${url}\n`);
  return {
    kind: "redirect",
    status: 307,
    headers: {
      location: url,
      ...cacheHeaders({ isPersonal }, conditions.isBehindEdge),
      "content-type": "text/plain; charset=utf-8",
      "content-length": String(body.length),
      ...(conditions.prefersRedirect && { "preference-applied": "redirect" }),
    },
    slices: conditions.method === "HEAD" ? [] : [{ kind: "bytes", bytes: body }],
  };
};
