import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isDeepStrictEqual } from "node:util";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { translated } from "../../shared/aws/aws-errors.ts";
import { headObject } from "../../shared/aws/objects.ts";
import { count } from "../../shared/aws/rates.ts";
import { allItems, getItem, getItems, transact } from "../../shared/aws/table.ts";
import type { OTA_ANSWERS } from "../../shared/declared/metrics.ts";
import { env } from "../../shared/env.ts";
import { otaKeys, otaPartitions } from "../../shared/keys.ts";
import type { ArchiveSlice } from "../../shared/ota/archive-parts.ts";
import { type DeviceFacts, unknownDevice } from "../../shared/ota/choose.ts";
import { bucketOf, labelsOf } from "../../shared/ota/edge.ts";
import { parseEntityTags } from "../../shared/ota/entity-tags.ts";
import { type Entry, installedOf } from "../../shared/ota/entry.ts";
import { answerPackage, pathOf } from "../../shared/ota/package.ts";
import { POLL_SECONDS } from "../../shared/ota/poll.ts";
import {
  type Conditions,
  type PackageResponse,
  prefersRedirect,
  redirectTo,
  respond,
  type StoredElsewhere,
} from "../../shared/ota/respond.ts";
import { parseQuery, select } from "../../shared/ota/select.ts";
import type { NamedWorkspace } from "../../shared/ota/snapshot.ts";
import {
  isIdle,
  MAX_STORED_BYTES,
  requestArchive,
  type StoredArchive,
  storedAs,
} from "../../shared/ota/stored-archive.ts";
import { AppError, problem } from "../../shared/problems.ts";
import { type Log, loggerOf } from "../logger.ts";
import { measure } from "../metrics.ts";
import { bytesOf } from "./bytes.ts";
import { answerSnapshot, withSnapshot } from "./snapshot.ts";

type Headers = APIGatewayProxyEventV2["headers"];

interface Answer extends Omit<PackageResponse, "kind"> {
  /** As polls are counted. */
  readonly kind: (typeof OTA_ANSWERS)[number];
}

/**
 * `GET /{workspace}/package`: says what an anonymous device should run and gives it what it lacks; `/{workspace}/snapshot`:
 * what is current, signed. Reached through
 * CloudFront, which normalises query and `If-None-Match` (see `shared/ota/edge.ts`); bytes come from S3 piece by piece.
 */
export const handler = awslambda.streamifyResponse(async (event: APIGatewayProxyEventV2, stream, context) => {
  const log = loggerOf(context, { path: event.rawPath });
  const answer = await answered(event, log);
  log.info("answered", { status: answer.status });
  measure("OtaPolls", 1, { answer: answer.kind });
  const body = awslambda.HttpResponseStream.from(stream, { statusCode: answer.status, headers: answer.headers });
  // Lambda sends status and headers with the first write, and an empty 200 if there is none.
  if (answer.slices.length === 0) body.write("");
  // One chunk ahead: whoever reads slowly, or not at all, holds no more than that.
  await pipeline(Readable.from(bytesOf(answer.slices), { highWaterMark: 1 }), body);
});

const answered = async (event: APIGatewayProxyEventV2, log: Log): Promise<Answer> => {
  try {
    return await answerTo(event);
  } catch (thrown) {
    const error = translated(thrown);
    if (!(error instanceof AppError)) log.error("failed", error instanceof Error ? error : new Error(String(error)));
    return refusal(error);
  }
};

/** Something that is not there yet, or not now: the device is told when to come again, in seconds. */
class ComeAgain extends AppError {
  readonly seconds: number;
  constructor(code: "preparing" | "unavailable" | "stopped", detail: string, seconds: number) {
    super(code, detail);
    this.seconds = seconds;
  }
}

/** What any cache may do with an error: keep it for 10 s at most, and what will soon be otherwise for less. */
const cacheOf = (status: number, isComing: boolean): string => {
  if (isComing) return "public, max-age=2";
  return status < 500 ? "public, max-age=10" : "no-store";
};

