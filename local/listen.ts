import type { Server } from "node:net";

export class PortTaken extends Error {
  readonly port: number;
  constructor(name: string, port: number) {
    super(`port ${port} (${name}) is taken: stop what listens there, or choose other ports with --port-base N`);
    this.name = "PortTaken";
    this.port = port;
  }
}

/** Listens on loopback and answers the port (`port` 0: any free one). Rejects with {@link PortTaken}. */
export const listen = (name: string, server: Server, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new PortTaken(name, port) : error);
    server.once("error", failed);
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
