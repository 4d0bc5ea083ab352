import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import {
  type MetadataEntry,
  Refused,
  type Trust,
  verifyFile,
  verifyRelease,
  verifySnapshot,
} from "../../../shared/ota/verify.ts";
import type { Shell } from "../../integration/support/installer.ts";
import type { Case } from "./attacks.ts";

export interface Verdict {
  /** "accepted", or why not. */
  readonly said: string;
  readonly trust: Trust | undefined;
}

/** The trust that a device has from what it believed before. */
const trustBefore = ({ before, pinned, trust }: Case): Trust => {
  const kept = before === undefined ? { publicKey: pinned.publicKey, ...trust } : byTypeScript(before).trust;
  if (kept === undefined) throw new Error("what was before is not believed");
  return kept;
};

export const byTypeScript = (given: Case): Verdict => {
  const { document, metadata, file, now, workspace } = given;
  let kept: Trust | undefined;
  try {
    const snapshot = verifySnapshot(workspace, document, trustBefore(given), now);
    kept = snapshot.trust;
    const entry = (JSON.parse(metadata) as Record<string, MetadataEntry>)[given.app];
    if (entry === undefined) throw new Error(`the metadata has no ${given.app}`);
    verifyFile(verifyRelease(snapshot, given, entry), Buffer.from(file));
    return { said: "accepted", trust: kept };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { said: error.reason, trust: kept };
  }
};

/** The verifier for devices, as it is in the project. */
export const SCRIPT = fileURLToPath(new URL("../../../functions/device/verify.sh", import.meta.url));

/** Runs the script with the device's clock in place of the machine's; some BusyBoxes take `date` from nowhere else. */
const WITH_CLOCK = 'date() { echo "$DEVICE_NOW"; }; . "$0"';

/**
 * Runs a verifier in shell, each time as a device of its own.
 * @param folder an existing one, for what the devices have
 */
export const shellVerifier = (folder: string) => {
  let runs = 0;

  const run = (given: Case, shell: Shell, script: string, state: string): Verdict => {
    if (given.before !== undefined && run(given.before, shell, script, state).said !== "accepted")
      throw new Error("what was before is not believed");
    const put = (name: string, text: string) => {
      writeFileSync(join(state, "..", name), text);
      return join(state, "..", name);
    };
    const { sequence = 0, issued = 0 } = given.trust;
    if (Object.keys(given.trust).length > 0) put("state/last", `${sequence} ${issued}\n`);
    const options = {
      ...{ workspace: given.workspace, app: given.app, environment: given.environment, "cpu-arch": given.cpuArch },
      ...{ key: put("pinned.pem", given.pinned.pem), state, snapshot: put("snapshot", given.document) },
      ...{ metadata: put("metadata.json", given.metadata), file: put("file", given.file) },
    };
    const [program = "sh", ...flags] = shell.command;
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const env = { PATH: shell.path ?? process.env.PATH, DEVICE_NOW: String(given.now) };
    // Where its input is no file, bash with -c takes itself for a remote shell, and reads the user's settings.
    const { status, stdout, stderr } = spawnSync(program, [...flags, "-c", WITH_CLOCK, script, ...args], {
      encoding: "utf8",
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = status === 0 ? "accepted" : /^refused: ([a-z-]+): [^\n]+\n$/.exec(stderr)?.[1];
    if (said === undefined) return { said: "broke off", trust: undefined };
    expect(stdout).toMatch(status === 0 ? new RegExp(`^${given.app} \\d\\.\\d\\.\\d\n$`) : /^$/);
    if (!existsSync(join(state, "key.pem"))) return { said, trust: undefined };
    const read = (name: string) => readFileSync(join(state, name), "utf8");
    const [kept, seen] = existsSync(join(state, "last")) ? read("last").trim().split(" ").map(Number) : [];
    const publicKey = read("key.pem").replaceAll(/-----.*-----|\s/g, "");
    return { said, trust: { publicKey, sequence: kept ?? 0, issued: seen ?? 0 } };
  };

  return (given: Case, shell: Shell, script = SCRIPT): Verdict => {
    runs += 1;
    const state = join(folder, `run-${runs}`, "state");
    mkdirSync(state, { recursive: true });
    return run(given, shell, script, state);
  };
};