/** Every error is a problem document. */
const refusal = (error: unknown): Answer => {
  const document =
    error instanceof AppError
      ? problem(error.code, error.message, error.findings)
      : problem("internal", "the package could not be made");
  const body = Buffer.from(JSON.stringify(document));
  const isComing = document.code === "preparing";
  const seconds = error instanceof ComeAgain ? error.seconds : document.status === 503 ? 30 : undefined;
  return {
    status: document.status,
    headers: {
      "content-type": "application/problem+json",
      "content-length": String(body.length),
      "cache-control": cacheOf(document.status, isComing),
      ...(seconds !== undefined && { "retry-after": String(seconds) }),
      ...(document.code === "method-not-allowed" && { allow: "GET, HEAD" }),
    },
    slices: [{ kind: "bytes", bytes: body }],
    kind:
      document.code === "stopped" ? "stopped" : isComing ? "preparing" : document.status < 500 ? "refused" : "failed",
  };
};

const conditionsOf = (method: string, headers: Headers): Conditions => ({
  method,
  ifMatch: headers["if-match"],
  range: headers.range,
  ifRange: headers["if-range"],
  isBehindEdge: headers["x-ota-have"] !== undefined,
  prefersRedirect: headers["x-ota-prefer"] === "redirect" || prefersRedirect(headers.prefer),
  streamedBytes: Number(env("OTA_STREAMED_BYTES")),
});

/** Tells the device how soon to ask again; the edge puts each of them off a little further. */
const polled = (response: PackageResponse, seconds: number): Answer => ({
  ...response,
  headers: { ...response.headers, "x-poll-seconds": String(seconds) },
});

const answerTo = async (event: APIGatewayProxyEventV2): Promise<Answer> => {
  const { headers } = event;
  const { method } = event.requestContext.http;
  if (method !== "GET" && method !== "HEAD")
    throw new AppError("method-not-allowed", `packages take GET and HEAD, not ${method}`);
  if (event.rawPath.endsWith("/snapshot")) {
    const answer = answerSnapshot((await siteOf(event.rawPath)).snapshot, method, headers["if-none-match"]);
    await checkObjects(answer.slices);
    return { ...answer, kind: "snapshot" };
  }
  const query = parseQuery(event.rawQueryString);
  const { id: workspaceId, pollSeconds, isStopped, snapshot } = await siteOf(event.rawPath);
  if (isStopped) return stoppedAnswer(headers["x-ota-edge"] === "1");
  const have = parseEntityTags([headers["x-ota-have"], headers["if-none-match"]].filter(Boolean).join(", "));
  const [entries, device] = await Promise.all([
    allItems<Entry>({ partition: otaPartitions.current(workspaceId), table: "ota" }),
    factsOf(workspaceId, headers, have.tags),
  ]);
  const base = baseUrl(headers);
  const selection = select(query, entries, device);
  const answer = answerPackage({
    payloadType: query.payloadType,
    selection,
    isSelectionPersonal: !isDeepStrictEqual(selection, select(query, entries, unknownDevice(device.now))),
    have,
    urlOf: (release) => `${base}/${pathOf((release as Entry).path)}`,
  });
  if (answer.kind === "not-found") throw new AppError("not-found", "no release matches this query");
  const conditions = conditionsOf(method, headers);
  const response = respond(answer, conditions);
  if (response.kind === "stored") {
    const key = await storedKey(workspaceId, response, new Date());
    const redirect = redirectTo(`${base}/${pathOf(key)}`, response.isPersonal, conditions);
    return withSnapshot(polled(redirect, pollSeconds), snapshot, entries);
  }
  await checkObjects(response.slices);
  return withSnapshot(polled(response, pollSeconds), snapshot, entries);
};

/** Of more hashes than a device can have binaries, the rest is not looked up. The edge refuses more than 128. */
const MOST_LOOKED_UP = 100;

/** What the device says of itself, by the edge or, where nothing is between, in its own words. */
const factsOf = async (workspaceId: string, headers: Headers, hashes: readonly string[]): Promise<DeviceFacts> => {
  const bucket = headers["x-ota-bucket"];
  const keys = hashes.slice(0, MOST_LOOKED_UP).map((hash) => otaKeys.binary(workspaceId, hash));
  return {
    now: new Date(),
    bucket: bucket === undefined ? bucketOf(headers["x-device-id"] ?? "") : Number(bucket),
    hardware: new Set(labelsOf(headers["x-ota-hardware"] ?? headers["x-device-hardware"] ?? "")),
    hashes: new Set(hashes),
    installed: installedOf(await getItems(keys, "ota")),
  };
};

/**
 * Where the device asked, and where it finds the binaries as well. The edge tells the name in `x-ota-host`, for the
 * distribution's own is made after this function, which is its origin.
 */
