import { createHmac } from "node:crypto";

const PREFIX = "whsec_";

/** A secret as people are shown it, of 32 bytes in base64. */
export const secretText = (base64: string): string => `${PREFIX}${base64}`;

/**
 * The headers by which a receiver knows who sent a body, and when: Standard Webhooks,
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 * @param secrets each as {@link secretText} gives it; while one takes another's place, both
 */
export const signedHeaders = (
  id: string,
  body: string,
  secrets: readonly string[],
  now: Date,
): Readonly<Record<string, string>> => {
  const timestamp = String(Math.floor(now.getTime() / 1_000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), "base64");
    return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
  });
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
};
