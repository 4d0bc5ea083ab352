import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A key of KMS's kind ECC_NIST_P256, for signatures. */
export interface LocalKey {
  readonly id: string;
  readonly privateKey: KeyObject;
  /** SPKI in DER. */
  readonly publicKey: Buffer;
  /** Seconds since 1970. */
  readonly created: number;
}

/**
 * The keys of a data folder by their aliases. A key is made when its alias is first named; it is its owner's alone to
 * read, as AWS lets nobody at all.
 */
export const openKeys = (dir: string, aliases: readonly string[]): ReadonlyMap<string, LocalKey> => {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return new Map(
    aliases.map((alias) => {
      const file = join(dir, `${alias.replaceAll("/", "-")}.json`);
      if (!existsSync(file)) {
        const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
        const pem = privateKey.export({ type: "pkcs8", format: "pem" });
        const made = { id: randomUUID(), created: Math.floor(Date.now() / 1_000), pem };
        writeFileSync(`${file}.new`, JSON.stringify(made), { mode: 0o600 });
        renameSync(`${file}.new`, file);
      }
      const { id, created, pem } = JSON.parse(readFileSync(file, "utf8")) as {
        id: string;
        created: number;
        pem: string;
      };
      const publicKey = createPublicKey(pem).export({ type: "spki", format: "der" });
      return [alias, { id, created, privateKey: createPrivateKey(pem), publicKey }];
    }),
  );
};
