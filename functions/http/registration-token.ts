import { randomBytes } from "node:crypto";
import type { RegistrationToken } from "../../shared/registration/registration.ts";
import { makeToken, TOKEN_BYTES } from "../../shared/registration/token.ts";

/** A new token, never made before. */
export const newToken = (): string => makeToken(randomBytes(TOKEN_BYTES));

/** The token as it is shown, once. @param api the API's base URL */
export const shown = (token: string, lifeSeconds: number, now: Date, api: string): RegistrationToken => ({
  token,
  expiresAt: new Date(now.getTime() + lifeSeconds * 1_000).toISOString(),
  command: `curl -fsSL ${api}/v1/install.sh | sh -s -- --api ${api} --token ${token}`,
});
