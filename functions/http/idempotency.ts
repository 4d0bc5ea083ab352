import { createHash, randomUUID } from "node:crypto";
import { getItem, transact } from "../../shared/aws/table.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import type { Item, Write } from "../../shared/writes.ts";

/** An answer as it is stored and sent again. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

type IdempotencyRecord = Item & {
  readonly request: string;
  readonly owner: string;
  readonly leaseUntil: number;
  readonly expiresAt: number;
  readonly answer?: StoredAnswer;
};

/** How long a stored answer is given again. */
const KEPT_SECONDS = 86_400;
/** How long a request may be under way before another one with its key takes over: the API's own timeout, and a bit. */
const LEASE_MS = 30_000;

export interface Claim {
  /** Goes into the transaction of the request: its effect and its answer are stored together, or not at all. */
  readonly store: (answer: StoredAnswer) => Write;
  /** Gives the key free again after a refusal, so that a corrected request may use it. */
  readonly release: () => Promise<void>;
}

const sha256 = (...parts: readonly string[]) => createHash("sha256").update(JSON.stringify(parts)).digest("hex");

/**
 * Claims an `Idempotency-Key` for a caller's request (draft-ietf-httpapi-idempotency-key-header).
 * @returns the claim, or the stored answer of the same request before.
 * @throws AppError `invalid-idempotency-key`, `idempotency-key-reused` (other request), `idempotency-in-progress`.
 */
export const claimIdempotencyKey = async (
  caller: string,
  key: string,
  request: { readonly method: string; readonly path: string; readonly body: string },
  now: Date,
): Promise<Claim | StoredAnswer> => {
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new AppError("invalid-idempotency-key", "Idempotency-Key must be 1 to 255 visible ASCII characters");
  }
  const at = keys.idempotency(sha256(caller, key));
  const claimed: IdempotencyRecord = {
    ...at,
    type: "idempotency",
    request: sha256(request.method, request.path, request.body),
    owner: randomUUID(),
    leaseUntil: now.getTime() + LEASE_MS,
    expiresAt: Math.floor(now.getTime() / 1000) + KEPT_SECONDS,
  };
  const claim: Claim = {
    store: (answer) => ({
      do: "update",
      key: at,
      set: { answer, leaseUntil: 0 },
      when: { owner: claimed.owner },
      otherwise: { code: "idempotency-in-progress", detail: "another request took this Idempotency-Key over" },
    }),
    release: async () => {
      await holds({ do: "delete", key: at, when: { owner: claimed.owner, answer: { exists: false } } });
    },
  };
  if (await holds({ do: "create", item: claimed })) return claim;

  const found = await getItem<IdempotencyRecord>(at);
  if (found === undefined) throw inProgress();
  const expired = found.expiresAt * 1000 < now.getTime(); // DynamoDB removes expired items only after a while
  if (!expired && found.request !== claimed.request) {
    throw new AppError("idempotency-key-reused", "this Idempotency-Key was used for a different request");
  }
  if (!expired && found.answer !== undefined) return found.answer;
  if (!expired && found.leaseUntil > now.getTime()) throw inProgress();
  if (await holds({ do: "put", item: claimed, when: { owner: found.owner } })) return claim;
  throw inProgress();
};

const inProgress = () =>
  new AppError("idempotency-in-progress", "the first request with this Idempotency-Key has not been answered yet");

/** Writes; answers whether the condition held. */
const holds = async (write: Write): Promise<boolean> => {
  try {
    await transact([write]);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === "conflict") return false;
    throw error;
  }
};
