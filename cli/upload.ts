import { createHash } from "node:crypto";
import { createReadStream, type ReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { pipeline } from "node:stream/promises";
import { backoff, pause } from "../client/retry.ts";
import { CliError } from "./failures.ts";
import { interrupted } from "./interrupted.ts";

export interface Upload {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface HashedFile {
  readonly file: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** A file's length and SHA-256, read once and never whole in memory. @throws CliError when it cannot be read */
export const hashed = async (file: string, signal: AbortSignal = interrupted.signal): Promise<HashedFile> => {
  try {
    if (!(await stat(file)).isFile()) throw new CliError("usage", `${file} is no file`);
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of createReadStream(file, { signal }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
    }
    return { file, size, sha256: hash.digest("hex") };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || code === "ABORT_ERR") throw error;
    throw new CliError("usage", `${file} cannot be read: ${code}`);
  }
};

const TRIES = 4;
const IDLE_MS = 60_000;

/** A part of a file: bytes from `start` on, `length` of them. */
export interface Slice {
  readonly start: number;
  readonly length: number;
}

/** What S3 says in its XML, as far as a person can use it. */
const reasonOf = (status: number, body: string): string =>
  /<Message>([^<]*)<\/Message>/.exec(body)?.[1] ?? `status ${status}`;

/** How a file is sent. */
export interface Sending {
  readonly onBytes: (bytes: number) => void;
  /** Ends it; its reason is thrown. */
  readonly signal: AbortSignal;
  /** What to do about a failure, as a sentence. */
  readonly next: string;
  /** Milliseconds without a byte in either direction after which a try has failed; a minute unless it is said. */
  readonly idle?: number;
}

interface Told {
  readonly status: number;
  readonly etag: string | undefined;
  readonly body: string;
}

/** fetch cannot state a length beforehand, which S3 wants; so this is Node's own client. */
const put = async (
  { method, url, headers }: Upload,
  source: ReadStream,
  length: number,
  { signal, idle = IDLE_MS }: Sending,
): Promise<Told> => {
  const send = url.startsWith("https:") ? httpsRequest : httpRequest;
  // Of a connection that is dead nobody tells: https://nodejs.org/api/http.html#event-timeout
  const sent = send(url, { method, headers: { ...headers, "content-length": length }, signal, timeout: idle });
  sent.on("timeout", () => sent.destroy(new Error(`nothing moved for ${idle / 1_000} s`)));
  const answered = new Promise<Told>((resolve, reject) => {
    sent.on("error", reject);
    sent.on("response", (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (text: string) => {
        body += text;
      });
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, etag: answer.headers.etag, body }));
    });
  });
  const [told] = await Promise.all([answered, pipeline(source, sent)]);
  return told;
};

/**
 * Sends a file, or a part of it, where the API said; again where the network or S3 falters.
 * @returns the ETag of what was stored
 * @throws CliError when it is refused, or never gets through; the signal's reason
 */
export const sendFile = async (
  upload: Upload,
  file: string,
  { start, length }: Slice,
  sending: Sending,
): Promise<string | undefined> => {
  const { onBytes, signal, next } = sending;
  for (let tries = 1; ; tries += 1) {
    let sent = 0;
    const source = createReadStream(file, { start, end: Math.max(start, start + length - 1) });
    source.on("data", (chunk) => {
      sent += chunk.length;
      onBytes(chunk.length);
    });
    const answer = await put(upload, source, length, sending).catch((error: unknown) => {
      signal.throwIfAborted();
      return error instanceof Error ? error : new Error(String(error));
    });
    if (!(answer instanceof Error) && answer.status >= 200 && answer.status < 300) return answer.etag;
    onBytes(-sent);
    const isRefusal = !(answer instanceof Error) && answer.status < 500 && answer.status !== 429;
    if (isRefusal || tries === TRIES) {
      const why = answer instanceof Error ? answer.message : reasonOf(answer.status, answer.body);
      throw new CliError(isRefusal ? "refused" : "unavailable", `the upload of ${file} failed: ${why}`, next);
    }
    await pause(backoff(tries, Math.random()), signal);
  }
};
