import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

interface Event {
  readonly pieces: number;
  readonly fail?: "before" | "within";
  readonly hang?: boolean;
}

/** Streams its own environment, a piece at a time, each larger than the stream's buffer. */
export const handler = awslambda.streamifyResponse(async ({ pieces, fail, hang }: Event, stream) => {
  if (fail === "before") throw new RangeError("failed before");
  const body = awslambda.HttpResponseStream.from(stream, {
    statusCode: 206,
    headers: { "content-type": "text/plain" },
  });
  async function* read() {
    for (let piece = 0; piece < pieces; piece += 1) yield `${process.env.STAGE}${".".repeat(100_000)}`;
    if (fail === "within") throw new RangeError("failed within");
    if (hang) await new Promise(() => undefined);
  }
  await pipeline(Readable.from(read()), body);
});
