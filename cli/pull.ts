import { createHash } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { backoff, pause } from "../client/retry.ts";
import type { CommonOptions } from "./commands.ts";
import { connect } from "./connect.ts";
import { CliError } from "./failures.ts";
import { interrupted } from "./interrupted.ts";
import { note } from "./output.ts";
import { bytesText, progress } from "./progress.ts";
import { each } from "./push.ts";
import { printOne } from "./run.ts";
import { hashed } from "./upload.ts";

export interface PullOptions extends CommonOptions {
  readonly component: string;
  readonly version: string;
}

/** Links work for a quarter of an hour: so many are asked for at a time. */
const PAGE = 20;
const TRIES = 4;
const AGAIN = "Run the same command again: what is there already is not fetched again.";

/** Where a file of the version goes. @throws CliError for a path that leads out of the folder */
const placeOf = (folder: string, path: string): string => {
  const place = join(folder, path);
  const below = relative(folder, place);
  if (below === "" || below === ".." || below.startsWith(`..${sep}`) || isAbsolute(below)) {
    throw new CliError("failed", `the server names a file outside the folder: ${path}`);
  }
  return place;
};

/** Fetches a file beside its place, and puts it there once it has the bytes that it should have. */
const fetchFile = async (
  url: string,
  place: string,
  sha256: string,
  { onBytes, signal }: { readonly onBytes: (bytes: number) => void; readonly signal: AbortSignal },
): Promise<void> => {
  const part = `${place}.part`;
  for (let tries = 1; ; tries += 1) {
    let got = 0;
    const hash = createHash("sha256");
    const counted = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        hash.update(chunk);
        got += chunk.length;
        onBytes(chunk.length);
        done(null, chunk);
      },
    });
    const fetched = async (): Promise<{ why: string; refused: boolean } | undefined> => {
      const answer = await fetch(url, { signal });
      if (!answer.ok || answer.body === null) {
        await answer.body?.cancel();
        const refused = answer.status < 500 && answer.status !== 429;
        // S3 answers 403 for what is not there to those who may not list.
        return { why: `status ${answer.status}${refused ? ": it was never sent, or is gone" : ""}`, refused };
      }
      await pipeline(Readable.fromWeb(answer.body), counted, createWriteStream(part));
      return hash.digest("hex") === sha256 ? undefined : { why: "other bytes than were declared", refused: false };
    };
    const failure = await fetched().catch((error: unknown) => ({
      why: error instanceof Error ? error.message : String(error),
      refused: false,
    }));
    if (failure === undefined) return rename(part, place);
    onBytes(-got);
    await rm(part, { force: true });
    signal.throwIfAborted();
    if (failure.refused || tries === TRIES) {
      const exit = failure.refused ? "refused" : "unavailable";
      throw new CliError(exit, `the download of ${place} failed: ${failure.why}`, AGAIN);
    }
    await pause(backoff(tries, Math.random()), signal);
  }
};

/**
 * Writes a version as the folder that the Greengrass Development Kit builds it from. What is there with the right bytes stays;
 * other files of the folder are left alone.
 */
export const pullComponent = async (folder: string, options: PullOptions): Promise<void> => {
  const connection = connect(options);
  const { component, version } = options;
  const at = { workspace: connection.workspace(), component, version, limit: PAGE, signal: interrupted.signal };
  const total = { files: 0, fetched: 0, bytes: 0 };
  for await (const { items } of connection.slipway.pages("exportComponentVersion", at)) {
    const bytes = items.reduce((sum, { size }) => sum + size, 0);
    const shown = progress(`${total.files + items.length} files`, bytes, options.json === true);
    await each(items, async ({ path, size, text, sha256, download }, signal) => {
      const place = placeOf(folder, path);
      await mkdir(dirname(place), { recursive: true });
      total.files += 1;
      if (text !== undefined) return writeFile(place, text);
      if (sha256 === undefined || download === undefined) {
        throw new CliError("failed", `the server does not say where ${path} is`);
      }
      if (existsSync(place) && (await hashed(place, signal)).sha256 === sha256) return;
      await fetchFile(download.url, place, sha256, { onBytes: shown.add, signal });
      total.fetched += 1;
      total.bytes += size;
    });
    shown.end();
  }
  const pulled = { component, version, folder, ...total };
  if (options.json) return printOne(pulled, options);
  note(
    `${component} ${version}: ${total.files} files in ${folder}, ${total.fetched} fetched (${bytesText(total.bytes)})`,
  );
  note(`Next: cd ${folder} && gdk component build`);
};
