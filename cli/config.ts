import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { CliError } from "./failures.ts";

/** How a context gets its tokens. */
export type Login =
  | { readonly by: "token"; readonly token: string }
  | {
      readonly by: "client-credentials";
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly token?: string;
      readonly expiresAt?: string;
    }
  | {
      readonly by: "device";
      readonly issuer: string;
      readonly clientId: string;
      readonly token: string;
      readonly expiresAt?: string;
      readonly refreshToken?: string;
    };

/** One server, and who one is there. */
export interface Context {
  readonly api: string;
  readonly workspace?: string;
  readonly login?: Login;
}

export interface Config {
  readonly current?: string;
  readonly contexts: Readonly<Record<string, Context>>;
}

/** Where the configuration is: https://specifications.freedesktop.org/basedir-spec/latest/ */
export const configFile = (): string => {
  const base = process.env.XDG_CONFIG_HOME;
  // A relative path there is to be ignored, says the specification.
  return join(base?.startsWith("/") ? base : join(homedir(), ".config"), "slipway", "config.json");
};

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What each way to log in must have, all of it text. */
const LOGIN_MEMBERS: Readonly<Record<Login["by"], readonly string[]>> = {
  token: ["token"],
  "client-credentials": ["tokenUrl", "clientId", "clientSecret"],
  device: ["issuer", "clientId", "token"],
};

const isLogin = (value: unknown): boolean => {
  if (!isObject(value) || typeof value.by !== "string" || !Object.hasOwn(LOGIN_MEMBERS, value.by)) return false;
  return LOGIN_MEMBERS[value.by as Login["by"]].every((member) => typeof value[member] === "string");
};

const isContext = (value: unknown): boolean =>
  isObject(value) &&
  typeof value.api === "string" &&
  ["string", "undefined"].includes(typeof value.workspace) &&
  (value.login === undefined || isLogin(value.login));

/** Where what was read is no configuration; undefined if it is one. It says nothing of what it holds. */
const wrongPart = (config: unknown): string | undefined => {
  if (!isObject(config)) return "the whole";
  const { contexts = {}, current } = config;
  if (!["string", "undefined"].includes(typeof current)) return "current";
  if (!isObject(contexts)) return "contexts";
  const wrong = Object.keys(contexts).find((name) => !isContext(contexts[name]));
  return wrong === undefined ? undefined : `contexts.${wrong}`;
};

/** @throws CliError when it cannot be read, or others than its owner could read what it holds */
export const readConfig = (file = configFile()): Config => {
  if (!existsSync(file)) return { contexts: {} };
  if (process.platform !== "win32" && (statSync(file).mode & 0o077) !== 0) {
    throw new CliError("usage", `${file} holds secrets, and others may read it`, `Take that away: chmod 600 ${file}`);
  }
  const next = "Correct it, or remove it and log in again: slipway login";
  const config = parsed(readFileSync(file, "utf8"));
  if (config === undefined) throw new CliError("usage", `${file} is not JSON`, next);
  const wrong = wrongPart(config);
  if (wrong !== undefined) throw new CliError("usage", `${file} is no configuration: ${wrong} is not right`, next);
  const { contexts = {}, ...rest } = config as Partial<Config>;
  return { ...rest, contexts };
};

/** Undefined where it is no JSON: the parser's own error would quote a secret. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller throws what tells of it
  }
};

/** Replaced as a whole, and never readable by others, not for a moment. */
export const writeConfig = (config: Config, file = configFile()): void => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.${process.pid}.new`;
  writeFileSync(next, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  chmodSync(next, 0o600);
  renameSync(next, file);
};

/** The context of a name, which may be any text, also that of what every object has. */
export const contextOf = ({ contexts }: Config, name: string | undefined): Context | undefined =>
  name !== undefined && Object.hasOwn(contexts, name) ? contexts[name] : undefined;

export const withContext = (config: Config, name: string, context: Context): Config => ({
  ...config,
  contexts: { ...config.contexts, [name]: context },
});

export interface Where {
  readonly context?: string | undefined;
  readonly api?: string | undefined;
  readonly workspace?: string | undefined;
}

/** A context with the options and the environment laid over it: an option counts more than a variable, and both more than the file. */
export interface Chosen extends Context {
  /** Its name in the file; undefined where all comes from options and the environment. */
  readonly name: string | undefined;
  readonly config: Config;
}

/** @throws CliError when there is no such context, or none at all */
export const chosenContext = (where: Where, env: NodeJS.ProcessEnv = process.env): Chosen => {
  const config = readConfig();
  const name = where.context ?? env.SLIPWAY_CONTEXT ?? config.current;
  const known = contextOf(config, name);
  if (name !== undefined && known === undefined) {
    const names = Object.keys(config.contexts).join(", ") || "none";
    throw new CliError("usage", `there is no context ${name}; there are: ${names}`, "See slipway context list.");
  }
  const api = where.api ?? env.SLIPWAY_API ?? known?.api;
  if (api === undefined) {
    throw new CliError("login", "no server is known", "Log in: slipway login --api URL, or set SLIPWAY_API.");
  }
  const url = checkedUrl(api);
  const isKnown = isAt(known, url);
  const workspace = where.workspace ?? env.SLIPWAY_WORKSPACE ?? known?.workspace;
  // What was got from one server is not shown to another.
  const login =
    env.SLIPWAY_TOKEN !== undefined && env.SLIPWAY_TOKEN !== ""
      ? ({ by: "token", token: env.SLIPWAY_TOKEN } as const)
      : isKnown
        ? known?.login
        : undefined;
  return {
    api: url,
    name: isKnown ? name : undefined,
    config,
    ...(workspace !== undefined && workspace !== "" && { workspace }),
    ...(login !== undefined && { login }),
  };
};

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** One way to write an address: hosts are in lower case, and a trailing slash or `/v1` is no matter. */
const normalized = ({ href }: URL): string => href.replace(/\/+$/, "").replace(/\/v1$/, "");

/** Whether a context is of this server. @param url as `checkedUrl` gives it */
export const isAt = (context: Context | undefined, url: string): boolean =>
  context !== undefined && URL.canParse(context.api) && normalized(new URL(context.api)) === url;

/** An address that a token may be sent to. @throws CliError */
export const checkedUrl = (text: string): string => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw new CliError("usage", `${text} is not a URL`, "Give one such as https://api.example.com.");
  }
  if (url.protocol === "http:" && !LOOPBACK.includes(url.hostname)) {
    throw new CliError(
      "usage",
      `${text} would carry the token in the clear`,
      "Use https; http is for this machine alone.",
    );
  }
  return normalized(url);
};
