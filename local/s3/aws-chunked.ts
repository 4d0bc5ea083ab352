import { S3Error } from "./errors.ts";

const MAX_LINE = 8 * 1024;

/**
 * Takes the `aws-chunked` framing off: `size[;extension]CRLF data CRLF … 0 CRLF [trailer: value CRLF …] CRLF`. The
 * trailers are in `trailers` once the iteration has ended.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 * @throws S3Error InvalidChunkSizeError, MalformedTrailerError, IncompleteBody
 */
export const decodeAwsChunked = async function* (
  source: AsyncIterable<Buffer>,
  trailers: Map<string, string>,
): AsyncGenerator<Buffer> {
  let state: "size" | "data" | "data-end" | "trailer" | "end" = "size";
  let left = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of source) {
    let buffer: Buffer = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (buffer.length > 0) {
      if (state === "end") throw S3Error.of("MalformedTrailerError");
      if (state === "data") {
        const data = buffer.subarray(0, left);
        buffer = buffer.subarray(data.length);
        left -= data.length;
        if (left === 0) state = "data-end";
        yield data;
        continue;
      }
      const end = buffer.indexOf("\r\n");
      if (end > MAX_LINE || (end === -1 && buffer.length > MAX_LINE)) throw S3Error.of("InvalidChunkSizeError");
      if (end === -1) break;
      const line = buffer.toString("latin1", 0, end);
      buffer = buffer.subarray(end + 2);
      if (state === "size") {
        const size = /^([0-9a-fA-F]{1,12})(?:;.*)?$/.exec(line)?.[1];
        if (size === undefined) throw S3Error.of("InvalidChunkSizeError");
        left = Number.parseInt(size, 16);
        state = left === 0 ? "trailer" : "data";
      } else if (state === "data-end") {
        if (line !== "") throw S3Error.of("InvalidChunkSizeError");
        state = "size";
      } else if (line === "") {
        state = "end";
      } else {
        const colon = line.indexOf(":");
        if (colon < 1) throw S3Error.of("MalformedTrailerError");
        trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
      }
    }
    rest = buffer;
  }
  if (state !== "end") throw S3Error.of("IncompleteBody");
};
