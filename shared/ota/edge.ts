/*
 * What runs as CloudFront Functions in front of the OTA origin (runtime cloudfront-js-2.0): no imports, nothing but what
 * that runtime has (ECMAScript 5.1, let/const and arrow functions; no URL, no Buffer), under 10 KB as deployed. Exported for
 * the bundler and for tests; a deployed function is this file with `handler` bound to one of them.
 * Event objects: AWS, CloudFront Developer Guide, "CloudFront Functions event structure".
 */

/** A query parameter or a header. `multiValue` is there when it came more than once, and then has all of them. */
export interface EdgeValue {
  value: string;
  multiValue?: { value: string }[];
}

export interface EdgeRequest {
  method: string;
  uri: string;
  /** An object as CloudFront gives it; a function may also set the raw string. */
  querystring: Record<string, EdgeValue> | string;
  /** Names in lower case. */
  headers: Record<string, EdgeValue>;
}

export interface EdgeResponse {
  statusCode: number;
  statusDescription?: string;
  headers?: Record<string, EdgeValue>;
  body?: string | { encoding: "text" | "base64"; data: string };
}

export interface EdgeRequestEvent {
  request: EdgeRequest;
}

export interface EdgeResponseEvent {
  request: EdgeRequest;
  response: EdgeResponse;
}

const MAX_QUERY = 4096;
const MAX_PARAMETERS = 64;
const MAX_HASHES = 128;

const refuse = (rule: string, detail: string): EdgeResponse => ({
  statusCode: 400,
  statusDescription: "Bad Request",
  headers: {
    "content-type": { value: "application/problem+json" },
    "cache-control": { value: "no-store" },
  },
  body: JSON.stringify({
    type: "/v1/problems/invalid-request",
    title: "The request is not valid",
    status: 400,
    code: "invalid-request",
    detail: detail,
    errors: [{ rule: rule, detail: detail }],
  }),
});

const valuesOf = (entry: EdgeValue): string[] =>
  entry.multiValue ? entry.multiValue.map((one) => one.value) : [entry.value];

// Two spellings of one name or value (case, percent-encoding, "+" for a space) become one. What cannot be decoded stays.
const canonical = (part: string): string => {
  try {
    return encodeURIComponent(decodeURIComponent(part.replace(/\+/g, "%20")).toLowerCase());
  } catch (error) {
    if (error instanceof URIError) return part.toLowerCase();
    throw error;
  }
};

const unique = (sorted: string[]): string[] =>
  sorted.filter((item, index) => index === 0 || sorted[index - 1] !== item);

const rawPairs = (query: Record<string, EdgeValue> | string): string[] => {
  const pairs: string[] = [];
  if (typeof query === "string") {
    query.split("&").forEach((pair) => {
      if (pair !== "") pairs.push(pair);
    });
    return pairs;
  }
  Object.keys(query).forEach((name) => {
    const entry = query[name];
    if (entry) {
      valuesOf(entry).forEach((value) => {
        pairs.push(`${name}=${value}`);
      });
    }
  });
  return pairs;
};

const canonicalPair = (pair: string): string => {
  const at = pair.indexOf("=");
  return at < 0 ? `${canonical(pair)}=` : `${canonical(pair.slice(0, at))}=${canonical(pair.slice(at + 1))}`;
};

const have = (header: EdgeValue): string[] => {
  const text = valuesOf(header).join(",");
  if (/(?:^|[\s,])\*(?:$|[\s,])/.test(text)) return ["*"];
  const hashes = text
    .split(/[\s,"]+/)
    .map((tag) => tag.replace(/^W\//i, "").toLowerCase())
    .filter((tag) => /^(?:[0-9a-f]{32}|[0-9a-f]{64})$/.test(tag));
  return unique(hashes.sort());
};

/**
 * Viewer request: one cache key for all spellings of one question. The query is lower-cased, sorted and freed of repetitions;
 * the hashes in `If-None-Match` become `x-ota-have` (lower-case hex, sorted, unique, joined by commas; `*` alone for `*`;
 * absent when there are none), and the distribution's name becomes `x-ota-host`, which the origin cannot know otherwise. Both
 * belong to the cache key, and no client can set them. `If-None-Match` itself stays, for plain revalidation of a cached
 * answer. Absurd queries end here with a 400 problem document.
 */
export const viewerRequest = (event: EdgeRequestEvent): EdgeRequest | EdgeResponse => {
  const request = event.request;
  const pairs = rawPairs(request.querystring);
  if (pairs.join("&").length > MAX_QUERY) {
    return refuse("query-too-long", `the query has more than ${MAX_QUERY} characters`);
  }
  if (pairs.length > MAX_PARAMETERS) {
    return refuse("too-many-parameters", `the query has more than ${MAX_PARAMETERS} parameters`);
  }
  const query = unique(pairs.map(canonicalPair).sort()).join("&");
  if (/%(?:[01][0-9a-f]|7f)/i.test(query)) return refuse("characters", "the query has a control character");
  request.querystring = query;

  const host = request.headers.host;
  if (host) request.headers["x-ota-host"] = { value: host.value };
  else delete request.headers["x-ota-host"];
  delete request.headers["x-ota-have"];
  const condition = request.headers["if-none-match"];
  if (condition) {
    const hashes = have(condition);
    if (hashes.length > MAX_HASHES) return refuse("too-many-hashes", `more than ${MAX_HASHES} hashes in If-None-Match`);
    if (hashes.length > 0) request.headers["x-ota-have"] = { value: hashes.join(",") };
  }
  return request;
};

/** Viewer request where no behaviour is for the path: the answer is here, and no origin is asked. */
export const noSuchPath = (): EdgeResponse => ({
  statusCode: 404,
  statusDescription: "Not Found",
  headers: { "content-type": { value: "application/problem+json" }, "cache-control": { value: "no-store" } },
  body: JSON.stringify({
    type: "/v1/problems/not-found",
    title: "There is no such thing",
    status: 404,
    code: "not-found",
    detail: "there are packages and releases here",
  }),
});

/**
 * Viewer response: the origin's 200 with `x-ota-not-modified: 1` (the device has everything) becomes the 304 it stands for,
 * with its ETag and Cache-Control. The origin cannot say 304 itself: CloudFront would take that for the answer to its own
 * revalidation, and call a stale body fresh.
 */
export const viewerResponse = (event: EdgeResponseEvent): EdgeResponse => {
  const response = event.response;
  const headers = response.headers || {};
  const marker = headers["x-ota-not-modified"];
  delete headers["x-ota-not-modified"];
  if (response.statusCode === 200 && marker && marker.value === "1") {
    response.statusCode = 304;
    response.statusDescription = "Not Modified";
    delete headers["content-type"];
    delete headers["content-length"];
    delete headers["content-disposition"];
    delete response.body;
  }
  return response;
};
