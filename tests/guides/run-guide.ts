import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Endpoints } from "../../local/endpoints.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A block of commands (```` ```sh ````), and the lines that a block of text right after it says they print. */
export interface Step {
  /** Where the block begins in the document. */
  readonly line: number;
  readonly commands: string;
  /** In order; `…` stands for anything, and lines between them are of no matter. */
  readonly prints: readonly string[];
}

/** The commands of a guide in Markdown, in order. Blocks in other languages are not run. */
export const stepsOf = (markdown: string): readonly Step[] => {
  const steps: Step[] = [];
  const blocks = /^```(\w*)\n([\s\S]*?)^```$/gm;
  for (const { 1: language = "", 2: text = "", index } of markdown.matchAll(blocks)) {
    if (language === "sh") {
      steps.push({ line: markdown.slice(0, index).split("\n").length, commands: text, prints: [] });
    } else if (language === "text") {
      const last = steps.pop();
      if (last === undefined) throw new Error("output is told of before there are commands");
      steps.push({ ...last, prints: text.trimEnd().split("\n") });
    }
  }
  return steps;
};

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The first of the lines that a guide says are printed which is not, after those before it. */
export const missingLine = (prints: readonly string[], output: string): string | undefined => {
  const lines = output.split("\n").map((line) => line.trimEnd());
  let at = 0;
  for (const told of prints) {
    const pattern = new RegExp(`^${told.trimEnd().split("…").map(escaped).join(".*")}$`);
    const found = lines.findIndex((line, index) => index >= at && pattern.test(line));
    if (found < 0) return told;
    at = found + 1;
  }
  return undefined;
};

/** `npx slipway` is the command line of this tree, also where npm has not linked it. */
const PRELUDE = `set -euo pipefail
npx() { if [ "$1" = slipway ]; then shift; "$SLIPWAY_NODE" "$SLIPWAY_ROOT/cli/slipway.js" "$@"; else command npx "$@"; fi; }
`;

/** What stands between the outputs of two blocks. */
const MARK = "@@guide";

/** The addresses that guides have are those of `npm start` without options. */
const BASE = 4500;

/**
 * Runs a guide as its reader does, in one shell and in an empty folder that has the project in it, against a running
 * embedded cloud.
 * @throws Error that tells the block, its output and what was told of it when a command fails or prints something else
 */
export const runGuide = async (name: string, endpoints: Endpoints, data: string): Promise<void> => {
  const markdown = readFileSync(join(ROOT, name), "utf8");
  const steps = stepsOf(markdown);
  const base = Number(new URL(endpoints.api).port);
  const script = steps
    .map(({ commands }, index) => `echo "${MARK} ${index}"\n${commands}`)
    .join("")
    .replace(/127\.0\.0\.1:(45\d\d)/g, (_, port) => `127.0.0.1:${base + Number(port) - BASE}`);
  const folder = mkdtempSync(join(tmpdir(), "slipway-guide-"));
  try {
    for (const entry of [
      "package.json",
      "README.md",
      "node_modules",
      "cli",
      "client",
      "local",
      "shared",
      "functions",
      "workflows",
    ]) {
      symlinkSync(join(ROOT, entry), join(folder, entry));
    }
    const shell = spawn("bash", ["-c", `${PRELUDE}${script}`], {
      cwd: folder,
      env: {
        ...process.env,
        SLIPWAY_ROOT: ROOT,
        SLIPWAY_NODE: process.execPath,
        SLIPWAY_DATA: data,
        HOME: folder,
        XDG_CONFIG_HOME: join(folder, ".config"),
        NO_COLOR: "1",
        npm_config_update_notifier: "false",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [shell.stdout, shell.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    const code = await new Promise<number | null>((resolve, reject) => shell.on("error", reject).on("close", resolve));
    const told = output.replaceAll(/127\.0\.0\.1:(\d+)/g, (_, port) => `127.0.0.1:${Number(port) - base + BASE}`);
    const outputs = told.split(new RegExp(`^${MARK} \\d+\n`, "m")).slice(1);
    const failed = outputs.length - 1;
    if (code !== 0) {
      throw new Error(
        `${name}:${steps[failed]?.line}: ended with ${code}\n${steps[failed]?.commands}\n${outputs[failed]}`,
      );
    }
    for (const [index, { line, prints }] of steps.entries()) {
      const missing = missingLine(prints, outputs[index] ?? "");
      if (missing === undefined) continue;
      throw new Error(`${name}:${line}: it does not print\n${missing}\nbut\n${outputs[index]}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
