import { basename } from "node:path";
import type { Schemas, Slipway } from "../client/index.ts";
import type { CommonOptions } from "./commands.ts";
import { connect, type WaitOptions, waited } from "./connect.ts";
import { interrupted } from "./interrupted.ts";
import { note } from "./output.ts";
import { progress } from "./progress.ts";
import { printOne } from "./run.ts";
import { type HashedFile, hashed, sendFile } from "./upload.ts";

export interface ReleaseOptions extends CommonOptions, WaitOptions {
  readonly app: string;
  readonly environment: string;
  readonly version: string;
  readonly attributes?: string;
}

type Wish = Omit<Schemas["CreateRelease"], "size" | "sha256">;
export type NewRelease = { readonly [Member in keyof Wish]: Wish[Member] | undefined };

/** Creates a release and uploads its file. @returns its id */
export const uploadRelease = async (
  slipway: Slipway,
  workspace: string,
  release: NewRelease,
  { file, size, sha256 }: HashedFile,
  quiet: boolean,
): Promise<string> => {
  const body = { ...release, size, sha256 } as Schemas["CreateRelease"];
  const created = await slipway.createRelease({ workspace, body, signal: interrupted.signal });
  const shown = progress(basename(file), size, quiet);
  const next = `Run the same command again, which makes another release; slipway release delete ${created.id} removes this one.`;
  const { signal } = interrupted;
  await sendFile(created.upload, file, { start: 0, length: size }, { onBytes: shown.add, signal, next });
  shown.end();
  return created.id;
};

/** From a file to what devices get, in one command. */
export const publishRelease = async (file: string, options: ReleaseOptions): Promise<void> => {
  const { app, environment, version, attributes } = options;
  const connection = connect(options);
  const { slipway } = connection;
  const workspace = connection.workspace();
  const release = { app, environment, version, attributes: attributes?.split(",") ?? [] };
  const id = await uploadRelease(slipway, workspace, release, await hashed(file), options.json === true);
  const intent = await slipway.publishRelease({ workspace, release: id, signal: interrupted.signal });
  const ended = await waited(slipway, intent, options);
  if (options.json) return printOne({ release: id, intent: ended }, options);
  note(
    `${app} ${version} for ${environment} is ${ended.status === "succeeded" ? "published" : ended.status}: release ${id}`,
  );
};
