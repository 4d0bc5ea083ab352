import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Lifecycle, Script } from "./recipe.ts";
import { backoffMs, type Log } from "./waiting.ts";

/** https://docs.aws.amazon.com/greengrass/v2/APIReference/API_InstalledComponent.html */
export type Status = "NEW" | "INSTALLED" | "STARTING" | "RUNNING" | "STOPPING" | "ERRORED" | "BROKEN" | "FINISHED";

/** A component whose scripts have their variables' values. */
export interface Runnable {
  readonly name: string;
  /** What it is told from itself by: with another one it is started anew. */
  readonly signature: string;
  readonly lifecycle: Lifecycle;
  readonly work: string;
  readonly log: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface Runner {
  /**
   * Stops what is not wanted as it is, and starts what is missing, each after the one before it.
   * @param wanted components after those that they depend on
   * @returns the names of those that broke
   */
  readonly apply: (wanted: readonly Runnable[]) => Promise<string[]>;
  readonly status: (name: string) => Status;
  readonly stop: () => Promise<void>;
}

/** What a device has that runs no component's code. */
export const noRunner: Runner = {
  apply: async () => [],
  status: () => "INSTALLED",
  stop: async () => undefined,
};

/** https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html */
const INSTALL_SECONDS = 120;
const STARTUP_SECONDS = 120;
const SHUTDOWN_SECONDS = 15;
const MAX_RESTARTS = 3;
/** Restarts are counted within that time. */
const RESTARTS_WITHIN_MS = 3_600_000;
const STOP_WITHIN_MS = 15_000;
const MAX_LOG_BYTES = 10 * 1024 * 1024;

/**
 * A script in a process group that cannot outlive us: its guard reads from a pipe whose other end is this process. When we
 * die, however that happens, `read` returns and the group is ended. A script that leaves something running behind it, as
 * Startup may, leaves the guard with it. The other pipe is open for as long as anything but the guard is there.
 */
const GUARD = `trap : TERM
/bin/sh -c "$1" </dev/null 3<&- & script=$!
(trap - TERM; read -r _ <&3; kill -KILL 0) 4>&- & guard=$!
while :; do wait "$script"; code=$?; kill -0 "$script" 2>/dev/null || break; done
[ "$2" = stays ] && [ "$code" = 0 ] || kill -KILL "$guard" 2>/dev/null
exit "$code"`;

const openLog = (path: string): number => {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > MAX_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, "a", 0o600);
};

const start = (component: Runnable, { script, environment }: Script, end: "stays" | "ends"): ChildProcess => {
  mkdirSync(component.work, { recursive: true });
  const log = openLog(component.log);
  try {
    return spawn("/bin/sh", ["-c", GUARD, component.name, script, end], {
      cwd: component.work,
      // What this program was started with is none of the components' business.
      env: {
        PATH: process.env.PATH,
        HOME: component.work,
        LANG: "C.UTF-8",
        ...component.environment,
        ...component.lifecycle.Setenv,
        ...environment,
      },
      stdio: ["ignore", log, log, "pipe", "pipe"],
      detached: true,
    });
  } finally {
    closeSync(log);
  }
};

/** Signals a child's whole group, if there is any of it. */
const signalGroup = ({ pid }: ChildProcess, signal: NodeJS.Signals): void => {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
};

/** Ends a child's whole group: first by asking, then by force. */
const endGroup = async (child: ChildProcess): Promise<void> => {
  signalGroup(child, "SIGTERM");
  const pipe = child.stdio[4] as Readable | undefined; // none, if it could not be started
  pipe?.resume();
  if (pipe?.destroyed === false)
    await Promise.race([once(pipe, "close"), pause(STOP_WITHIN_MS, undefined, { ref: false })]);
  signalGroup(child, "SIGKILL");
};

const exitOf = async (child: ChildProcess): Promise<number> => {
  if (child.exitCode !== null) return child.exitCode;
  if (child.signalCode !== null) return 128;
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 128;
};

/** Lets a script run to its end. @returns whether it succeeded within its time */
const runToEnd = async (component: Runnable, script: Script, seconds: number, stop: AbortSignal): Promise<boolean> => {
  const child = start(component, script, "ends");
  const limit = AbortSignal.any([stop, AbortSignal.timeout((script.timeoutSeconds ?? seconds) * 1_000)]);
  const end = () => void endGroup(child);
  limit.addEventListener("abort", end, { once: true });
  if (limit.aborted) end();
  try {
    return (await exitOf(child)) === 0 && !limit.aborted;
  } finally {
    limit.removeEventListener("abort", end);
  }
};

