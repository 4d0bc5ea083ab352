import { sign } from "node:crypto";
import * as z from "zod";
import { type Operation, ServiceError } from "../aws-json-rpc.ts";
import type { LocalKey } from "./keys.ts";

const KeyId = z.string().min(1).max(2048);
const KeyInput = z.object({ KeyId });
const SignInput = z.object({
  KeyId,
  Message: z.base64().min(1),
  MessageType: z.enum(["RAW", "DIGEST"]).default("RAW"),
  SigningAlgorithm: z.string(),
});

const ALGORITHM = "ECDSA_SHA_256";
const SPEC = "ECC_NIST_P256";
const MAX_RAW_BYTES = 4_096;

export interface KmsPlace {
  readonly region: string;
  readonly accountId: string;
}

export const arnOfKey = ({ region, accountId }: KmsPlace, { id }: LocalKey): string =>
  `arn:aws:kms:${region}:${accountId}:key/${id}`;

/** A key by what KMS takes for one: its id or ARN, an alias or an alias's ARN. */
export const findKey = (keys: ReadonlyMap<string, LocalKey>, place: KmsPlace, keyId: string): LocalKey | undefined => {
  const arn = `arn:aws:kms:${place.region}:${place.accountId}:`;
  const name = keyId.startsWith(arn) ? keyId.slice(arn.length).replace(/^key\//, "") : keyId;
  return keys.get(name) ?? [...keys.values()].find(({ id }) => id === name);
};

/** What the stand-in does of AWS KMS: https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html */
export const operationsOf = (keys: ReadonlyMap<string, LocalKey>, place: KmsPlace): ReadonlyMap<string, Operation> => {
  const need = (keyId: string): LocalKey => {
    const found = findKey(keys, place, keyId);
    if (found === undefined) throw new ServiceError("NotFoundException", `Key '${keyId}' does not exist`);
    return found;
  };
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
