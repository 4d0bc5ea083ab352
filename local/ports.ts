import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { PORTS } from "./endpoints.ts";
import { listen, PortTaken, shut } from "./listen.ts";

const isFree = async (port: number): Promise<boolean> => {
  const server = createServer();
  try {
    await listen("probe", server, port);
  } catch (error) {
    if (error instanceof PortTaken) return false;
    throw error;
  }
  await shut(server);
  return true;
};

/** A base of as many free ports in a row as the embedded cloud needs, for demos, tests and benchmarks side by side. */
export const freePortBase = async (): Promise<number> => {
  for (let tries = 0; tries < 200; tries += 1) {
    const base = randomInt(10_000, 32_000 - PORTS.length); // below the range that the system gives to clients
    const free = await Promise.all(PORTS.map((_, index) => isFree(base + index)));
    if (free.every(Boolean)) return base;
  }
  throw new Error("no free ports were found");
};
