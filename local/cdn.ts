import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { BUDGET, OVER_BUDGET } from "../shared/declared/distribution.ts";
import type { EdgeRequest, EdgeRequestEvent, EdgeResponse, EdgeResponseEvent } from "../shared/ota/edge.ts";
import { countRequests } from "./cdn-budget.ts";
import { type CachedObject, canRevalidate, makeStore, policyOf, type Ttls, ttlOf } from "./cdn-cache.ts";
import {
  type Answer,
  conditioned,
  discard,
  edgeHeaders,
  edgeQuery,
  exactly,
  fieldOf,
  type Headers,
  isSameTag,
  NOTHING,
  pathMatcher,
  plainHeaders,
  queryText,
} from "./cdn-http.ts";
import { askOrigin, type Origin, type OriginAnswer, OriginFailure, readUpTo } from "./cdn-origin.ts";
import { listen, shut } from "./listen.ts";

export type { Origin, OriginRequest } from "./cdn-origin.ts";

/** A cache behaviour; a request gets the first whose pattern matches. TTLs are in seconds. */
export interface Behaviour extends Ttls {
  /** A CloudFront path pattern, such as `/*\/package`. */
  readonly pathPattern: string;
  /** A name among the origins. */
  readonly origin: string;
  /** Runs before the cache: may rewrite the request, or answer it. */
  readonly viewerRequest?: (event: EdgeRequestEvent) => EdgeRequest | EdgeResponse;
  /** Runs after the cache, except for errors (status 400 and more), as in CloudFront. */
  readonly viewerResponse?: (event: EdgeResponseEvent) => EdgeResponse;
  /** What distinguishes objects besides the path, and is all that the origin sees of a request. */
  readonly cacheKey: { readonly queryStrings: "all" | "none"; readonly headers: readonly string[] };
  readonly methods: readonly string[];
}

export interface CdnOptions {
  /** 0: any free one. */
  readonly port: number;
  readonly behaviours: readonly Behaviour[];
  readonly origins: Readonly<Record<string, Origin>>;
  /** Of all cached objects. */
  readonly memoryBytes?: number;
  /** Larger objects are passed through and never cached. */
  readonly objectBytes?: number;
  /** How long an origin may take to its headers. */
  readonly originTimeoutMs?: number;
  /** Of one address in five minutes, beside requests for ranges; absent: as many as come. */
  readonly requestsPerFiveMinutes?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly log: (line: string) => void;
}

export interface Cdn {
  readonly port: number;
  readonly url: string;
  /** Forgets the objects whose path matches (a CloudFront pattern); without one, all. Running fetches are not stored. */
  readonly invalidate: (pathPattern?: string) => void;
  readonly close: () => Promise<void>;
}

type CacheResult = "Hit" | "Miss" | "RefreshHit" | "Error" | "FunctionGeneratedResponse";

/** A viewer's request after the viewer-request function. */
interface Asked {
  readonly behaviour: Behaviour;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Headers;
  /** The part of the headers that belongs to the key and goes to the origin. */
  readonly keyed: Record<string, string>;
  readonly key: string;
}

type Loaded =
  | { readonly kind: "object"; readonly object: CachedObject; readonly result: CacheResult; readonly isShared: boolean }
  | { readonly kind: "stream"; readonly answer: Answer; readonly isShared: false };

const MAX_URL_BYTES = 8192;
const MAX_REQUEST_BYTES = 20_480;
const STALE_IF_ERROR_SECONDS = 10;
const PREFLIGHT_HEADERS = ["origin", "access-control-request-method", "access-control-request-headers"];
/** RFC 9111 §3.2: the stored body keeps its own. */
const KEPT_AT_REFRESH = new Set(["content-length", "content-encoding", "content-range", "content-type"]);

/**
 * `Vary` with the names that are passed on to the origin, and few others: CloudFront takes out the rest.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
 */
const withPassedVary = (headers: Headers, passed: readonly string[]): Headers => {
  const { vary, ...rest } = headers;
  if (vary === undefined) return headers;
  const kept = new Set(["*", "accept-encoding", "cookie", ...passed.map((name) => name.toLowerCase())]);
  const names = String(vary)
    .split(",")
    .map((name) => name.trim());
  const left = names.filter((name) => kept.has(name.toLowerCase()));
  return left.length === 0 ? rest : { ...rest, vary: left.join(", ") };
};

const problemAnswer = (status: number, title: string, detail: string, more: Headers = {}): Answer => {
  const body = Buffer.from(JSON.stringify({ type: "about:blank", title, status, detail }));
  const headers = { "content-type": "application/problem+json", "content-length": String(body.length), ...more };
  return { status, headers, body };
};

