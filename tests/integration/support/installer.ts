import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where a program is; undefined if this machine has none. */
export const programNamed = (name: string): string | undefined => {
  const { status, stdout } = spawnSync("sh", ["-c", 'command -v -- "$1"', "sh", name], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
};

export interface Shell {
  readonly name: string;
  readonly command: readonly string[];
  /** What the script finds; this process's own if it is not given. */
  readonly path?: string;
}

/**
 * The shells of this machine that devices have: Debian's, BusyBox with nothing of the system but curl and openssl beside
 * it, and bash as POSIX has it; those of them that are there.
 * @param dir an existing folder, for BusyBox's programs
 */
export const shells = (dir: string): Shell[] => {
  const found: Shell[] = [{ name: "sh", command: ["sh"] }];
  if (programNamed("bash") !== undefined) found.push({ name: "bash", command: ["bash", "--posix"] });
  const busybox = programNamed("busybox");
  if (busybox !== undefined) {
    const programs = join(dir, "busybox");
    mkdirSync(programs);
    const applets = spawnSync(busybox, ["--list"], { encoding: "utf8" }).stdout.trim().split("\n");
    for (const applet of applets) symlinkSync(busybox, join(programs, applet));
    for (const own of ["curl", "openssl"]) symlinkSync(String(programNamed(own)), join(programs, own));
    chmodSync(programs, 0o755);
    found.push({ name: "busybox", command: [join(programs, "sh")], path: programs });
  }
  return found;
};

export interface Run {
  /** Its exit code; undefined when a signal ended it. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly done: Promise<Run>;
  /** To the script and all that it has started. */
  readonly kill: (signal: NodeJS.Signals) => void;
}

export interface RunOptions {
  readonly shell?: Shell;
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of the script, which then is a file. */
  readonly input?: string;
  /** As a user who may not write where root may. */
  readonly asNobody?: boolean;
}

const NOBODY = 65_534;
/** Longer than the script takes for anything that it waits for here; then the test is told what it printed. */
const LIMIT_MS = 100_000;

/** A folder of one test's, in which the script runs and leaves what it leaves. */
export const makeDevice = (script: string) => {
  const home = mkdtempSync(join(tmpdir(), "slipway-device-"));
  const temporary = join(home, "tmp");
  mkdirSync(temporary);
  writeFileSync(join(home, "install.sh"), script);
  const dir = join(home, "identity");

  /** Runs the script as `curl … | sh -s -- …` does. */
  const start = (args: readonly string[], options: RunOptions = {}): Running => {
    const { shell = { name: "sh", command: ["sh"] }, env = {}, input, asNobody = false } = options;
    const [command = "sh", ...flags] = shell.command;
    const isRoot = process.getuid?.() === 0;
    if (asNobody && isRoot) for (const folder of [home, temporary]) chownSync(folder, NOBODY, NOBODY);
    const what = input === undefined ? ["-s", "--"] : [join(home, "install.sh")];
    const child = spawn(command, [...flags, ...what, ...args], {
      cwd: home,
      env: { PATH: shell.path ?? process.env.PATH ?? "", HOME: home, TMPDIR: temporary, ...env },
      detached: true, // a process group of its own
      ...(asNobody && isRoot && { uid: NOBODY, gid: NOBODY }),
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdin.on("error", () => undefined); // it may end before it has read all
    child.stdin.end(input ?? script);
    const kill = (signal: NodeJS.Signals): void => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
    };
    const late = setTimeout(() => kill("SIGKILL"), LIMIT_MS);
    const done = new Promise<Run>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => {
        clearTimeout(late);
        resolve({ status: code ?? undefined, stdout, stderr });
      });
    });
    return { done, kill };
  };

  return {
    home,
    /** What tests give as `--dir`. */
    dir,
    start,
    run: (args: readonly string[], options?: RunOptions): Promise<Run> => start(args, options).done,
    read: (file: string): string => readFileSync(join(dir, file), "utf8"),
    /** Every file of the device but the script, by its path. */
    files: (): Record<string, string> =>
      Object.fromEntries(
        readdirSync(home, { recursive: true, withFileTypes: true, encoding: "utf8" })
          .filter((entry) => !entry.isDirectory() && entry.name !== "install.sh")
          .map((entry) => join(entry.parentPath, entry.name))
          .sort()
          .map((path) => [path.slice(home.length + 1), readFileSync(path, "utf8")]),
      ),
  };
};

export type Device = ReturnType<typeof makeDevice>;

/** The lines of a PEM that tell something: no one else must see them. */
export const linesOf = (pem: string): string[] => pem.split("\n").filter((line) => /^[A-Za-z0-9+/=]{20,}$/.test(line));

export interface Front {
  readonly url: string;
  readonly close: () => Promise<void>;
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
  return body;
};

/** An HTTP server on loopback that answers as it is told. */
export const startFront = async (
  answer: (request: { readonly path: string; readonly body: string }, response: ServerResponse) => Promise<void> | void,
): Promise<Front> => {
  const server: Server = createServer((request, response) => {
    void (async () => answer({ path: request.url ?? "", body: await bodyOf(request) }, response))().catch(
      (error: unknown) => response.destroy(error as Error),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};
