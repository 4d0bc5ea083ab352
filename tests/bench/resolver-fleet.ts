import { resolveFleet } from "../../shared/deployment/fleet.ts";
import { resolver } from "../../shared/deployment/resolve.ts";
import { fleetOf, published } from "./fleet.ts";

/** Resolves one fleet in a process of its own, and prints its figures as JSON. */

const { nodes, layers } = fleetOf(Number(process.argv[2]));
const versions = published();
const rss = () => process.memoryUsage.rss() / 2 ** 20;
const before = rss();
const cpu = process.cpuUsage();
const from = performance.now();
const cells = resolveFleet(nodes, layers, resolver(versions));
const ms = performance.now() - from;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(
  JSON.stringify({
    ms,
    cpuMs: (user + system) / 1_000,
    fleetMb: before,
    peakMb: process.resourceUsage().maxRSS / 1_024,
    cells: cells.size,
  }),
);