const generatedAnswer = (response: EdgeResponse): Answer => {
  const { body = "" } = response;
  const bytes =
    typeof body === "string" ? Buffer.from(body) : Buffer.from(body.data, body.encoding === "text" ? "utf8" : "base64");
  const headers = { ...plainHeaders(response.headers ?? {}), "content-length": String(bytes.length) };
  return { status: response.statusCode, headers, body: bytes };
};

/**
 * A caching CDN on loopback that does what CloudFront does for these behaviours: functions before and after the cache, a key
 * of path, query and chosen headers, TTLs within bounds, one fetch for equal concurrent misses, revalidation with the stored
 * ETag, stale objects while the origin fails, 304 and ranges from cached objects. `If-None-Match` of a viewer is compared
 * with the cached object's ETag and never reaches the origin: what must, a viewer-request function puts in a keyed header.
 * @throws PortTaken
 */
export const startCdn = async (options: CdnOptions): Promise<Cdn> => {
  const { behaviours, origins, log, now = Date.now, originTimeoutMs = 30_000 } = options;
  const { memoryBytes = 256 * 1024 * 1024, objectBytes = 8 * 1024 * 1024 } = options;
  const routes = behaviours.map((behaviour) => ({ behaviour, matches: pathMatcher(behaviour.pathPattern) }));
  const store = makeStore(memoryBytes);
  const inFlight = new Map<string, Promise<Loaded>>();
  let generation = 0;
  const { requestsPerFiveMinutes = Number.POSITIVE_INFINITY } = options;
  const isWithin = countRequests(requestsPerFiveMinutes, now);
  const areRangesWithin = countRequests(requestsPerFiveMinutes * BUDGET.rangesForOne, now);

  const fetchFrom = async (asked: Asked, method: string, extra: Record<string, string>): Promise<OriginAnswer> => {
    const headers = {
      "user-agent": "Amazon CloudFront",
      via: "1.1 local.cloudfront.net (CloudFront)",
      ...asked.keyed,
      ...extra,
    };
    const { origin, cacheKey } = asked.behaviour;
    const query = cacheKey.queryStrings === "all" ? asked.query : "";
    const request = { method, path: asked.path, query, headers };
    const answer = await askOrigin(origin, origins[origin], request, originTimeoutMs);
    return { ...answer, headers: withPassedVary(answer.headers, cacheKey.headers) };
  };

  const keep = (asked: Asked, startedIn: number, object: CachedObject): void => {
    if (startedIn === generation) store.set(asked.key, object);
  };

  const fetchObject = async (asked: Asked, startedIn: number, answer: OriginAnswer): Promise<Loaded> => {
    if (answer.status === 304) throw new OriginFailure(502, "the origin answered 304 to a request without a condition");
    const body = await readUpTo(answer, objectBytes);
    if (!(body instanceof Uint8Array)) return { kind: "stream", answer: { ...answer, body }, isShared: false };
    const { status } = answer;
    const headers = { ...answer.headers, "content-length": String(body.length) };
    const policy = policyOf(headers, now);
    const ttl = body.length > objectBytes ? 0 : ttlOf(status, headers, policy, asked.behaviour);
    const object = { path: asked.path, status, headers, body, policy, freshUntil: now() + ttl * 1000 };
    if (ttl > 0 || (body.length <= objectBytes && canRevalidate(status, headers, policy)))
      keep(asked, startedIn, object);
    else store.drop(asked.key);
    return { kind: "object", object, result: status < 400 ? "Miss" : "Error", isShared: ttl > 0 };
  };

  const refreshed = (asked: Asked, startedIn: number, stale: CachedObject, answer: OriginAnswer): Loaded => {
    const news = Object.entries(answer.headers).filter(([name]) => !KEPT_AT_REFRESH.has(name));
    const headers = { ...stale.headers, ...Object.fromEntries(news) };
    const policy = policyOf(headers, now);
    const ttl = ttlOf(stale.status, headers, policy, asked.behaviour);
    const object = { ...stale, headers, policy, freshUntil: now() + ttl * 1000 };
    keep(asked, startedIn, object);
    return { kind: "object", object, result: "RefreshHit", isShared: ttl > 0 };
  };

  const staleWhileFailing = (asked: Asked, startedIn: number, stale: CachedObject, why: string): Loaded => {
    log(`cdn: ${asked.path}: ${why}; serving the stale object`);
    const object = { ...stale, freshUntil: now() + STALE_IF_ERROR_SECONDS * 1000 };
    keep(asked, startedIn, object);
    return { kind: "object", object, result: "Hit", isShared: true };
  };

  const load = async (asked: Asked): Promise<Loaded> => {
    const startedIn = generation;
    const cached = store.get(asked.key);
    const stale = cached !== undefined && cached.status < 400 ? cached : undefined;
    if (stale === undefined) return fetchObject(asked, startedIn, await fetchFrom(asked, "GET", {}));
    const conditions = stale.policy.revalidationHeaders({ method: "GET", url: "/", headers: {} });
    const extra = Object.fromEntries(Object.entries(conditions).map(([name, value]) => [name, String(value)]));
    let answer: OriginAnswer;
    try {
      answer = await fetchFrom(asked, "GET", extra);
    } catch (error) {
      if (error instanceof OriginFailure) return staleWhileFailing(asked, startedIn, stale, error.message);
      throw error;
    }
    if (answer.status >= 500) {
      await discard(answer.body);
      return staleWhileFailing(asked, startedIn, stale, `the origin answered ${answer.status}`);
    }
    if (answer.status !== 304) return fetchObject(asked, startedIn, answer);
    await discard(answer.body);
    const [before, after] = [fieldOf(stale.headers, "etag"), fieldOf(answer.headers, "etag")];
    const isSame = before === undefined || after === undefined || isSameTag(before, after);
    if (Object.keys(extra).length > 0 && isSame) return refreshed(asked, startedIn, stale, answer);
    return fetchObject(asked, startedIn, await fetchFrom(asked, "GET", {})); // not about what is stored
  };

  /** One fetch for equal concurrent misses, as far as its answer may be shared. */
  const loadOnce = async (asked: Asked): Promise<Loaded> => {
    const running = inFlight.get(asked.key);
    if (running !== undefined) {
      const loaded = await running;
      if (!loaded.isShared) return load(asked);
      return loaded.object.status < 400 ? { ...loaded, result: "Hit" } : loaded;
    }
    const loading = load(asked);
    inFlight.set(asked.key, loading);
    try {
      return await loading;
    } finally {
      if (inFlight.get(asked.key) === loading) inFlight.delete(asked.key);
    }
  };

  const marked = (answer: Answer, result: CacheResult): Answer => ({
    ...answer,
    headers: {
      ...answer.headers,
      "x-cache": `${answer.status >= 400 && result !== "FunctionGeneratedResponse" ? "Error" : result} from cloudfront`,
    },
  });

  const fromObject = async (asked: Asked, object: CachedObject, result: CacheResult): Promise<Answer> => {
    const answer = await conditioned(asked.headers, object);
    const aged = { ...answer, headers: { ...answer.headers, age: String(Math.floor(object.policy.age())) } };
    return marked(result === "Hit" ? aged : answer, result);
  };

  /** A part of an object that is too large to be cached, as the origin gives it; undefined for all others. */
  const largePart = async (asked: Asked, range: string): Promise<Answer | undefined> => {
    const ifRange = fieldOf(asked.headers, "if-range");
    const answer = await fetchFrom(asked, "GET", { range, ...(ifRange !== undefined && { "if-range": ifRange }) });
    const total = Number(/\/(\d+)$/.exec(fieldOf(answer.headers, "content-range") ?? "")?.[1]);
    if (answer.status === 206 && total > objectBytes) return answer;
    await discard(answer.body);
    return undefined;
  };

  const fromCacheOrOrigin = async (asked: Asked): Promise<Answer> => {
    if (asked.method !== "GET" && asked.method !== "HEAD")
      return marked(await fetchFrom(asked, asked.method, {}), "Miss");
    const cached = store.get(asked.key);
    if (cached !== undefined && now() < cached.freshUntil) return fromObject(asked, cached, "Hit");
    if (asked.method === "HEAD")
      return marked(await conditioned(asked.headers, await fetchFrom(asked, "HEAD", {})), "Miss");
    const range = fieldOf(asked.headers, "range");
    if (range !== undefined && cached === undefined && !inFlight.has(asked.key)) {
      const part = await largePart(asked, range);
      if (part !== undefined) return marked(part, "Miss");
    }
    const loaded = await loadOnce(asked);
    if (loaded.kind === "object") return fromObject(asked, loaded.object, loaded.result);
    return marked(await conditioned(asked.headers, loaded.answer), "Miss");
  };

  const askedBy = (behaviour: Behaviour, request: EdgeRequest): Asked => {
    const headers = plainHeaders(request.headers);
    const query = queryText(request.querystring);
    const forwarded = request.method === "OPTIONS" ? PREFLIGHT_HEADERS : [];
    const keyed = Object.fromEntries(
      [...behaviour.cacheKey.headers, ...forwarded].flatMap((name) => {
        const value = fieldOf(headers, name.toLowerCase());
        return value === undefined ? [] : [[name.toLowerCase(), value]];
      }),
    );
    const keyQuery = behaviour.cacheKey.queryStrings === "all" ? query : "";
    const key = JSON.stringify([behaviours.indexOf(behaviour), request.uri, keyQuery, Object.entries(keyed).sort()]);
    return { behaviour, method: request.method, path: request.uri, query, headers, keyed, key };
  };

  const afterFunction = (behaviour: Behaviour, request: EdgeRequest, answer: Answer): Answer => {
    if (behaviour.viewerResponse === undefined || answer.status >= 400) return answer;
    const response: EdgeResponse = { statusCode: answer.status, headers: edgeHeaders(answer.headers) };
    const result = behaviour.viewerResponse({ request, response });
    if (result.body !== undefined) {
      const { status, headers, body } = generatedAnswer(result);
      // RFC 9110 §8.6: of a 304, Content-Length is that of the 200 in its place, or is not said.
      const { "content-length": _, ...rest } = headers;
      return { status, headers: status === 304 ? rest : headers, body };
    }
    return { status: result.statusCode, headers: plainHeaders(result.headers ?? {}), body: answer.body };
  };

  const answerTo = async (incoming: IncomingMessage): Promise<Answer> => {
    const [method, url] = [incoming.method ?? "GET", incoming.url ?? "/"];
    const count = incoming.headers.range ? areRangesWithin : isWithin;
    if (!count(incoming.socket.remoteAddress ?? "")) {
      const { status, retryAfter, body } = OVER_BUDGET;
      const headers = {
        ...{ "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) },
        "retry-after": retryAfter,
      };
      return marked({ status, headers, body: Buffer.from(body) }, "Error");
    }
    if (url.length > MAX_URL_BYTES)
      return problemAnswer(414, "URI Too Long", `a URL has at most ${MAX_URL_BYTES} bytes`);
    const at = url.indexOf("?");
    const uri = at < 0 ? url : url.slice(0, at);
    const behaviour = routes.find(({ matches }) => matches(uri))?.behaviour;
    if (behaviour === undefined) return problemAnswer(404, "Not Found", `no behaviour is for ${uri}`);
    if (!behaviour.methods.includes(method)) {
      const allow = behaviour.methods.join(", ");
      return problemAnswer(405, "Method Not Allowed", `${uri} takes ${allow}`, { allow });
    }
    const headers = edgeHeaders(incoming.headersDistinct);
    let request: EdgeRequest = { method, uri, querystring: at < 0 ? {} : edgeQuery(url.slice(at + 1)), headers };
    try {
      if (behaviour.viewerRequest !== undefined) {
        const result = behaviour.viewerRequest({ request });
        if ("statusCode" in result) return marked(generatedAnswer(result), "FunctionGeneratedResponse");
        request = result;
      }
      return afterFunction(behaviour, request, await fromCacheOrOrigin(askedBy(behaviour, request)));
    } catch (error) {
      if (!(error instanceof OriginFailure)) throw error;
      log(`cdn: ${method} ${uri}: ${error.message}`);
      const title = error.status === 504 ? "Gateway Timeout" : "Bad Gateway";
      return marked(problemAnswer(error.status, title, error.message), "Error");
    }
  };

  const send = async (incoming: IncomingMessage, outgoing: ServerResponse, answer: Answer): Promise<void> => {
    const headers = { ...answer.headers, via: "1.1 local.cloudfront.net (CloudFront)" };
    outgoing.writeHead(answer.status, headers);
    const hasBody = incoming.method !== "HEAD" && answer.status !== 304 && answer.status !== 204;
    if (!hasBody) await discard(answer.body);
    const body = hasBody ? answer.body : NOTHING;
    if (body instanceof Uint8Array) outgoing.end(body);
    else await pipeline(exactly(body, fieldOf(answer.headers, "content-length")), outgoing);
  };

  const server = createServer({ maxHeaderSize: MAX_REQUEST_BYTES }, (incoming, outgoing) => {
    const failed = (error: unknown): void => {
      log(`cdn: ${incoming.method} ${incoming.url}: ${String(error)}`);
      if (outgoing.headersSent)
        outgoing.destroy(); // so that the viewer sees that the body broke off
      else
        void send(incoming, outgoing, problemAnswer(503, "Service Unavailable", "the edge failed")).catch(
          (second: unknown) => log(String(second)),
        );
    };
    incoming.resume();
    answerTo(incoming)
      .then((answer) => send(incoming, outgoing, answer))
      .catch(failed);
  });
  const port = await listen("cdn", server, options.port);
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    invalidate: (pathPattern = "/*") => {
      generation += 1;
      inFlight.clear();
      store.dropPaths(pathMatcher(pathPattern));
    },
    close: () => shut(server),
  };
};
