import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "../..");

/** Where SST keeps its components, its types and Pulumi. */
export const PLATFORM = join(ROOT, ".sst/platform");

const isInstalled = (): boolean => existsSync(join(PLATFORM, "node_modules/@pulumi/aws/index.js"));

/**
 * Installs SST's platform unless it is there: about 40 s, once, from npm alone. Without the variables, SST would fetch
 * Pulumi's engine and a provider too, which only a deployment needs.
 * @throws Error that says what to do when it cannot
 */
export const installPlatform = async (): Promise<void> => {
  if (isInstalled()) return;
  process.stdout.write("installing SST's platform into .sst, once\n");
  let output = "";
  try {
    const { stdout, stderr } = await promisify(execFile)("npx", ["--no-install", "sst", "install", "--stage", "ci"], {
      cwd: ROOT,
      timeout: 300_000,
      env: { ...process.env, SST_SKIP_DEPENDENCY_CHECK: "true", SST_NO_BUN: "true", DO_NOT_TRACK: "1" },
    });
    output = `${stdout}${stderr}`;
  } catch (error) {
    output = String((error as { stderr?: string }).stderr || (error as Error).message);
  }
  if (!isInstalled()) {
    throw new Error(`SST's platform could not be installed, and nothing can be said of the infrastructure:\n${output}`);
  }
};
