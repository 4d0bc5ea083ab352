import { createHash } from "node:crypto";
import { AwsError } from "../aws-json/errors.ts";
import type { Greengrass } from "./state.ts";

export const CLIENT_TOKENS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS client_tokens (
    operation TEXT NOT NULL, token TEXT NOT NULL, request TEXT NOT NULL, response TEXT NOT NULL,
    created_at INTEGER NOT NULL, PRIMARY KEY (operation, token)
  ) STRICT, WITHOUT ROWID;
`;

/** How long a response is kept: https://docs.aws.amazon.com/greengrass/v2/APIReference/API_CreateDeployment.html */
const KEPT_MS = 8 * 60 * 60 * 1000;

const sorted = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
};

/** A digest that equal requests share, whatever the order of their keys and whatever their tokens. */
export const fingerprint = (input: { readonly clientToken?: string | undefined }): string => {
  const { clientToken: _clientToken, ...request } = input;
  return createHash("sha256")
    .update(JSON.stringify(sorted(request)))
    .digest("base64");
};

/** The answer that a successful request with this token got, and whether that request was the same. */
export const recall = (
  greengrass: Greengrass,
  operation: string,
  token: string | undefined,
  request: string,
): { same: boolean; response: unknown } | undefined => {
  if (token === undefined) return undefined;
  const row = greengrass.store.get<{ request: string; response: string }>(
    "SELECT request, response FROM client_tokens WHERE operation = ? AND token = ? AND created_at > ?",
    operation,
    token,
    Date.now() - KEPT_MS,
  );
  return row === undefined ? undefined : { same: row.request === request, response: JSON.parse(row.response) };
};

/** Keeps the answer for its token; call it in the transaction that makes the resource. */
export const remember = (
  greengrass: Greengrass,
  operation: string,
  token: string | undefined,
  request: string,
  response: unknown,
): void => {
  if (token === undefined) return;
  const now = Date.now();
  greengrass.store.run("DELETE FROM client_tokens WHERE created_at <= ?", now - KEPT_MS);
  greengrass.store.run(
    "INSERT INTO client_tokens VALUES (?, ?, ?, ?, ?)",
    operation,
    token,
    request,
    JSON.stringify(response),
    now,
  );
};

/**
 * Does what takes time for a request with a token, and keeps others with it out.
 * @throws RequestAlreadyInProgressException (400) while an earlier request with the token is being processed.
 * https://docs.aws.amazon.com/greengrass/v2/APIReference/API_CreateComponentVersion.html
 */
export const exclusively = async <T>(
  { inProgress }: Greengrass,
  operation: string,
  token: string | undefined,
  work: () => Promise<T>,
): Promise<T> => {
  if (token === undefined) return work();
  const key = `${operation} ${token}`;
  if (inProgress.has(key))
    throw new AwsError("RequestAlreadyInProgressException", 400, "A request with this clientToken is being processed");
  inProgress.add(key);
  try {
    return await work();
  } finally {
    inProgress.delete(key);
  }
};
