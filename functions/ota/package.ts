import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { translated } from "../../shared/aws/aws-errors.ts";
import { headObject, readObject } from "../../shared/aws/buckets.ts";
import { allItems, getItem } from "../../shared/aws/table.ts";
import type { OTA_ANSWERS } from "../../shared/declared/metrics.ts";
import { env } from "../../shared/env.ts";
import { otaKeys, otaPartitions } from "../../shared/keys.ts";
import { parseEntityTags } from "../../shared/ota/entity-tags.ts";
import { type ArchivePart, answerPackage } from "../../shared/ota/package.ts";
import { type CurrentRelease, parseQuery, select } from "../../shared/ota/select.ts";
import { AppError, problem } from "../../shared/problems.ts";
import { loggerOf } from "../logger.ts";
import { measure } from "../metrics.ts";

/** As long as the sample that devices in the field know. */
const CACHE = "public, max-age=100";
const CACHE_ERRORS = "public, max-age=10";

/** A function that streams its answer can send 200 MB. */
const MAX_ARCHIVE_BYTES = 200 * 1_000_000;

type StoredCurrent = CurrentRelease & { readonly path: string };

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** What the body is made of, in order; nothing for HEAD and 304. */
  readonly parts: readonly ArchivePart[];
  /** As polls are counted. */
  readonly kind: (typeof OTA_ANSWERS)[number];
}

/**
 * `GET /{workspace}/package`: says what an anonymous device should run and gives it what it lacks. Reached through
 * CloudFront, which normalises query and `If-None-Match` (see `shared/ota/edge.ts`); bytes come from S3 piece by piece.
 */
export const handler = awslambda.streamifyResponse(async (event: APIGatewayProxyEventV2, stream, context) => {
  const log = loggerOf(context, { path: event.rawPath });
  let answer: Answer;
  try {
    answer = await answerTo(event);
  } catch (thrown) {
    const error = translated(thrown);
    if (!(error instanceof AppError)) log.error("failed", error instanceof Error ? error : new Error(String(error)));
    answer = refusal(error);
  }
  log.info("answered", { status: answer.status });
  measure("OtaPolls", 1, { answer: answer.kind });
  const body = awslambda.HttpResponseStream.from(stream, { statusCode: answer.status, headers: answer.headers });
  // Lambda sends status and headers with the first write, and an empty 200 if there is none.
  if (answer.parts.length === 0) body.write("");
  await pipeline(Readable.from(bytesOf(answer.parts)), body);
});

const refusal = (error: unknown): Answer => {
  const document =
    error instanceof AppError
      ? problem(error.code, error.message, error.findings)
      : problem("internal", "the package could not be made");
  const body = Buffer.from(JSON.stringify(document));
  return {
    status: document.status,
    headers: {
      "content-type": "application/problem+json",
      "content-length": String(body.length),
      "cache-control": document.status < 500 ? CACHE_ERRORS : "no-store",
      ...(document.code === "method-not-allowed" && { allow: "GET, HEAD" }),
    },
    parts: [{ kind: "bytes", bytes: body }],
    kind: document.status < 500 ? "refused" : "failed",
  };
};

const answerTo = async (event: APIGatewayProxyEventV2): Promise<Answer> => {
  const { method } = event.requestContext.http;
  if (method !== "GET" && method !== "HEAD")
    throw new AppError("method-not-allowed", `packages take GET, not ${method}`);
  const query = parseQuery(event.rawQueryString);
  const releases = await currentReleases(event.rawPath);
  const behindEdge = event.headers["x-ota-have"] !== undefined;
  const answer = answerPackage({
    payloadType: query.payloadType,
    selection: select(query, releases),
    have: parseEntityTags([event.headers["x-ota-have"], event.headers["if-none-match"]].filter(Boolean).join(", ")),
    urlOf: (release) => `${baseUrl(event.headers)}/${(release as StoredCurrent).path}`,
  });
  switch (answer.kind) {
    case "not-found":
      throw new AppError("not-found", "no release matches this query");
    case "not-modified": {
      const headers = { etag: answer.etag, "cache-control": CACHE };
      // CloudFront revalidates with its own ETag: to it, a 304 would call its stale body fresh. It gets a marked 200.
      if (answer.because === "binaries" && behindEdge) {
        return {
          status: 200,
          headers: { ...headers, "x-ota-not-modified": "1", "content-length": "0" },
          parts: [],
          kind: "not-modified",
        };
      }
      return { status: 304, headers, parts: [], kind: "not-modified" };
    }
    case "metadata":
      return {
        status: 200,
        headers: {
          "content-type": "application/json",
          "content-length": String(answer.body.length),
          etag: answer.etag,
          "cache-control": CACHE,
        },
        parts: method === "HEAD" ? [] : [{ kind: "bytes", bytes: answer.body }],
        kind: "metadata",
      };
    case "archive":
      if (answer.contentLength > MAX_ARCHIVE_BYTES) {
        throw new AppError("package-too-large", "ask with payloadType=metadataOnly and fetch each binary by its URL");
      }
      await checkSegments(answer.parts);
      return {
        status: 200,
        headers: {
          "content-type": "application/gzip",
          "content-length": String(answer.contentLength),
          "content-disposition": 'attachment; filename="package.tar.gz"',
          etag: answer.etag,
          "cache-control": CACHE,
        },
        parts: method === "HEAD" ? [] : answer.parts,
        kind: "archive",
      };
  }
};

/**
 * Where the device asked, and where it finds the binaries as well. The edge tells the name in `x-ota-host`, for the
 * distribution's own is made after this function, which is its origin.
 */
const baseUrl = (headers: APIGatewayProxyEventV2["headers"]): string => {
  const host = headers["x-ota-host"];
  if (host === undefined) throw new AppError("invalid-request", "packages are asked for through the distribution");
  return `${headers["x-forwarded-proto"] ?? "https"}://${host}`;
};

/** What devices of the workspace in the path get. @throws AppError `not-found` */
const currentReleases = async (path: string): Promise<StoredCurrent[]> => {
  const name = /^\/(?:([^/]+)\/)?package$/.exec(path)?.[1] ?? env("OTA_DEFAULT_WORKSPACE");
  const workspace = name === "" ? undefined : await getItem<{ id: string }>(otaKeys.workspaceName(name), "ota");
  if (workspace === undefined) throw new AppError("not-found", `there is no workspace ${name}`);
  return allItems<StoredCurrent>({ partition: otaPartitions.current(workspace.id), table: "ota" });
};

/** An object that is missing is an error before the first byte, not an archive that breaks off. */
const checkSegments = async (parts: readonly ArchivePart[]): Promise<void> => {
  await Promise.all(
    parts.map(async (part) => {
      if (part.kind === "bytes") return;
      const object = await headObject(env("OTA_BUCKET"), part.segment.key);
      if (object?.size !== part.segment.size) {
        throw new AppError("unavailable", "a binary of the package is missing or not whole");
      }
    }),
  );
};

async function* bytesOf(parts: readonly ArchivePart[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part.kind === "bytes") yield part.bytes;
    else yield* await readObject(env("OTA_BUCKET"), part.segment.key);
  }
}
