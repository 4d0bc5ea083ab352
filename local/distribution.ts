import { GetObjectCommand, type GetObjectCommandInput, HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { behaviours as declared, edgeFunctions, METHODS } from "../shared/declared/distribution.ts";
import { objectRequest, objectResponse, viewerRequest, viewerResponse } from "../shared/ota/edge.ts";
import { problem } from "../shared/problems.ts";
import type { Behaviour, Origin } from "./cdn.ts";
import type { StreamedAnswer } from "./lambda.ts";

const edge = { viewerRequest, viewerResponse, objectRequest, objectResponse };

/** The declared behaviours, with the functions that CloudFront runs at its edge. */
export const behaviours: readonly Behaviour[] = declared.map(({ edge: kind, ...behaviour }) => {
  const [request, response] = edgeFunctions[kind];
  return { ...behaviour, methods: METHODS, viewerRequest: edge[request], viewerResponse: edge[response] };
});

/** The package function behind its URL, called as CloudFront calls it. */
export const packages = (invoke: (event: unknown) => Promise<StreamedAnswer>, accountId: string): Origin => ({
  fetch: ({ method, path, query, headers }) =>
    invoke({
      version: "2.0",
      routeKey: "$default",
      rawPath: path,
      rawQueryString: query,
      headers: { ...headers, "x-forwarded-proto": "http" },
      requestContext: {
        accountId,
        apiId: "local",
        http: { method, path, protocol: "HTTP/1.1", sourceIp: "127.0.0.1", userAgent: "Amazon CloudFront" },
        stage: "$default",
      },
      isBase64Encoded: false,
    }),
});

const missing = Buffer.from(JSON.stringify(problem("not-found", "there is no such file")));

/** A header's value, of those that a response has. */
const present = (headers: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter((pair): pair is [string, string] => Boolean(pair[1])));

/** The OTA bucket, read as the distribution's origin access control lets it. */
export const binaries = (s3: S3Client, bucket: string): Origin => {
  const read = async (method: string, input: GetObjectCommandInput): Promise<Awaited<ReturnType<Origin["fetch"]>>> => {
    const object =
      method === "HEAD"
        ? { ...(await s3.send(new HeadObjectCommand(input))), Body: undefined }
        : await s3.send(new GetObjectCommand(input));
    const metadata = Object.entries(object.Metadata ?? {}).map(([name, value]) => [`x-amz-meta-${name}`, value]);
    return {
      status: object.$metadata.httpStatusCode ?? 200,
      headers: present({
        "content-type": object.ContentType,
        "content-length": object.ContentLength?.toString(),
        "content-disposition": object.ContentDisposition,
        "content-range": "ContentRange" in object ? object.ContentRange : undefined,
        "cache-control": object.CacheControl,
        "accept-ranges": "bytes",
        etag: object.ETag,
        "last-modified": object.LastModified?.toUTCString(),
        ...Object.fromEntries(metadata),
      }),
      body: (object.Body as AsyncIterable<Uint8Array> | undefined) ?? new Uint8Array(0),
    };
  };
  const fetch: Origin["fetch"] = async ({ method, path, headers }) => {
    const { range, "if-range": ifRange, "if-none-match": ifNoneMatch } = headers;
    const input = {
      Bucket: bucket,
      Key: decodeURIComponent(path.slice(1)),
      ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch }),
    };
    const condition = { Range: range, ...(ifRange !== undefined && { IfMatch: ifRange }) };
    try {
      return await read(method, range === undefined ? input : { ...input, ...condition });
    } catch (error) {
      const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      if (status === 412) return read(method, input); // another object than the range is of: all of it
      if (status === 304 || status === 416) return { status, headers: {}, body: new Uint8Array(0) };
      if (status !== 403 && status !== 404) throw error;
      return {
        status: 404,
        headers: { "content-type": "application/problem+json", "content-length": String(missing.length) },
        body: missing,
      };
    }
  };
  return { fetch };
};
