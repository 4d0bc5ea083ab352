import { parse } from "csv-parse/sync";
import type { ApiClient, IntentBody } from "../../../local/api-client.ts";
import { expecting, sendFile, sha256, type Upload } from "./cloud.ts";

export interface NodeImportBody {
  readonly id: string;
  readonly status: string;
  readonly counts: {
    readonly rows?: number;
    readonly created: number;
    readonly existing: number;
    readonly failed: number;
    readonly tokens: number;
  };
  readonly faultCount: number;
  readonly faults: readonly { readonly line: number; readonly field?: string; readonly rule: string }[];
  readonly results?: { readonly url: string; readonly expiresAt: string };
  readonly faultFile?: { readonly url: string; readonly expiresAt: string };
}

/** What an import's file is declared as. */
export const importOf = (text: string, format: "csv" | "jsonl" = "csv") => ({
  format,
  size: Buffer.byteLength(text),
  sha256: sha256(text),
});

/** A draft import whose file is there; its path. @param workspace the workspace's path */
export const anUploadedImport = async (
  api: ApiClient,
  workspace: string,
  text: string,
  options: { readonly format?: "csv" | "jsonl"; readonly tokenExpiresInSeconds?: number } = {},
): Promise<string> => {
  const { format, ...more } = options;
  const { body } = await expecting(
    201,
    api.call<NodeImportBody & { upload: Upload }>("POST", `${workspace}/node-imports`, {
      body: { ...importOf(text, format), ...more },
    }),
  );
  await sendFile(body.upload, text);
  return `${workspace}/node-imports/${body.id}`;
};

/** Starts an import and waits for its end. */
export const runImport = async (api: ApiClient, path: string, withinMs?: number): Promise<IntentBody> => {
  const { body } = await expecting(202, api.call<IntentBody>("POST", `${path}/start`));
  return api.ended(body.id, withinMs);
};

export const getImport = async (api: ApiClient, path: string): Promise<NodeImportBody> =>
  (await expecting(200, api.call<NodeImportBody>("GET", path))).body;

/** A row of the results. */
export interface ResultRow {
  readonly line: string;
  readonly name: string;
  readonly status: string;
  readonly id: string;
  readonly token: string;
  readonly expiresAt: string;
  readonly detail: string;
}

/** What an import's file of results says, read by its link. */
export const resultsOf = async (api: ApiClient, path: string): Promise<ResultRow[]> => {
  const { results } = await getImport(api, path);
  const answer = await fetch(results?.url ?? "");
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  return parse(await answer.text(), { columns: true }) as unknown as ResultRow[];
};
