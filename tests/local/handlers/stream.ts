import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Streams its own environment, a piece at a time, each larger than the stream's buffer. */
export const handler = awslambda.streamifyResponse(async ({ pieces }: { pieces: number }, stream) => {
  const body = awslambda.HttpResponseStream.from(stream, {
    statusCode: 206,
    headers: { "content-type": "text/plain" },
  });
  async function* read() {
    for (let piece = 0; piece < pieces; piece += 1) yield `${process.env.STAGE}${".".repeat(100_000)}`;
  }
  await pipeline(Readable.from(read()), body);
});
