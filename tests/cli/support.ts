import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../cli/slipway.js", import.meta.url));

/** For `execArgv`: has the command find terminals, which there are none of in a test, behind its input and output. */
export const IN_A_TERMINAL = [
  "--import",
  `data:text/javascript,${encodeURIComponent(`import { WriteStream } from "node:tty";
const { getColorDepth, hasColors } = WriteStream.prototype;
for (const stream of [process.stdout, process.stderr]) {
  Object.assign(stream, { isTTY: true, columns: 100, getColorDepth, hasColors });
}
process.stdin.isTTY = true;`)}`,
];

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandLine {
  /** Where its configuration is; a folder of this test's own. */
  readonly folder: string;
  readonly configFile: string;
  /** Runs a command to its end. */
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<Ran>;
  /** The one object that a command with --json prints. @throws Error with what it said, unless it exits with 0 */
  readonly json: <T = Record<string, unknown>>(args: readonly string[], options?: RunOptions) => Promise<T>;
  /** The same of a list: an object on each line. */
  readonly list: <T = Record<string, unknown>>(args: readonly string[], options?: RunOptions) => Promise<T[]>;
  readonly start: (args: readonly string[], options?: RunOptions) => ChildProcess;
  readonly remove: () => void;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly cwd?: string;
  readonly execArgv?: readonly string[];
  /** A file's descriptor, in the place of a pipe. */
  readonly stdout?: number;
}

/** The command line as a child process, with a home of its own. */
export const commandLine = (env: Readonly<Record<string, string>> = {}): CommandLine => {
  const folder = mkdtempSync(join(tmpdir(), "slipway-cli-"));
  const start = (args: readonly string[], options: RunOptions = {}): ChildProcess => {
    const child = spawn(process.execPath, [...(options.execArgv ?? []), CLI, ...args], {
      cwd: options.cwd ?? folder,
      env: { PATH: process.env.PATH, HOME: folder, XDG_CONFIG_HOME: join(folder, "config"), ...env, ...options.env },
      stdio: ["pipe", options.stdout ?? "pipe", "pipe"],
    });
    child.stdin?.end(options.stdin ?? "");
    return child;
  };
  const run = (args: readonly string[], options?: RunOptions): Promise<Ran> =>
    new Promise((resolve, reject) => {
      const child = start(args, options);
      let stdout = "";
      let stderr = "";
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, stdout, stderr }));
    });
  const good = async (args: readonly string[], options?: RunOptions): Promise<string> => {
    const { code, stdout, stderr } = await run([...args, "--json"], options);
    if (code !== 0) throw new Error(`slipway ${args.join(" ")} exits with ${code}: ${stderr}`);
    return stdout;
  };
  return {
    folder,
    configFile: join(folder, "config/slipway/config.json"),
    start,
    run,
    json: async (args, options) => JSON.parse(await good(args, options)),
    list: async (args, options) =>
      (await good(args, options))
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
};

/** The error that a command with --json tells of. */
export const errorOf = ({ stderr }: Ran): Record<string, unknown> =>
  (JSON.parse(stderr) as { error: Record<string, unknown> }).error;

/** Logs in to a running cloud, and makes and uses the workspace "acme". */
export const logInTo = async (cli: CommandLine, api: string, token: string): Promise<void> => {
  const { code, stderr } = await cli.run(["login", "--api", api, "--token", "-"], { stdin: token });
  if (code !== 0) throw new Error(stderr);
  await cli.json(["workspace", "create", "acme"]);
  await cli.run(["workspace", "use", "acme"]);
};
