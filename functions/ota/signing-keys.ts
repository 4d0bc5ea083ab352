import { publicKeyOf, signWith } from "../../shared/aws/kms.ts";
import { getItem, transact } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { otaKeys } from "../../shared/keys.ts";
import {
  NO_KEYS,
  recordKeys,
  type SigningKey,
  type SigningKeys,
  successorOf,
  withKey,
} from "../../shared/ota/signing-keys.ts";
import { seconds } from "../../shared/ota/snapshot.ts";
import { type Signature, successorStatement } from "../../shared/ota/statements.ts";
import { AppError } from "../../shared/problems.ts";

/** The key that signs now, and the links that lead to it from its elders. */
export interface Signing extends Pick<SigningKeys, "links"> {
  readonly key: SigningKey;
}

/** The stage has one key more than the table knows: the last one known signs it. */
const add = async (known: SigningKeys, alias: string, now: Date): Promise<SigningKeys> => {
  const publicKey = await publicKeyOf(alias);
  const elder = known.keys.at(-1);
  if (elder === undefined) return withKey(known, alias, publicKey);
  const successor = successorOf(publicKey, seconds(now));
  const signature = await signWith(elder.alias, successorStatement(successor));
  return withKey(known, alias, publicKey, { ...successor, keyId: elder.keyId, signature });
};

/**
 * The stage's keys as the table knows them, after those that the stage has got since were added: a rotation is a key more in
 * the stage's settings. Nothing signs with a key that the table does not know.
 */
export const currentSigning = async (now: Date): Promise<Signing> => {
  const aliases = env("OTA_SIGNING_KEYS").split(",");
  for (;;) {
    const known = (await getItem<SigningKeys>(otaKeys.signingKeys(), "ota")) ?? NO_KEYS;
    const next = aliases[known.keys.length];
    const key = known.keys.at(-1);
    if (next === undefined && key !== undefined) return { key, links: known.links };
    if (next === undefined) throw new Error("the stage has no signing key");
    try {
      await transact([recordKeys(known, await add(known, next, now))]);
    } catch (error) {
      if (!(error instanceof AppError && error.code === "conflict")) throw error; // another function was first
    }
  }
};

/** Signs a statement of `shared/ota/statements.ts`. */
export const signed = async ({ key }: Signing, statement: string): Promise<Signature> => ({
  keyId: key.keyId,
  signature: await signWith(key.alias, statement),
});
