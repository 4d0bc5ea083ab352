import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface S3Child {
  readonly url: string;
  readonly child: ChildProcess;
  /** Its resident memory in bytes. */
  rss(): Promise<number>;
  /** Resolves once it is gone. */
  kill(): Promise<void>;
}

/** Starts `child.ts` on a folder, and resolves when it listens. @throws Error when it ends before it does */
export const runS3 = async (dir: string, region: string, accountId: string): Promise<S3Child> => {
  const program = fileURLToPath(new URL("./child.ts", import.meta.url));
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, dir, region, accountId], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error("the engine ended");
    return value;
  };
  return {
    url: await line(),
    child,
    rss: async () => {
      child.stdin.write("\n");
      return Number(await line());
    },
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
};
