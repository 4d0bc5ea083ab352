import type { CommonOptions } from "./commands.ts";
import {
  checkedUrl,
  chosenContext,
  configFile,
  contextOf,
  isAt,
  readConfig,
  withContext,
  writeConfig,
} from "./config.ts";
import { CliError } from "./failures.ts";
import { details, note, print, printDone, tablePrinter } from "./output.ts";

const unknown = (name: string) => new CliError("usage", `there is no context ${name}`, "See slipway context list.");

export const listContexts = async ({ json }: CommonOptions): Promise<void> => {
  const { contexts, current } = readConfig();
  const rows = Object.entries(contexts).map(([name, { api, workspace, login }]) => ({
    ...{ name, current: name === current, api, workspace },
    login: login?.by ?? "none",
  }));
  if (json) return print(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  if (rows.length === 0) return note("There is none yet. Make one: slipway login --api URL");
  const shown = rows.map((row) => ({ ...row, current: row.current ? "*" : "" }));
  await tablePrinter(["current", "name", "api", "workspace", "login"])(shown);
};

/** What the next command would use, without secrets. */
export const showContext = async (options: CommonOptions): Promise<void> => {
  const { name, api, workspace, login } = chosenContext(options);
  const expiresAt = login !== undefined && "expiresAt" in login ? login.expiresAt : undefined;
  const shown = { context: name, api, workspace, login: login?.by ?? "none", expiresAt, file: configFile() };
  await print(options.json ? `${JSON.stringify(shown)}\n` : details(shown));
};

export const useContext = async (name: string, options: CommonOptions): Promise<void> => {
  const config = readConfig();
  if (contextOf(config, name) === undefined) throw unknown(name);
  writeConfig({ ...config, current: name });
  await printDone("use", "context", { context: name }, options);
};

/** Makes a context, or changes what is given of it. Its login stays with the server that it is for. */
export const setContext = async (name: string, options: CommonOptions): Promise<void> => {
  const config = readConfig();
  const known = contextOf(config, name);
  const api = options.api === undefined ? known?.api : checkedUrl(options.api);
  if (api === undefined) throw new CliError("usage", `a new context needs --api URL`);
  const { login, ...rest } = {
    ...known,
    api,
    ...(options.workspace !== undefined && { workspace: options.workspace }),
  };
  const kept = login !== undefined && isAt(known, api) ? { login } : {};
  writeConfig({ ...withContext(config, name, { ...rest, ...kept }), current: config.current ?? name });
  await printDone("set", "context", { context: name, api, workspace: rest.workspace }, options);
};

export const deleteContext = async (name: string, options: CommonOptions): Promise<void> => {
  const config = readConfig();
  if (contextOf(config, name) === undefined) throw unknown(name);
  const { contexts, current } = config;
  const { [name]: _deleted, ...rest } = contexts;
  writeConfig({ contexts: rest, ...(current !== undefined && current !== name && { current }) });
  await printDone("delete", "context", { context: name }, options);
};

/** The workspace that the context's commands are about from now on; it must exist. */
export const useWorkspace = async (workspace: string, options: CommonOptions): Promise<void> => {
  const { connect } = await import("./connect.ts");
  const { slipway, chosen } = connect(options);
  const { name } = await slipway.getWorkspace({ workspace });
  const context = contextOf(readConfig(), chosen.name);
  if (chosen.name === undefined || context === undefined) {
    throw new CliError("usage", "no context is in use to keep that", `Set it instead: SLIPWAY_WORKSPACE=${name}`);
  }
  writeConfig(withContext(readConfig(), chosen.name, { ...context, workspace: name }));
  await printDone("use", "workspace", { workspace: name, context: chosen.name }, options);
};
