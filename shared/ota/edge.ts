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
const MAX_PART = 128;
const MAX_HASHES = 128;
const MAX_LABELS = 16;
/** Of a device's id, so many characters count. */
const MAX_ID = 256;
/** What an answer depends on beside the URL. */
const VARY = "if-none-match, prefer, x-device-id, x-device-hardware";

const problemOf = (
  status: number,
  description: string,
  code: string,
  title: string,
  detail: string,
  rule?: string,
): EdgeResponse => {
  const document: Record<string, unknown> = {
    type: `/v1/problems/${code}`,
    title: title,
    status: status,
    code: code,
    detail: detail,
  };
  if (rule) document.errors = [{ rule: rule, detail: detail }];
  return {
    statusCode: status,
    statusDescription: description,
    headers: { "content-type": { value: "application/problem+json" }, "cache-control": { value: "no-store" } },
    body: JSON.stringify(document),
  };
};

const refuse = (rule: string, detail: string): EdgeResponse =>
  problemOf(400, "Bad Request", "invalid-request", "The request is not valid", detail, rule);

/** CloudFront's own refusal of a method is a 403 in HTML: every method comes here, and no other gets further. */
const otherMethod = (request: EdgeRequest): EdgeResponse | undefined => {
  if (request.method === "GET" || request.method === "HEAD") return undefined;
  const response = problemOf(
    405,
    "Method Not Allowed",
    "method-not-allowed",
    "The path does not take this method",
    `this takes GET and HEAD, not ${request.method}`,
  );
  if (response.headers) response.headers.allow = { value: "GET, HEAD" };
  return response;
};

const valuesOf = (entry: EdgeValue): string[] =>
  entry.multiValue ? entry.multiValue.map((one) => one.value) : [entry.value];