const baseUrl = (headers: Headers): string => {
  const host = headers["x-ota-host"];
  if (host === undefined) throw new AppError("invalid-request", "packages are asked for through the distribution");
  return `${headers["x-forwarded-proto"] ?? "https"}://${host}`;
};

/** What the `ota` table has of a workspace and of the stage, as owners and operators set it. */
interface Site extends Partial<NamedWorkspace> {
  readonly type: "workspace" | "stage";
  readonly pollSeconds?: number;
  /** No packages are given out. */
  readonly isStopped?: boolean;
}

/** The workspace that the path names. @throws AppError `not-found` */
const siteOf = async (path: string): Promise<NamedWorkspace & { pollSeconds: number; isStopped: boolean }> => {
  const [isOurs, named = env("OTA_DEFAULT_WORKSPACE")] = /^\/(?:([^/]+)\/)?(?:package|snapshot)$/.exec(path) ?? [];
  const name = isOurs === undefined ? "" : named;
  const sites = name === "" ? [] : await getItems<Site>([otaKeys.workspaceName(name), otaKeys.stage()], "ota");
  const workspace = sites.find(({ type }) => type === "workspace");
  if (workspace?.id === undefined) throw new AppError("not-found", `there is no workspace ${name}`);
  return {
    id: workspace.id,
    ...(workspace.snapshot !== undefined && { snapshot: workspace.snapshot }),
    pollSeconds: workspace.pollSeconds ?? POLL_SECONDS,
    isStopped: sites.some(({ isStopped }) => isStopped === true),
  };
};

/** While nothing is given out, devices may ask again after so long. */
const STOPPED_SECONDS = 600;

/** To the edge a marked 200, which takes the place of what its cache has; to others what it stands for. */
const stoppedAnswer = (isBehindEdge: boolean): Answer => {
  if (!isBehindEdge) return refusal(new ComeAgain("stopped", "ask again later", STOPPED_SECONDS));
  const headers = {
    "x-ota-stopped": String(STOPPED_SECONDS),
    "cache-control": "public, max-age=10",
    "content-length": "0",
  };
  return { kind: "stopped", status: 200, headers, slices: [] };
};

/** An object that is missing is an error before the first byte, not an archive that breaks off. */
const checkObjects = async (slices: readonly ArchiveSlice[]): Promise<void> => {
  await Promise.all(
    slices.map(async (slice) => {
      if (slice.kind === "bytes") return;
      const object = await headObject(env("OTA_BUCKET"), slice.key);
      if (object?.size !== slice.size) {
        throw new AppError("unavailable", "a binary of the package is missing or not whole");
      }
    }),
  );
};

const HOUR = 3_600;

/**
 * The key under which the archive is stored. Where it is not, it is asked for: anyone may cause that, so that a workspace
 * has a budget of new archives an hour.
 * @throws AppError `preparing` or `unavailable`, with when to come again; `package-too-large`
 */
const storedKey = async (workspaceId: string, { content, bytes }: StoredElsewhere, now: Date): Promise<string> => {
  if (bytes > MAX_STORED_BYTES) {
    throw new AppError("package-too-large", "ask with payloadType=metadataOnly and fetch each binary by its URL");
  }
  const { id, key } = storedAs(workspaceId, content);
  if ((await headObject(env("OTA_BUCKET"), key))?.size === bytes) return key;
  const found = await getItem<StoredArchive>(otaKeys.archive(workspaceId, id), "ota");
  if (isIdle(found, now)) await ask(workspaceId, content, found, now);
  else if (found?.status === "failed") throw new ComeAgain("unavailable", "the archive could not be made", 60);
  // A gigabyte is read through and joined in about 20 s.
  throw new ComeAgain("preparing", "the archive is being made", 2 + Math.ceil(bytes / 50_000_000));
};

const ask = async (
  workspaceId: string,
  content: StoredElsewhere["content"],
  found: StoredArchive | undefined,
  now: Date,
): Promise<void> => {
  const hour = Math.floor(now.getTime() / 1_000 / HOUR);
  if ((await count(`archives#${workspaceId}`, hour, HOUR)) > Number(env("OTA_ARCHIVES_PER_HOUR"))) {
    const left = Math.ceil((hour + 1) * HOUR - now.getTime() / 1_000);
    throw new ComeAgain("unavailable", "too many archives were asked for in this hour", left);
  }
  try {
    await transact([requestArchive(workspaceId, content, found, now)]);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "conflict")) throw error; // another device was first
  }
};
