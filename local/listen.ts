import type { Server } from "node:net";

export class PortTaken extends Error {
  readonly port: number;
  constructor(name: string, port: number) {
    super(`port ${port} (${name}) is taken: stop what listens there, or choose other ports with --port-base N`);
    this.name = "PortTaken";
    this.port = port;
  }
}

/**
 * Longer than any client here keeps an idle connection: one that the server closes just as a request comes on it is a
 * failure that nobody asked for. Node.js's own 5 s are soon over when the process is busy.
 */
const KEEP_ALIVE_MS = 120_000;

/** Listens on loopback and answers the port (`port` 0: any free one). Rejects with {@link PortTaken}. */
export const listen = (name: string, server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new PortTaken(name, port) : error);
    server.once("error", failed);
    if ("keepAliveTimeout" in server) server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.listen(port, "127.0.0.1", () => {
      server.off("error", failed);
      const address = server.address();
      if (address === null || typeof address === "string") return reject(new Error(`${name} has no TCP port`));
      resolve(address.port);
    });
  });

/** Stops accepting, ends idle connections at once and busy ones after `graceMs`. */
export const shut = (server: Server & { closeIdleConnections?(): void; closeAllConnections?(): void }, graceMs = 500) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections?.(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections?.();
  });
