import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { BatchWriteCommand } from "@aws-sdk/lib-dynamodb";
import { makeId } from "../../shared/ids.ts";
import { keys } from "../../shared/keys.ts";
import { type CommandLine, commandLine } from "../cli/support.ts";
import {
  aWorkspace,
  inParallel,
  range,
  type StoredItem,
  startTestCloud,
  type TestCloud,
} from "../integration/support/cloud.ts";
import { percentile, type Row } from "./report.ts";

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    child.stdout?.resume();
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`exit code ${code}`))));
  });

/** Milliseconds from spawn to exit, the first run left out: the compile cache is filled by it. */
const startUp = async (runs: number, start: () => ChildProcess): Promise<number[]> => {
  const samples: number[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const startedAt = performance.now();
    await ended(start());
    if (run > 0) samples.push(performance.now() - startedAt);
  }
  return samples;
};

/** Tells the most memory that the process ever had, in KB, on the standard error. */
const TELL_MEMORY =
  'data:text/javascript,process.on("exit",()=>process.stderr.write("maxRSS "+process.resourceUsage().maxRSS))';

/** A list in full: how long it takes, and the most memory. */
const list = async (cli: CommandLine, limit: number): Promise<{ ms: number; mb: number; lines: number }> => {
  const startedAt = performance.now();
  const args = ["node", "list", "--json", "--limit", String(limit)];
  const { code, stdout, stderr } = await cli.run(args, { execArgv: ["--import", TELL_MEMORY] });
  if (code !== 0) throw new Error(stderr);
  const [, kilobytes = "0"] = /maxRSS (\d+)/.exec(stderr) ?? [];
  return { ms: performance.now() - startedAt, mb: Number(kilobytes) / 1_024, lines: stdout.split("\n").length - 1 };
};

/** Copies of one node under names and ids of their own, past the API: what is measured is the list. */
const fill = async (cloud: TestCloud, workspaceId: string, count: number): Promise<void> => {
  const items = Object.values(await cloud.items());
  const model = items.find((item) => item.type === "node") as StoredItem;
  const batches = range(Math.ceil((count - 1) / 25));
  await inParallel(batches, 8, async (batch) => {
    const size = Math.min(25, count - 1 - batch * 25);
    const puts = range(size).map((index) => {
      const id = makeId("node", new Date(), randomBytes(8));
      const name = `node-${batch * 25 + index}`;
      return { PutRequest: { Item: { ...model, ...keys.node(workspaceId, id), id, name } } };
    });
    await cloud.documents.send(new BatchWriteCommand({ RequestItems: { [cloud.tables.control]: puts } }));
  });
};

/** The command line: how soon it is there, and a long list through it. */
export const benchCli = async (runs: number, nodes: number): Promise<Row[]> => {
  const bare = await startUp(runs, () =>
    spawn(process.execPath, ["--eval", ""], { stdio: ["ignore", "pipe", "pipe"] }),
  );
  const idle = commandLine();
  const version = await startUp(runs, () => idle.start(["--version"]));
  const help = await startUp(runs, () => idle.start(["node", "create", "--help"]));
  idle.remove();

  const cloud = await startTestCloud();
  try {
    const api = await cloud.client();
    const { id, path } = await aWorkspace(api, "acme");
    await api.done("POST", `${path}/nodes`, { name: "model" });
    await fill(cloud, id, nodes);
    const cli = commandLine({
      ...{ SLIPWAY_API: cloud.endpoints.api, SLIPWAY_TOKEN: await cloud.token(), SLIPWAY_WORKSPACE: "acme" },
    });
    try {
      const few = await list(cli, nodes / 10);
      const all = await list(cli, nodes);
      if (all.lines !== nodes) throw new Error(`${all.lines} of ${nodes} nodes were listed`);
      return [
        { name: "node, nothing to do, p50", value: percentile(bare, 0.5), unit: "ms" },
        { name: "slipway --version, p50", value: percentile(version, 0.5), unit: "ms" },
        { name: "slipway --version, p99", value: percentile(version, 0.99), unit: "ms" },
        { name: "slipway node create --help, p50", value: percentile(help, 0.5), unit: "ms" },
        { name: `node list of ${nodes}`, value: all.ms, unit: "ms" },
        { name: `node list of ${nodes}, nodes`, value: nodes / (all.ms / 1_000), unit: "/s" },
        { name: `node list of ${nodes / 10}, most memory`, value: few.mb, unit: "MB" },
        { name: `node list of ${nodes}, most memory`, value: all.mb, unit: "MB" },
      ];
    } finally {
      cli.remove();
    }
  } finally {
    await cloud.remove();
  }
};
