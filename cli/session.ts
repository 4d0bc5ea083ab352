import { type Chosen, contextOf, isAt, type Login, readConfig, withContext, writeConfig } from "./config.ts";
import { CliError } from "./failures.ts";

/** So long before its end a token is not used any more. */
const MARGIN_MS = 30_000;

const isFresh = ({ token, expiresAt }: { token?: string; expiresAt?: string }): boolean =>
  token !== undefined && (expiresAt === undefined || Date.parse(expiresAt) - MARGIN_MS > Date.now());

const LOG_IN = "Log in again: slipway login.";

/**
 * What gives the token for each request: kept while it is good, and renewed in the configuration when it is not. Requests
 * that run beside each other share one renewal: an issuer that gets a refresh token twice ends the whole login
 * (https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2).
 */
export const tokenSource = (chosen: Chosen): (() => Promise<string>) => {
  let login = chosen.login;
  let renewing: Promise<Renewable> | undefined;
  return async () => {
    if (login === undefined) {
      throw new CliError("login", `there is no login for ${chosen.api}`, `Log in: slipway login --api ${chosen.api}`);
    }
    if (login.by === "token") return login.token;
    if (!isFresh(login)) {
      renewing ??= renewed(login, chosen).finally(() => {
        renewing = undefined;
      });
      login = await renewing;
    }
    if (login.token === undefined) throw new CliError("login", "the login gave no token", LOG_IN);
    return login.token;
  };
};

type Renewable = Exclude<Login, { by: "token" }>;

/** The same login as it is in the file by now, where another command may have renewed it; undefined where it is there no more. */
const keptOf = (login: Renewable, { name, api }: Chosen): Renewable | undefined => {
  const context = contextOf(readConfig(), name);
  const kept = context?.login;
  if (kept === undefined || !isAt(context, api)) return undefined;
  const isSame =
    (kept.by === "device" && login.by === "device" && kept.issuer === login.issuer) ||
    (kept.by === "client-credentials" && login.by === kept.by && kept.tokenUrl === login.tokenUrl);
  return isSame && kept.clientId === login.clientId ? kept : undefined;
};

const keep = (login: Renewable, chosen: Chosen): void => {
  const { name } = chosen;
  if (name === undefined || keptOf(login, chosen) === undefined) return;
  const config = readConfig();
  const context = contextOf(config, name);
  if (context !== undefined) writeConfig(withContext(config, name, { ...context, login }));
};

const renewed = async (before: Renewable, chosen: Chosen): Promise<Renewable> => {
  const login = keptOf(before, chosen) ?? before;
  if (isFresh(login)) return login;
  const next = await exchanged(login, chosen);
  keep(next, chosen);
  return next;
};

const exchanged = async (login: Renewable, chosen: Chosen): Promise<Renewable> => {
  const { clientCredentials, refreshed } = await import("./oauth.ts");
  if (login.by === "client-credentials") return { ...login, ...(await clientCredentials(login)) };
  if (login.refreshToken === undefined) throw new CliError("login", "the login has ended", LOG_IN);
  try {
    return { ...login, ...(await refreshed(login, login.refreshToken)) };
  } catch (error) {
    // A refresh token works once: another command may have used it a moment ago, and written down what it got.
    const now = keptOf(login, chosen);
    if (now !== undefined && now.token !== login.token && isFresh(now)) return now;
    throw error;
  }
};
