import type { CommonOptions } from "./commands.ts";
import {
  type Context,
  checkedUrl,
  contextOf,
  isAt,
  type Login,
  readConfig,
  withContext,
  writeConfig,
} from "./config.ts";
import { CliError } from "./failures.ts";
import { secret } from "./input.ts";
import { interrupted } from "./interrupted.ts";
import { note, print, printDone, styled } from "./output.ts";
import { tokenSource } from "./session.ts";

export interface LoginOptions extends CommonOptions {
  readonly name?: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly tokenUrl?: string;
  readonly token?: string;
  readonly scope?: string;
}

const DEFAULT_CLIENT = "slipway-cli";

const byDevice = async (options: LoginOptions): Promise<Login> => {
  const issuer = options.issuer ?? process.env.SLIPWAY_ISSUER;
  if (issuer === undefined) {
    const next = "Give --issuer URL for the device flow, --client-id and --client-secret for a machine, or --token.";
    throw new CliError("usage", "how to log in was not said", next);
  }
  const clientId = options.clientId ?? process.env.SLIPWAY_CLIENT_ID ?? DEFAULT_CLIENT;
  const { deviceLogin } = await import("./oauth.ts");
  const tokens = await deviceLogin(
    { issuer: checkedUrl(issuer), clientId, scope: options.scope ?? "openid offline_access" },
    ({ url, userCode, urlWithCode }) => {
      note(`Open ${styled("bold", urlWithCode ?? url, process.stderr)}`);
      note(`and check that it shows the code ${styled("bold", userCode, process.stderr)}. Waiting for you there…`);
    },
    interrupted.signal,
  );
  return { by: "device", issuer: checkedUrl(issuer), clientId, ...tokens };
};

const loginOf = async (api: string, options: LoginOptions): Promise<Login> => {
  if (options.token !== undefined) return { by: "token", token: await secret(options.token, "--token") };
  if (options.clientSecret === undefined) return byDevice(options);
  const clientId = options.clientId ?? process.env.SLIPWAY_CLIENT_ID;
  if (clientId === undefined) throw new CliError("usage", "--client-secret goes with --client-id");
  return {
    by: "client-credentials",
    tokenUrl: checkedUrl(options.tokenUrl ?? `${api}/v1/token`),
    clientId,
    clientSecret: await secret(options.clientSecret, "--client-secret"),
  };
};

/** Logs in, and keeps how in the configuration as a context, which is the current one from then on. */
export const login = async (options: LoginOptions): Promise<void> => {
  const config = readConfig();
  const name = options.name ?? options.context ?? process.env.SLIPWAY_CONTEXT ?? config.current ?? "default";
  const known = contextOf(config, name);
  const api = options.api ?? process.env.SLIPWAY_API ?? known?.api;
  if (api === undefined) throw new CliError("usage", "no server was given", "Give it: slipway login --api URL");
  const url = checkedUrl(api);
  const workspace = options.workspace ?? (isAt(known, url) ? known?.workspace : undefined);
  const context: Context = { api: url, login: await loginOf(url, options), ...(workspace && { workspace }) };
  // Before anything is kept, the API must take the token.
  const { createClient, ProblemError } = await import("../client/index.ts");
  const token = tokenSource({ ...context, name: undefined, config });
  try {
    await createClient({ url, token }).listWorkspaces({ limit: 1, signal: interrupted.signal });
  } catch (error) {
    // A machine's scopes may leave that out.
    if (!(error instanceof ProblemError && error.code === "forbidden")) throw error;
  }
  writeConfig({ ...withContext(readConfig(), name, context), current: name });
  if (options.json) await print(`${JSON.stringify({ context: name, api: url, ...(workspace && { workspace }) })}\n`);
  else note(`Logged in to ${url} as context ${name}.${workspace === undefined ? " Next: slipway workspace list" : ""}`);
};

/** Forgets the login of a context. */
export const logout = async (options: CommonOptions): Promise<void> => {
  const config = readConfig();
  const name = options.context ?? process.env.SLIPWAY_CONTEXT ?? config.current;
  const context = contextOf(config, name);
  if (name === undefined || context === undefined)
    throw new CliError("usage", "there is no such context to log out of");
  const { login: _forgotten, ...rest } = context;
  writeConfig(withContext(config, name, rest));
  if (options.json) return printDone("logout", "context", { context: name, api: context.api }, options);
  note(`Logged out of ${context.api}. A token that was issued works until it ends.`);
};
