import { GenerateMacCommand, GetPublicKeyCommand, KMSClient, SignCommand } from "@aws-sdk/client-kms";
import { AppError } from "../problems.ts";
import { clientSettings, once } from "./settings.ts";

const client = once(() => new KMSClient(clientSettings));

const base64 = (bytes: Uint8Array | undefined, what: string): string => {
  if (bytes === undefined) throw new AppError("unavailable", `KMS answered no ${what}`);
  return Buffer.from(bytes).toString("base64");
};

/**
 * ECDSA P-256 over the SHA-256 of the text, of at most 4,096 bytes.
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
 * @param key an alias: what the caller's policy allows is told by it
 * @returns DER, base64
 */
export const signWith = async (key: string, message: string): Promise<string> => {
  const { Signature } = await client().send(
    new SignCommand({
      KeyId: key,
      Message: Buffer.from(message),
      MessageType: "RAW",
      SigningAlgorithm: "ECDSA_SHA_256",
    }),
  );
  return base64(Signature, "signature");
};

/** https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html @returns SPKI in DER, base64 */
export const publicKeyOf = async (key: string): Promise<string> => {
  const { PublicKey } = await client().send(new GetPublicKeyCommand({ KeyId: key }));
  return base64(PublicKey, "public key");
};

/**
 * HMAC-SHA256 of a text with a key that never leaves KMS.
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_GenerateMac.html
 * @param key an alias
 * @returns 32 bytes, base64
 */
export const macWith = async (key: string, message: string): Promise<string> => {
  const { Mac } = await client().send(
    new GenerateMacCommand({ KeyId: key, Message: Buffer.from(message), MacAlgorithm: "HMAC_SHA_256" }),
  );
  return base64(Mac, "MAC");
};