/** A name or value as it is meant; undefined for percent-encoding that is not valid. */
const decoded = (part: string): string | undefined => {
  try {
    return decodeURIComponent(part.replace(/\+/g, "%20")).toLowerCase();
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
};

// Two spellings of one name or value (case, percent-encoding, "+" for a space) become one. What cannot be decoded stays.
const canonical = (part: string): string => {
  const meant = decoded(part);
  return meant === undefined ? part.toLowerCase() : encodeURIComponent(meant);
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

const nameOf = (pair: string): string => pair.slice(0, pair.indexOf("="));
const partOf = (pair: string): string => pair.slice(pair.indexOf("=") + 1);

const canonicalPair = (pair: string): string => {
  const at = pair.indexOf("=");
  return at < 0 ? `${canonical(pair)}=` : `${canonical(pair.slice(0, at))}=${canonical(pair.slice(at + 1))}`;
};

const isTooLong = (part: string): boolean => {
  const meant = decoded(part);
  return meant !== undefined && meant.length > MAX_PART;
};

/** The first rule of `parseQuery` in `select.ts` that these pairs break, as far as one can tell without the releases. */
const faultOf = (pairs: string[]): EdgeResponse | undefined => {
  if (pairs.some((pair) => /%(?:[01][0-9a-f]|7f)/i.test(pair))) {
    return refuse("characters", "the query has a control character");
  }
  if (pairs.some((pair) => nameOf(pair) === "")) return refuse("empty-name", "a parameter has no name");
  if (pairs.some((pair) => nameOf(pair) === "attr")) return refuse("empty-name", "parameter attr names no attribute");
  const empty = pairs.filter((pair) => partOf(pair) === "")[0];
  if (empty) return refuse("empty-value", `parameter ${nameOf(empty).slice(0, MAX_PART)} has no value`);
  if (pairs.some((pair) => isTooLong(nameOf(pair)) || isTooLong(partOf(pair)))) {
    return refuse("too-long", `a name or value has more than ${MAX_PART} characters`);
  }
  if (!pairs.some((pair) => nameOf(pair) === "cpuarch")) return refuse("required", "parameter cpuArch is required");
  const isOther = (pair: string) =>
    nameOf(pair) === "payloadtype" && pair !== "payloadtype=fullpayload" && pair !== "payloadtype=metadataonly";
  if (pairs.some(isOther)) return refuse("one-of", "payloadType is fullPayload or metadataOnly");
  return undefined;
};

/** Without what says only what is so anyway. What contradicts itself is left as it is, for the origin to refuse. */
const withoutDefaults = (pairs: string[]): string[] => {
  const count = (name: string) => pairs.filter((pair) => nameOf(pair) === name).length;
  const namesSystem = pairs.some((pair) => pair.slice(0, 3) === "os_");
  return pairs.filter((pair) => {
    if (pair === "payloadtype=fullpayload") return count("payloadtype") > 1;
    return pair !== "os=prod" || count("os") > 1 || namesSystem;
  });
};

const tagsOf = (header: EdgeValue): string[] =>
  valuesOf(header)
    .join(",")
    .split(/[\s,"]+/)
    .map((tag) => tag.replace(/^W\//i, ""));

const have = (header: EdgeValue): string[] => {
  if (/(?:^|[\s,])\*(?:$|[\s,])/.test(valuesOf(header).join(","))) return ["*"];
  const hashes = tagsOf(header)
    .map((tag) => tag.toLowerCase())
    .filter((tag) => /^(?:[0-9a-f]{32}|[0-9a-f]{64})$/.test(tag));
  return unique(hashes.sort());
};

/** RFC 7240 §2: preferences are separated by commas, parameters by semicolons, and names compare without case. */
const prefersRedirect = (header: EdgeValue): boolean =>
  valuesOf(header)
    .join(",")
    .split(",")
    .some((preference) => /^\s*redirect\s*(?:;|$)/i.test(preference));

/**
 * 0–99, of the id that a device states in `X-Device-Id`; undefined without one. The same for the same id, in any case, for
 * ever: FNV-1a of 32 bits, its bits mixed at the end as those of MurmurHash3 (both in the public domain).
 */
export const bucketOf = (ids: string): number | undefined => {
  const id = ids.trim().toLowerCase().slice(0, MAX_ID);
  if (id === "") return undefined;
  let hash = 0x811c9dc5;
  id.split("").forEach((character) => {
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  });
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % 100;
};

/** The labels of `X-Device-Hardware`, a list: lower case, sorted, each once. What no release can name is left out. */
export const labelsOf = (list: string): string[] =>
  unique(
    list
      .toLowerCase()
      .split(/[\s,]+/)
      .filter((label) => /^[a-z0-9][a-z0-9._-]{0,63}$/.test(label))
      .sort(),
  );

/**
 * Viewer request of packages: one cache key for all spellings of one question. The query is lower-cased, sorted, freed of
 * repetitions and of defaults; the hashes in `If-None-Match` become `x-ota-have` (lower-case hex, sorted, unique, joined by
 * commas; `*` alone for `*`; absent when there are none), `Prefer: redirect` becomes `x-ota-prefer`, and the distribution's
 * name `x-ota-host`, which the origin cannot know otherwise. Of `X-Device-Id` a bucket of 0–99 is left, in `x-ota-bucket`, and
 * `X-Device-Hardware` becomes `x-ota-hardware` (lower case, sorted, unique, joined by commas). All belong to the cache key, and no client can set them.
 * `If-None-Match` itself stays, for plain revalidation of a cached answer. What makes no sense whatever releases there are
 * ends here, with the problem document that the origin would give.
 */
export const viewerRequest = (event: EdgeRequestEvent): EdgeRequest | EdgeResponse => {
  const request = event.request;
  const refused = otherMethod(request);
  if (refused) return refused;
  const pairs = rawPairs(request.querystring);
  if (pairs.join("&").length > MAX_QUERY) {
    return refuse("query-too-long", `the query has more than ${MAX_QUERY} characters`);
  }
  if (pairs.length > MAX_PARAMETERS) {
    return refuse("too-many-parameters", `the query has more than ${MAX_PARAMETERS} parameters`);
  }
  const asked = unique(pairs.map(canonicalPair).sort());
  const fault = faultOf(asked);
  if (fault) return fault;
  request.querystring = withoutDefaults(asked).join("&");

  const headers = request.headers;
  headers["x-ota-edge"] = { value: "1" };
  const host = headers.host;
  if (host) headers["x-ota-host"] = { value: host.value };
  else delete headers["x-ota-host"];
  delete headers["x-ota-prefer"];
  const preference = headers.prefer;
  if (preference && prefersRedirect(preference) && asked.indexOf("payloadtype=metadataonly") < 0) {
    headers["x-ota-prefer"] = { value: "redirect" };
  }
  delete headers["x-ota-bucket"];
  const id = headers["x-device-id"];
  const bucket = id && bucketOf(valuesOf(id).join(","));
  if (bucket !== undefined) headers["x-ota-bucket"] = { value: String(bucket) };
  delete headers["x-ota-hardware"];
  const hardware = headers["x-device-hardware"];
  if (hardware) {
    const labels = labelsOf(valuesOf(hardware).join(","));
    if (labels.length > MAX_LABELS) return refuse("too-many-labels", `more than ${MAX_LABELS} labels of hardware`);
    if (labels.length > 0) headers["x-ota-hardware"] = { value: labels.join(",") };
  }
  delete headers["x-ota-have"];
  const condition = headers["if-none-match"];
  if (condition) {
    const hashes = have(condition);
    if (hashes.length > MAX_HASHES) return refuse("too-many-hashes", `more than ${MAX_HASHES} hashes in If-None-Match`);
    if (hashes.length > 0) headers["x-ota-have"] = { value: hashes.join(",") };
  }
  return request;
};

/** Viewer request of binaries and of stored archives, which are fetched and nothing else. */
export const objectRequest = (event: EdgeRequestEvent): EdgeRequest | EdgeResponse =>
  otherMethod(event.request) || event.request;

/** Viewer request where no behaviour is for the path: the answer is here, and no origin is asked. */
export const noSuchPath = (): EdgeResponse =>
  problemOf(404, "Not Found", "not-found", "There is no such thing", "there are packages and releases here");

/** Up to a quarter longer: devices that were told at once need not come back at once. */
const jittered = (seconds: string): string => String(Math.floor(Number(seconds) * (1 + Math.random() / 4)));

/** @param seconds after which devices may ask again */
const stopped = (seconds: string): EdgeResponse => {
  const response = problemOf(
    503,
    "Service Unavailable",
    "stopped",
    "Packages are not given out for now",
    "ask again later",
  );
  if (response.headers) response.headers["retry-after"] = { value: jittered(seconds) };
  return response;
};

/** The device has this very answer: nothing of it is sent. CloudFront removes a body that is set to be empty. */
const notModified = (response: EdgeResponse, headers: Record<string, EdgeValue>): void => {
  response.statusCode = 304;
  response.statusDescription = "Not Modified";
  response.body = "";
  delete headers["content-type"];
  delete headers["content-length"];
  delete headers["content-range"];
  delete headers["content-disposition"];
};

/**
 * Viewer response of packages. The origin's 200 with `x-ota-not-modified: 1` (the device has everything) becomes the 304 it
 * stands for, with its ETag and Cache-Control. The origin cannot say 304 itself: CloudFront would take that for the answer to
 * its own revalidation, and call a stale body fresh. An answer whose own ETag the device lists among others is a 304, which
 * CloudFront is not documented to see.
 *
 * `x-ota-personal: 1` marks an answer that leaves out what this device has. This cache has it under a key with the hashes;
 * another one between here and the devices would know it by its URL alone, and give it to all: to that it is `private`.
 * The origin's 200 with `x-ota-stopped` (seconds) becomes a 503. The origin cannot say 503 itself: CloudFront would go on
 * serving what it has in its cache, expired or not (Developer Guide, "How CloudFront processes HTTP 4xx and 5xx status codes
 * from your origin"). How soon to poll again, in `x-poll-seconds`, is put off at random for each device.
 *
 * CloudFront drops names from `Vary` that it does not forward, so that `Vary` is set here (Developer Guide, "Request and
 * response behavior for custom origins", HTTP response headers that CloudFront removes or replaces).
 */
export const viewerResponse = (event: EdgeResponseEvent): EdgeResponse => {
  const response = event.response;
  const headers = response.headers || {};
  response.headers = headers;
  const marker = headers["x-ota-not-modified"];
  const personal = headers["x-ota-personal"];
  delete headers["x-ota-not-modified"];
  delete headers["x-ota-personal"];
  const stop = headers["x-ota-stopped"];
  if (stop) return stopped(stop.value);
  if (response.statusCode >= 400) return response;
  const poll = headers["x-poll-seconds"];
  if (poll) poll.value = jittered(poll.value);
  headers.vary = { value: VARY };
  const control = headers["cache-control"];
  if (personal && control) headers["cache-control"] = { value: control.value.replace("public", "private") };
  const etag = headers.etag;
  const condition = event.request.headers["if-none-match"];
  const isSame = etag && condition && tagsOf(condition).indexOf(etag.value.replace(/^W\/|"/g, "")) >= 0;
  const isWhole = response.statusCode === 200;
  if ((isWhole && marker && marker.value === "1") || ((isWhole || response.statusCode === 206) && isSame)) {
    notModified(response, headers);
  }
  return response;
};

/**
 * Viewer response of binaries and of stored archives: S3 keeps no header of a name that it does not know but as metadata of
 * the object, so that the digest (RFC 9530) gets its own name here.
 */
export const objectResponse = (event: EdgeResponseEvent): EdgeResponse => {
  const response = event.response;
  const headers = response.headers || {};
  response.headers = headers;
  const digest = headers["x-amz-meta-repr-digest"];
  delete headers["x-amz-meta-repr-digest"];
  if (digest && response.statusCode < 400) headers["repr-digest"] = { value: digest.value };
  return response;
};
