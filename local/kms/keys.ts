import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
} from "node:crypto";
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

/** A key of KMS's kind HMAC_256. */
export interface LocalMacKey {
  readonly id: string;
  readonly secret: Buffer;
  /** Seconds since 1970. */
  readonly created: number;
}

interface KeyFile {
  readonly id: string;
  readonly created: number;
}

/** What a key's file holds, which is made when it is not there; its owner's alone to read, as AWS lets nobody at all. */
const keyFile = <More extends object>(dir: string, alias: string, make: () => More): KeyFile & More => {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, `${alias.replaceAll("/", "-")}.json`);
  if (!existsSync(file)) {
    const made = { id: randomUUID(), created: Math.floor(Date.now() / 1_000), ...make() };
    writeFileSync(`${file}.new`, JSON.stringify(made), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return JSON.parse(readFileSync(file, "utf8")) as KeyFile & More;
};

/** As {@link openKeys}, for keys of message authentication codes. */
export const openMacKeys = (dir: string, aliases: readonly string[]): ReadonlyMap<string, LocalMacKey> =>
  new Map(
    aliases.map((alias) => {
      const { secret, ...known } = keyFile(dir, alias, () => ({ secret: randomBytes(32).toString("base64") }));
      return [alias, { ...known, secret: Buffer.from(secret, "base64") }];
    }),
  );

/**
 * The keys of a data folder by their aliases. A key is made when its alias is first named.
 */
export const openKeys = (dir: string, aliases: readonly string[]): ReadonlyMap<string, LocalKey> =>
  new Map(
    aliases.map((alias) => {
      const { pem, ...known } = keyFile(dir, alias, () => {
        const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
        return { pem: String(privateKey.export({ type: "pkcs8", format: "pem" })) };
      });
      const publicKey = createPublicKey(pem).export({ type: "spki", format: "der" });
      return [alias, { ...known, privateKey: createPrivateKey(pem), publicKey }];
    }),
  );
