import { randomBytes } from "node:crypto";
import { getItem, listItems, transact } from "../../shared/aws/table.ts";
import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { SCOPES } from "../../shared/declared/scopes.ts";
import { env } from "../../shared/env.ts";
import { isId } from "../../shared/ids.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { makeSecret, SECRET_BYTES } from "../../shared/secrets.ts";
import { inScope, type Membership, subjectOfCredential } from "../../shared/workspace/access.ts";
import {
  ACCESS_TOKEN_PREFIX,
  type CreateToken,
  hasEnded,
  isSecretOf,
  issueAccessToken,
  noteUse,
  type StoredCredential,
} from "../../shared/workspace/credential.ts";
import { endpoint } from "../http/endpoint.ts";
import { NOT_STORED } from "../http/form.ts";
import { withinRate } from "../http/rate.ts";

const unknownClient = () => new AppError("unauthorized", "the client is not known, or its secret is wrong");

interface Client {
  readonly id: string;
  readonly secret: string;
}

/** By Basic authentication, each part form-encoded (RFC 6749 §2.3.1). */
const basicClient = (authorization: string): Client => {
  const encoded = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1];
  const [, id, secret] = /^([^:]*):(.*)$/.exec(Buffer.from(encoded ?? "", "base64").toString()) ?? [];
  if (id === undefined || secret === undefined) throw unknownClient();
  const [plainId = "", plainSecret = ""] = [id, secret].map(
    (part) => new URLSearchParams(`part=${part}`).get("part") ?? "",
  );
  return { id: plainId, secret: plainSecret };
};

/** Who asks, by one of the two ways; both at once are refused (RFC 6749 §2.3). A bearer token is no way to do so. */
const clientOf = (authorization = "", form: CreateToken): Client => {
  if (!/^Basic\b/i.test(authorization)) return { id: form.client_id ?? "", secret: form.client_secret ?? "" };
  if (form.client_secret !== undefined) throw new AppError("invalid-request", "the client authenticates in two ways");
  const client = basicClient(authorization);
  if (form.client_id !== undefined && form.client_id !== client.id) throw unknownClient();
  return client;
};

/** The credential that a client is, if its secret is right and it has not ended. @throws AppError `unauthorized` */
const credentialOf = async ({ id, secret }: Client, now: Date): Promise<StoredCredential> => {
  const { items } = await listItems<Membership>({ partition: partitions.memberships(subjectOfCredential(id)) });
  const [membership] = items;
  if (membership === undefined) throw unknownClient();
  const credential = await getItem<StoredCredential>(keys.credential(membership.workspaceId, id));
  if (credential === undefined || !isSecretOf(credential, secret)) throw unknownClient();
  if (hasEnded(credential, now)) throw new AppError("unauthorized", "the credential has ended");
  return credential;
};

/** What the token is for: of the credential's scopes those that are asked for, or all. @throws AppError `invalid-scope` */
const scopesOf = ({ scopes }: StoredCredential, asked: string | undefined): readonly string[] | undefined => {
  if (asked === undefined) return scopes;
  const wanted = [...new Set(asked.split(" "))];
  const beyond = wanted.find((scope) => !SCOPES.includes(scope) || !inScope(scope, scopes));
  if (beyond !== undefined) throw new AppError("invalid-scope", `the credential does not have the scope ${beyond}`);
  return wanted;
};

/**
 * OAuth 2.0 client credentials (RFC 6749 §4.4). Tries are counted by client and source address together, so that nobody
 * else's tries keep a machine from its token.
 */
export const handler = endpoint(
  workspaceRoutes,
  "createToken",
  async ({ body, authorization, source, moment: { now }, commit }) => {
    if (body.grant_type !== "client_credentials") {
      throw new AppError("unsupported-grant-type", "grant_type must be client_credentials");
    }
    const client = clientOf(authorization, body);
    if (!isId(client.id, "credential")) throw unknownClient();
    await withinRate("token", `${client.id} ${source}`, Number(env("TOKENS_PER_MINUTE")), now);
    const credential = await credentialOf(client, now);
    const scopes = scopesOf(credential, body.scope);
    const token = makeSecret(ACCESS_TOKEN_PREFIX, randomBytes(SECRET_BYTES));
    const { writes, seconds } = issueAccessToken(credential, token, scopes, now);
    await noteLastUse(credential, now);
    return commit(writes, {
      body: {
        access_token: token,
        token_type: "Bearer",
        expires_in: seconds,
        ...(scopes !== undefined && { scope: scopes.join(" ") }),
      },
      headers: NOT_STORED,
    });
  },
);

/** Notes the use; of several at the same time one is enough. */
const noteLastUse = async (credential: StoredCredential, now: Date): Promise<void> => {
  const write = noteUse(credential, now);
  if (write === undefined) return;
  try {
    await transact([write]);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "conflict")) throw error;
  }
};
