import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Row } from "./report.ts";

const FLEET = join(import.meta.dirname, "resolver-fleet.ts");

interface Figures {
  readonly ms: number;
  readonly cpuMs: number;
  readonly fleetMb: number;
  readonly peakMb: number;
  readonly cells: number;
}

/**
 * What every node of a fleet must run, from its nodes and deployments: each size in a process of its own, whose memory is
 * told as a whole and as it was before, with the fleet in it. Processor time is of all threads, so it counts the
 * collection of garbage, and does not count what else the machine does.
 */
export const benchResolver = async (quick: boolean): Promise<Row[]> => {
  const rows: Row[] = [];
  for (const nodes of quick ? [1_000, 10_000] : [1_000, 10_000, 100_000, 1_000_000]) {
    const { stdout } = await promisify(execFile)(process.execPath, [FLEET, String(nodes)]);
    const figures = JSON.parse(stdout) as Figures;
    const fleet = `resolver, ${nodes.toLocaleString("en")} nodes in ${figures.cells.toLocaleString("en")} cells`;
    rows.push(
      { name: `${fleet}, elapsed`, value: figures.ms, unit: "ms" },
      { name: `${fleet}, processor time`, value: figures.cpuMs, unit: "ms" },
      { name: `${fleet}, memory with the fleet alone`, value: figures.fleetMb, unit: "MB" },
      { name: `${fleet}, memory at most`, value: figures.peakMb, unit: "MB" },
    );
  }
  return rows;
};
