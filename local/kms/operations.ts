import { createHmac, sign } from "node:crypto";
import * as z from "zod";
import { type Operation, ServiceError } from "../aws-json-rpc.ts";
import type { LocalKey, LocalMacKey } from "./keys.ts";

const KeyId = z.string().min(1).max(2048);
const KeyInput = z.object({ KeyId });
const SignInput = z.object({
  KeyId,
  Message: z.base64().min(1),
  MessageType: z.enum(["RAW", "DIGEST"]).default("RAW"),
  SigningAlgorithm: z.string(),
});

const MacInput = z.object({ KeyId, Message: z.base64().min(1), MacAlgorithm: z.string() });

const MAC_ALGORITHM = "HMAC_SHA_256";
const ALGORITHM = "ECDSA_SHA_256";
const SPEC = "ECC_NIST_P256";
const MAX_RAW_BYTES = 4_096;

export interface KmsPlace {
  readonly region: string;
  readonly accountId: string;
}

export const arnOfKey = ({ region, accountId }: KmsPlace, { id }: { readonly id: string }): string =>
  `arn:aws:kms:${region}:${accountId}:key/${id}`;

/** A key by what KMS takes for one: its id or ARN, an alias or an alias's ARN. */
export const findKey = <Key extends { readonly id: string }>(
  keys: ReadonlyMap<string, Key>,
  place: KmsPlace,
  keyId: string,
): Key | undefined => {
  const arn = `arn:aws:kms:${place.region}:${place.accountId}:`;
  const name = keyId.startsWith(arn) ? keyId.slice(arn.length).replace(/^key\//, "") : keyId;
  return keys.get(name) ?? [...keys.values()].find(({ id }) => id === name);
};

/** What the stand-in does of AWS KMS: https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html */
export const operationsOf = (
  keys: ReadonlyMap<string, LocalKey>,
  macKeys: ReadonlyMap<string, LocalMacKey>,
  place: KmsPlace,
): ReadonlyMap<string, Operation> => {
  const needed = <Key extends { readonly id: string }>(among: ReadonlyMap<string, Key>, keyId: string): Key => {
    const found = findKey(among, place, keyId);
    if (found !== undefined) return found;
    const isOther = (findKey(keys, place, keyId) ?? findKey(macKeys, place, keyId)) !== undefined;
    if (isOther) throw new ServiceError("InvalidKeyUsageException", `Key '${keyId}' is not for this`);
    throw new ServiceError("NotFoundException", `Key '${keyId}' does not exist`);
  };
  const need = (keyId: string): LocalKey => needed(keys, keyId);
  const operations: Record<string, Operation> = {
    Sign: (input) => {
      const { KeyId, Message, MessageType, SigningAlgorithm } = SignInput.parse(input);
      const key = need(KeyId);
      if (SigningAlgorithm !== ALGORITHM)
        throw new ServiceError("InvalidKeyUsageException", `a key of ${SPEC} does not sign by ${SigningAlgorithm}`);
      if (MessageType !== "RAW") throw new ServiceError("NotImplementedException", "digests are not signed here", 501);
      const message = Buffer.from(Message, "base64");
      if (message.length > MAX_RAW_BYTES)
        throw new ServiceError("ValidationException", `a RAW message has at most ${MAX_RAW_BYTES} bytes`);
      const Signature = sign("sha256", message, key.privateKey).toString("base64");
      return { KeyId: arnOfKey(place, key), Signature, SigningAlgorithm };
    },
    GenerateMac: (input) => {
      const { KeyId, Message, MacAlgorithm } = MacInput.parse(input);
      const key = needed(macKeys, KeyId);
      if (MacAlgorithm !== MAC_ALGORITHM)
        throw new ServiceError("InvalidKeyUsageException", `a key of HMAC_256 does not take ${MacAlgorithm}`);
      const message = Buffer.from(Message, "base64");
      if (message.length > MAX_RAW_BYTES)
        throw new ServiceError("ValidationException", `a message has at most ${MAX_RAW_BYTES} bytes`);
      const Mac = createHmac("sha256", key.secret).update(message).digest("base64");
      return { KeyId: arnOfKey(place, key), Mac, MacAlgorithm };
    },
    GetPublicKey: (input) => {
      const key = need(KeyInput.parse(input).KeyId);
      return {
        KeyId: arnOfKey(place, key),
        PublicKey: key.publicKey.toString("base64"),
        KeySpec: SPEC,
        KeyUsage: "SIGN_VERIFY",
        SigningAlgorithms: [ALGORITHM],
      };
    },
    DescribeKey: (input) => {
      const key = need(KeyInput.parse(input).KeyId);
      return {
        KeyMetadata: {
          AWSAccountId: place.accountId,
          Arn: arnOfKey(place, key),
          KeyId: key.id,
          CreationDate: key.created,
          Enabled: true,
          KeyManager: "CUSTOMER",
          KeySpec: SPEC,
          KeyState: "Enabled",
          KeyUsage: "SIGN_VERIFY",
          MultiRegion: false,
          Origin: "AWS_KMS",
          SigningAlgorithms: [ALGORITHM],
        },
      };
    },
  };
  return new Map(Object.entries(operations));
};
