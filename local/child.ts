import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Endpoints, readEndpoints } from "./endpoints.ts";
import { clientSecretOf, fetchToken } from "./issuer.ts";
import { freePortBase } from "./ports.ts";

export interface RunningCloud {
  readonly child: ChildProcess;
  readonly endpoints: Endpoints;
  readonly dir: string;
  readonly portBase: number;
  /** From spawn to the line `slipway ready`. */
  readonly readyMs: number;
  readonly token: (subject?: string, seconds?: number) => Promise<string>;
  /** The last of what it printed, for a person to look at when something went wrong. */
  readonly printed: () => string;
  /** Asks it to stop as Ctrl-C does and answers its exit code. */
  readonly stop: () => Promise<number | null>;
}

export interface RunOptions {
  readonly portBase?: number;
  readonly args?: readonly string[];
  /** Whether each function may do just what its role allows, and the API's answers are held against its document; true by default. */
  readonly strict?: boolean;
}

const READY_WITHIN_MS = 60_000;

/**
 * As in npm start: what lives takes about 80 MB, and without bounds garbage grows with the machine's memory. Tests, that start
 * cloud after cloud, give it room instead, as collecting took a fifth of their time.
 */
const memoryOf = (room: string | undefined): string[] =>
  room === "roomy"
    ? ["--max-semi-space-size=32", "--max-old-space-size=1024"]
    : ["--max-semi-space-size=4", "--max-old-space-size=224"];

/**
 * `npm start` as a child process on free ports: for the demo, the benchmarks and the tests.
 * @throws Error with what it printed when it does not become ready
 */
export const runCloud = async (dir: string, options: RunOptions = {}): Promise<RunningCloud> => {
  if (options.portBase !== undefined) return start(dir, options.portBase, options);
  for (let tries = 1; ; tries += 1) {
    try {
      return await start(dir, await freePortBase(), options);
    } catch (error) {
      // Ports that were free a moment ago may have been taken by another run since.
      if (tries >= 5 || !/port \d+ .* is taken/.test(String(error))) throw error;
    }
  }
};

const start = async (
  dir: string,
  portBase: number,
  { args = [], strict = true }: RunOptions,
): Promise<RunningCloud> => {
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      ...memoryOf(process.env.SLIPWAY_CLOUD_MEMORY),
      fileURLToPath(new URL("./main.ts", import.meta.url)),
      "--data",
      dir,
      "--port-base",
      String(portBase),
      ...(strict ? ["--enforce-iam", "--check-answers"] : []),
      ...args,
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  let printed = "";
  const keep = (text: string) => {
    printed = `${printed}${text}\n`.slice(-10_000);
  };
  createInterface({ input: child.stderr }).on("line", keep);
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`not ready within ${READY_WITHIN_MS} ms:\n${printed}`));
    }, READY_WITHIN_MS);
    createInterface({ input: child.stdout }).on("line", (line) => {
      keep(line);
      if (!line.startsWith("slipway ready")) return;
      clearTimeout(timer);
      resolve();
    });
    void exited.then((code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code} before it was ready:\n${printed}`));
    });
  });
  await ready;
  const readyMs = performance.now() - startedAt;
  const endpoints = readEndpoints(dir);
  return {
    child,
    endpoints,
    dir,
    portBase,
    readyMs,
    token: (subject = "developer", seconds) => fetchToken(endpoints.issuer, clientSecretOf(dir), subject, seconds),
    printed: () => printed,
    stop: () => {
      child.kill("SIGINT");
      return exited;
    },
  };
};
