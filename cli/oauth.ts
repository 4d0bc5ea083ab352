import * as oauth from "openid-client";
import { CliError } from "./failures.ts";

export interface Tokens {
  readonly token: string;
  readonly expiresAt?: string;
  readonly refreshToken?: string;
}

const tokensOf = (answer: oauth.TokenEndpointResponse): Tokens => ({
  token: answer.access_token,
  ...(answer.expires_in !== undefined && { expiresAt: new Date(Date.now() + answer.expires_in * 1_000).toISOString() }),
  ...(answer.refresh_token !== undefined && { refreshToken: answer.refresh_token }),
});

/** What an authorization server refuses, in its own words. @throws CliError */
const told = async <T>(who: string, asking: Promise<T>): Promise<T> => {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError) {
      const why = error.error_description ?? error.error;
      if (error.status >= 429) {
        throw new CliError("unavailable", `${who} cannot tell now: ${why}`, "Try again in a moment.");
      }
      throw new CliError("login", `${who} refuses: ${why}`, "Log in again: slipway login.");
    }
    if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.WWWAuthenticateChallengeError) {
      throw new CliError("login", `${who} refuses: ${error.message}`, "Check the client's id and secret.");
    }
    if (error instanceof oauth.ClientError || error instanceof TypeError) {
      const cause = error.cause instanceof Error ? error.cause : error;
      throw new CliError("unavailable", `${who} does not answer as it should: ${cause.message}`, "Check its address.");
    }
    throw error;
  }
};

/** http is for this machine alone: `checkedUrl` has seen to it. */
const onLoopback = (url: string) => (url.startsWith("http:") ? [oauth.allowInsecureRequests] : []);

const discovered = (issuer: string, clientId: string): Promise<oauth.Configuration> =>
  told(issuer, oauth.discovery(new URL(issuer), clientId, undefined, oauth.None(), { execute: onLoopback(issuer) }));

export interface DevicePrompt {
  readonly userCode: string;
  readonly url: string;
  /** With the code in it, to be opened as it is. */
  readonly urlWithCode: string | undefined;
}

/**
 * The device flow (RFC 8628): shows where to go with which code, and waits until the person has agreed.
 * @throws CliError when they refuse, or the code ends
 */
export const deviceLogin = async (
  { issuer, clientId, scope }: { readonly issuer: string; readonly clientId: string; readonly scope: string },
  show: (prompt: DevicePrompt) => void,
  signal: AbortSignal,
): Promise<Tokens> => {
  const config = await discovered(issuer, clientId);
  if (config.serverMetadata().device_authorization_endpoint === undefined) {
    throw new CliError(
      "login",
      `${issuer} has no device flow`,
      "Log in with --client-id and --client-secret, or --token.",
    );
  }
  const started = await told(issuer, oauth.initiateDeviceAuthorization(config, { scope }));
  show({
    userCode: started.user_code,
    url: started.verification_uri,
    urlWithCode: started.verification_uri_complete,
  });
  // An issuer may say for ever that nobody has agreed yet: how long the code lives is for the client to heed (RFC 8628 §3.2).
  const ended = AbortSignal.timeout(started.expires_in * 1_000);
  const polling = oauth.pollDeviceAuthorizationGrant(config, started, undefined, {
    signal: AbortSignal.any([signal, ended]),
  });
  try {
    return tokensOf(await told(issuer, polling));
  } catch (error) {
    if (signal.aborted || !ended.aborted) throw error;
    throw new CliError("login", "nobody entered the code in time", "Log in again: slipway login.");
  }
};

export const refreshed = async (
  { issuer, clientId }: { readonly issuer: string; readonly clientId: string },
  refreshToken: string,
): Promise<Tokens> => {
  const config = await discovered(issuer, clientId);
  return tokensOf(await told(issuer, oauth.refreshTokenGrant(config, refreshToken)));
};

/** Client credentials (RFC 6749 §4.4), which name their token endpoint: there is nothing to discover. */
export const clientCredentials = async (login: {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
}): Promise<Tokens> => {
  const { origin } = new URL(login.tokenUrl);
  const config = new oauth.Configuration(
    { issuer: origin, token_endpoint: login.tokenUrl },
    login.clientId,
    login.clientSecret,
    oauth.ClientSecretBasic(login.clientSecret),
  );
  for (const allow of onLoopback(login.tokenUrl)) allow(config);
  return tokensOf(await told(origin, oauth.clientCredentialsGrant(config)));
};
