import { type Chosen, type Login, readConfig, withContext, writeConfig } from "./config.ts";
import { CliError } from "./failures.ts";

/** So long before its end a token is not used any more. */
const MARGIN_MS = 30_000;

const isFresh = ({ token, expiresAt }: { token?: string; expiresAt?: string }): boolean =>
  token !== undefined && (expiresAt === undefined || Date.parse(expiresAt) - MARGIN_MS > Date.now());

const LOG_IN = "Log in again: slipway login.";

/** What gives the token for each request: kept while it is good, and renewed in the configuration when it is not. */
export const tokenSource = (chosen: Chosen): (() => Promise<string>) => {
  let login = chosen.login;
  return async () => {
    if (login === undefined) {
      throw new CliError("login", `there is no login for ${chosen.api}`, `Log in: slipway login --api ${chosen.api}`);
    }
    if (login.by === "token") return login.token;
    if (!isFresh(login)) {
      login = await renewed(login, chosen);
      keep(chosen, login);
    }
    if (login.token === undefined) throw new CliError("login", "the login gave no token", LOG_IN);
    return login.token;
  };
};

const keep = ({ name }: Chosen, login: Login): void => {
  if (name === undefined) return;
  // Read again: another command may have changed the file meanwhile.
  const config = readConfig();
  const context = config.contexts[name];
  if (context !== undefined) writeConfig(withContext(config, name, { ...context, login }));
};

type Renewable = Exclude<Login, { by: "token" }>;

const renewed = async (login: Renewable, { name }: Chosen): Promise<Renewable> => {
  const { clientCredentials, refreshed } = await import("./oauth.ts");
  if (login.by === "client-credentials") return { ...login, ...(await clientCredentials(login)) };
  if (login.refreshToken === undefined) throw new CliError("login", "the login has ended", LOG_IN);
  try {
    return { ...login, ...(await refreshed(login, login.refreshToken)) };
  } catch (error) {
    // A refresh token works once: another command may have used it a moment ago, and written down what it got.
    const now = name === undefined ? undefined : readConfig().contexts[name]?.login;
    if (now?.by === "device" && now.token !== login.token && isFresh(now)) return now;
    throw error;
  }
};