interface Service {
  readonly component: Runnable;
  status: Status;
  readonly stopping: AbortController;
  /** Resolves when it runs, has finished, or is broken. */
  readonly settled: Promise<void>;
  /** Resolves when nothing of it is left. */
  readonly ended: Promise<void>;
}

/** Runs components' scripts as a nucleus does: Install, Startup or Run, Shutdown; three restarts, then BROKEN. */
export const makeRunner = (onStatus: (name: string, status: Status) => void, log: Log): Runner => {
  const services = new Map<string, Service>();
  let isOpen = true;

  const launch = (component: Runnable): Service => {
    const stopping = new AbortController();
    const { signal } = stopping;
    const settled = Promise.withResolvers<void>();
    const { Install, Startup, Run, Shutdown } = component.lifecycle;

    const set = (status: Status): void => {
      if (service.status === status) return;
      service.status = status;
      onStatus(component.name, status);
      if (["RUNNING", "FINISHED", "BROKEN"].includes(status)) settled.resolve();
    };
    const stopped = () =>
      new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true });
      });

    /** Once from Install to the end. @returns whether it succeeded */
    const cycle = async (): Promise<boolean> => {
      if (Install !== undefined && !(await runToEnd(component, Install, INSTALL_SECONDS, signal))) return false;
      set("INSTALLED");
      if (Startup !== undefined) {
        set("STARTING");
        const child = start(component, Startup, "stays");
        const late = setTimeout(() => void endGroup(child), (Startup.timeoutSeconds ?? STARTUP_SECONDS) * 1_000);
        const code = await Promise.race([exitOf(child), stopped().then(() => 128)]);
        clearTimeout(late);
        if (code === 0) {
          set("RUNNING");
          await stopped();
          if (Shutdown !== undefined)
            await runToEnd(component, Shutdown, SHUTDOWN_SECONDS, new AbortController().signal);
        }
        await endGroup(child);
        return code === 0;
      }
      if (Run === undefined) return true;
      set("STARTING");
      const child = start(component, Run, "ends");
      set("RUNNING");
      const code = await Promise.race([exitOf(child), stopped().then(() => undefined)]);
      if (code === undefined && Shutdown !== undefined)
        await runToEnd(component, Shutdown, SHUTDOWN_SECONDS, new AbortController().signal);
      await endGroup(child);
      return code === 0;
    };

    const live = async (): Promise<void> => {
      let errors: number[] = [];
      while (!signal.aborted) {
        const succeeded = await cycle();
        if (signal.aborted) break;
        if (succeeded) return set("FINISHED");
        const now = Date.now();
        errors = [...errors.filter((at) => now - at < RESTARTS_WITHIN_MS), now];
        if (errors.length > MAX_RESTARTS) {
          log("a component is broken", { component: component.name, errors: errors.length });
          return set("BROKEN");
        }
        set("ERRORED");
        await Promise.race([pause(backoffMs(errors.length), undefined, { ref: false }), stopped()]);
      }
    };

    const service: Service = {
      component,
      status: "NEW",
      stopping,
      settled: settled.promise,
      ended: Promise.resolve(),
    };
    return Object.assign(service, {
      ended: live()
        .catch((error: unknown) => {
          log("a component could not be run", { component: component.name, error: String(error) });
          set("BROKEN");
        })
        .finally(() => settled.resolve()),
    });
  };

  const end = async (service: Service): Promise<void> => {
    services.delete(service.component.name);
    service.stopping.abort();
    await service.ended;
  };

  return {
    apply: async (wanted) => {
      const signatures = new Map(wanted.map(({ name, signature }) => [name, signature]));
      for (const service of [...services.values()].reverse()) {
        const { name, signature } = service.component;
        if (signatures.get(name) !== signature || service.status === "BROKEN") await end(service);
      }
      for (const component of wanted) {
        if (services.has(component.name) || !isOpen) continue;
        const service = launch(component);
        services.set(component.name, service);
        await service.settled;
      }
      return [...services.values()].filter(({ status }) => status === "BROKEN").map(({ component }) => component.name);
    },
    status: (name) => services.get(name)?.status ?? "NEW",
    stop: async () => {
      isOpen = false;
      for (const service of [...services.values()].reverse()) await end(service);
    },
  };
};
