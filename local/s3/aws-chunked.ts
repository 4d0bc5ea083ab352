import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { S3Error } from "./errors.ts";

const MAX_LINE = 8 * 1024;
/** Every chunk but the last has at least so many bytes. */
const MIN_CHUNK = 8 * 1024;
const EMPTY_SHA256 = createHash("sha256").digest("hex");

/** What each chunk's signature is made with; the first one continues the request's own. */
export interface ChunkSeal {
  readonly key: Buffer;
  readonly date: string;
  readonly scope: string;
  /** The request's signature. */
  readonly seed: string;
}

/** Follows the chain of signatures, each of which covers the one before it. */
const startChain = (seal: ChunkSeal) => {
  let previous = seal.seed;
  return {
    /** @throws S3Error SignatureDoesNotMatch */
    expect: (signature: string, algorithm: string, ...digests: readonly string[]): void => {
      const text = [algorithm, seal.date, seal.scope, previous, ...digests].join("\n");
      const expected = createHmac("sha256", seal.key).update(text).digest();
      const provided = Buffer.from(signature, "hex");
      if (provided.length !== expected.length || !timingSafeEqual(provided, expected)) {
        throw S3Error.of("SignatureDoesNotMatch", undefined, { StringToSign: text, SignatureProvided: signature });
      }
      previous = signature;
    },
  };
};

/** Whether a signed body's trailer is signed, too, is in its name: the trailers have a signature of their own. */
const TRAILER_SIGNATURE = "x-amz-trailer-signature";

/**
 * Takes the `aws-chunked` framing off: `size[;chunk-signature=…]CRLF data CRLF … 0 CRLF [trailer: value CRLF …] CRLF`. The
 * trailers are in `trailers` once the iteration has ended. With a seal, every chunk and the trailers must carry their
 * signatures; what was passed on of a chunk before its signature was checked must be dropped when this throws.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 * @throws S3Error IncompleteBody (the framing is broken), InvalidChunkSizeError, MalformedTrailerError,
 *   SignatureDoesNotMatch
 */
export const decodeAwsChunked = async function* (
  source: AsyncIterable<Buffer>,
  trailers: Map<string, string>,
  seal?: ChunkSeal,
): AsyncGenerator<Buffer> {
  const chain = seal && startChain(seal);
  let state = "size" as "size" | "data" | "data-end" | "trailer" | "end";
  let number = 0;
  let size = 0;
  let left = 0;
  let signature = "";
  let hash = createHash("sha256");
  let signedTrailers = "";
  let rest: Buffer = Buffer.alloc(0);

  const startChunk = (line: string): void => {
    const [, digits, extension] = /^([0-9a-fA-F]{1,12})(?:;(.*))?$/.exec(line) ?? [];
    if (digits === undefined) throw S3Error.of("IncompleteBody");
    const before = size;
    size = Number.parseInt(digits, 16);
    number += 1;
    if (number > 1 && size > 0 && before < MIN_CHUNK) {
      throw S3Error.of("InvalidChunkSizeError", undefined, { Chunk: String(number), BadChunkSize: String(before) });
    }
    left = size;
    state = size === 0 ? "trailer" : "data";
    if (chain === undefined) return;
    signature = /^chunk-signature=([0-9a-f]{64})$/.exec(extension ?? "")?.[1] ?? "";
    hash = createHash("sha256");
    if (size === 0) endChunk();
  };

  const endChunk = (): void => chain?.expect(signature, "AWS4-HMAC-SHA256-PAYLOAD", EMPTY_SHA256, hash.digest("hex"));

  const takeTrailer = (line: string): void => {
    const colon = line.indexOf(":");
    if (colon < 1) throw S3Error.of("MalformedTrailerError");
    const [name, value] = [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    trailers.set(name, value);
    if (name !== TRAILER_SIGNATURE) signedTrailers += `${name}:${value}\n`;
  };

  const endTrailers = (): void => {
    if (chain === undefined || signedTrailers === "") return;
    const digest = createHash("sha256").update(signedTrailers).digest("hex");
    chain.expect(trailers.get(TRAILER_SIGNATURE) ?? "", "AWS4-HMAC-SHA256-TRAILER", digest);
  };

  for await (const piece of source) {
    let buffer: Buffer = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (buffer.length > 0) {
      if (state === "end") throw S3Error.of("MalformedTrailerError");
      if (state === "data") {
        const data = buffer.subarray(0, left);
        buffer = buffer.subarray(data.length);
        left -= data.length;
        if (chain !== undefined) hash.update(data);
        if (left === 0) state = "data-end";
        yield data;
        continue;
      }
      const end = buffer.indexOf("\r\n");
      if (end > MAX_LINE || (end === -1 && buffer.length > MAX_LINE)) throw S3Error.of("IncompleteBody");
      if (end === -1) break;
      const line = buffer.toString("latin1", 0, end);
      buffer = buffer.subarray(end + 2);
      if (state === "size") startChunk(line);
      else if (state === "data-end") {
        if (line !== "") throw S3Error.of("IncompleteBody");
        endChunk();
        state = "size";
      } else if (line === "") {
        endTrailers();
        state = "end";
      } else takeTrailer(line);
    }
    rest = buffer;
  }
  if (state !== "end") throw S3Error.of("IncompleteBody");
};
