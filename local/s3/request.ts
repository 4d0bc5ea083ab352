import type { IncomingMessage } from "node:http";
import type { ChunkSeal } from "./aws-chunked.ts";
import { S3Error } from "./errors.ts";

/** A request as the operations see it. */
export interface S3Request {
  readonly id: string;
  readonly method: string;
  /** The decoded path, which error documents name as the resource. */
  readonly path: string;
  /** Empty when the request addresses the service. */
  readonly bucket: string;
  /** Empty when the request addresses the service or a bucket. Never part of a path on disk. */
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  /** By lower-case name; a presigned URL's `x-amz-*` parameters count as headers, as in S3. */
  readonly headers: ReadonlyMap<string, string>;
  /** Whose signature it carries. */
  readonly accessKeyId: string;
  /** What goes with that key, if its credentials are temporary. */
  readonly sessionToken: string | undefined;
  /** `x-amz-content-sha256`, or what a presigned URL says in its place. */
  readonly payloadHash: string;
  /** What signed chunks of the body are verified with, when the signature is in the header. */
  readonly seal: ChunkSeal | undefined;
  readonly sourceIp: string;
  /** Refuses what its signer may not do with one key, for operations on many. @throws S3Error AccessDenied */
  authorizeKey?(operation: string, key: string): void;
  /** The body as it comes; asks a client that waits for `100 Continue` to go on. */
  body(): AsyncIterable<Buffer>;
}

export interface S3Response {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<Buffer>;
  /** Called once when the response is over, however it ended. */
  release?(): Promise<void>;
}

/** A request line's target, decoded. */
export interface Target {
  readonly path: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: readonly (readonly [name: string, value: string])[];
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw Object.assign(S3Error.of("InvalidURI"), { cause });
  }
};

/**
 * Reads a path-style target. The path is never normalised: `..` is a legal part of a key.
 * @throws S3Error InvalidURI when the percent encoding is not UTF-8
 */
export const parseTarget = (url: string): Target => {
  const mark = url.indexOf("?");
  const path = decode(mark === -1 ? url : url.slice(0, mark));
  const slash = path.indexOf("/", 1);
  const query = (mark === -1 ? "" : url.slice(mark + 1))
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const equals = pair.indexOf("=");
      const [name, value] = equals === -1 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
      return [decode(name.replaceAll("+", " ")), decode(value.replaceAll("+", " "))] as const;
    });
  return {
    path,
    bucket: slash === -1 ? path.slice(1) : path.slice(1, slash),
    key: slash === -1 ? "" : path.slice(slash + 1),
    query,
  };
};

/** The headers by lower-case name, repeated ones joined as SigV4 signs them. */
export const headersOf = (message: IncomingMessage): Map<string, string> =>
  new Map(
    Object.entries(message.headersDistinct).flatMap(([name, values]) =>
      values === undefined ? [] : [[name, values.join(",")] as const],
    ),
  );
