import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import Provider, { errors, type TokenEndpointGrantContext } from "oidc-provider";
import { createMemoryAdapter } from "oidc-provider/lib/adapters/memory_adapter.js";
import { answerInteraction, devicePages, interactionUrl } from "./issuer-pages.ts";
import { listen, shut } from "./listen.ts";

/** Who tokens are for: the `aud` that the gateway's authoriser wants. */
export const AUDIENCE = "slipway";
export const CLIENT_ID = "slipway-local";
export const CLI_CLIENT_ID = "slipway-cli";
const DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";
/** A grant of this issuer alone: a token for any subject, for who knows the client's secret. */
export const SUBJECT_GRANT = "urn:slipway:grant:subject";

/** Stands for the API in requests, where a URI must (RFC 8707); tokens name the audience. */
const RESOURCE = "urn:slipway:api";
const TOKEN_SECONDS = 3_600;
const MAX_TOKEN_SECONDS = 86_400;

interface Secrets {
  readonly jwks: { readonly keys: JWK[] };
  readonly clientSecret: string;
  readonly cookieKey: string;
}

const secretsFile = (dir: string) => join(dir, "issuer.json");

/** The client's secret, from the data folder, which only its owner can read. */
export const clientSecretOf = (dir: string): string =>
  (JSON.parse(readFileSync(secretsFile(dir), "utf8")) as Secrets).clientSecret;

const loadSecrets = async (dir: string): Promise<Secrets> => {
  const file = secretsFile(dir);
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Secrets;
  // RSA: the authoriser takes nothing else.
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const key = { ...(await exportJWK(privateKey)), kid: randomBytes(8).toString("hex"), use: "sig", alg: "RS256" };
  const secrets: Secrets = {
    jwks: { keys: [key] },
    clientSecret: randomBytes(24).toString("base64url"),
    cookieKey: randomBytes(24).toString("base64url"),
  };
  writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 });
  return secrets;
};

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

const issueForSubject =
  (provider: Provider) =>
  async (ctx: TokenEndpointGrantContext): Promise<void> => {
    const { client, params } = ctx.oidc;
    const subject = text(params?.subject);
    if (client === undefined || subject === undefined) throw new errors.InvalidRequest("subject is missing");
    const seconds = Number(text(params?.seconds) ?? TOKEN_SECONDS);
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TOKEN_SECONDS) {
      throw new errors.InvalidRequest(`seconds must be 1 to ${MAX_TOKEN_SECONDS}`);
    }
    const token = new provider.AccessToken({
      accountId: subject,
      client,
      expiresWithSession: false,
      gty: SUBJECT_GRANT,
      expiresIn: seconds,
      grantId: "none", // no grant is stored: the client's secret is all that this takes
    });
    token.resourceServer = new provider.ResourceServer(AUDIENCE, resourceServer);
    token.setAudience(AUDIENCE);
    ctx.body = { access_token: await token.save(), token_type: "Bearer", expires_in: seconds };
  };

const resourceServer = {
  scope: "",
  audience: AUDIENCE,
  accessTokenFormat: "jwt" as const,
  accessTokenTTL: TOKEN_SECONDS,
  jwt: { sign: { alg: "RS256" as const } },
};

/** The command line's: the device flow, without a secret. */
const cliClient = {
  client_id: CLI_CLIENT_ID,
  token_endpoint_auth_method: "none",
  application_type: "native",
  grant_types: [DEVICE_GRANT, "refresh_token"],
  redirect_uris: [],
  response_types: [],
  id_token_signed_response_alg: "RS256",
} as const;

/** An OpenID Connect issuer, for the gateway's authoriser to trust. Its keys outlive a restart, and logins do not. */
export const startIssuer = async (options: { dir: string; port: number; url: string }) => {
  const { jwks, clientSecret, cookieKey } = await loadSecrets(options.dir);
  const provider = new Provider(options.url, {
    // What it would take by itself, with a warning at each start: here logins may end with the process.
    adapter: createMemoryAdapter(),
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: clientSecret,
        grant_types: [SUBJECT_GRANT],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: "RS256",
      },
      cliClient,
    ],
    jwks,
    cookies: { keys: [cookieKey] },
    scopes: ["openid", "offline_access"],
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_ctx, { uid }) => interactionUrl(uid) },
    // Who has said who they are has agreed: there is nothing to choose.
    loadExistingGrant: async ({ oidc }) => {
      const accountId = oidc.session?.accountId;
      const clientId = oidc.client?.clientId;
      if (accountId === undefined || clientId === undefined) return undefined;
      const grant = new provider.Grant({ accountId, clientId });
      grant.addOIDCScope("openid offline_access");
      await grant.save();
      return grant;
    },
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true, ...devicePages },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => resourceServer,
      },
    },
  });
  provider.registerGrantType(SUBJECT_GRANT, issueForSubject(provider), ["subject", "seconds"]);
  const callback = provider.callback();
  const server = createServer((request, response) => {
    answerInteraction(provider, request, response).then(
      (answered) => (answered ? undefined : callback(request, response)),
      () => response.writeHead(400, { "content-type": "text/plain" }).end("Begin again: this login has ended.\n"),
    );
  });
  const port = await listen("issuer", server, options.port);
  return { port, jwks, close: () => shut(server) };
};

/** A token for a subject from a running issuer. */
export const fetchToken = async (
  issuer: string,
  clientSecret: string,
  subject: string,
  seconds?: number,
): Promise<string> => {
  const answer = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      authorization: `Basic ${Buffer.from(`${CLIENT_ID}:${clientSecret}`).toString("base64")}`,
    },
    body: new URLSearchParams({
      grant_type: SUBJECT_GRANT,
      subject,
      ...(seconds !== undefined && { seconds: String(seconds) }),
    }),
  });
  const body = (await answer.json()) as { access_token?: string; error_description?: string };
  if (body.access_token === undefined) throw new Error(`the issuer gave no token: ${body.error_description}`);
  return body.access_token;
};
