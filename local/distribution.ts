import { GetObjectCommand, HeadObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { behaviours as declared } from "../shared/declared/distribution.ts";
import { viewerRequest, viewerResponse } from "../shared/ota/edge.ts";
import { problem } from "../shared/problems.ts";
import type { Behaviour, Origin } from "./cdn.ts";
import type { StreamedAnswer } from "./lambda.ts";

/** The declared behaviours, with the functions that CloudFront runs at its edge. */
export const behaviours: readonly Behaviour[] = declared.map(({ edge, ...behaviour }) => ({
  ...behaviour,
  ...(edge && { viewerRequest, viewerResponse }),
}));

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

/** The OTA bucket, read as the distribution's origin access control lets it. */
export const binaries = (s3: S3Client, bucket: string): Origin => ({
  fetch: async ({ method, path, headers }) => {
    const input = {
      Bucket: bucket,
      Key: decodeURIComponent(path.slice(1)),
      ...(headers.range !== undefined && { Range: headers.range }),
      ...(headers["if-none-match"] !== undefined && { IfNoneMatch: headers["if-none-match"] }),
    };
    try {
      const object =
        method === "HEAD"
          ? { ...(await s3.send(new HeadObjectCommand(input))), Body: undefined }
          : await s3.send(new GetObjectCommand(input));
      const told = {
        "content-type": object.ContentType,
        "content-length": object.ContentLength?.toString(),
        "content-disposition": object.ContentDisposition,
        "content-range": "ContentRange" in object ? object.ContentRange : undefined,
        "cache-control": object.CacheControl,
        "accept-ranges": "bytes",
        etag: object.ETag,
        "last-modified": object.LastModified?.toUTCString(),
      };
      return {
        status: object.$metadata.httpStatusCode ?? 200,
        headers: Object.fromEntries(Object.entries(told).filter((pair): pair is [string, string] => Boolean(pair[1]))),
        body: (object.Body as AsyncIterable<Uint8Array> | undefined) ?? new Uint8Array(0),
      };
    } catch (error) {
      const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
      if (status === 304 || status === 416) return { status, headers: {}, body: new Uint8Array(0) };
      if (status !== 403 && status !== 404) throw error;
      return {
        status: 404,
        headers: { "content-type": "application/problem+json", "content-length": String(missing.length) },
        body: missing,
      };
    }
  },
});
