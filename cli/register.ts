import { ProblemError, type Schemas } from "../client/index.ts";
import { pause } from "../client/retry.ts";
import type { CommonOptions } from "./commands.ts";
import { connect, waited } from "./connect.ts";
import { CliError } from "./failures.ts";
import { interrupted } from "./interrupted.ts";
import { note, print } from "./output.ts";

export interface RegisterOptions extends CommonOptions {
  readonly groups?: string;
  readonly runtime?: Schemas["CreateNode"]["runtime"];
  readonly untilConnected?: true;
  readonly wait?: boolean;
  readonly timeout: number;
}

const POLL_MS = 1_000;

/** Makes the node unless it is there, and prints what makes a device this node: a command with a token that works once. */
export const registerNode = async (name: string, options: RegisterOptions): Promise<void> => {
  const connection = connect(options);
  const { slipway } = connection;
  const workspace = connection.workspace();
  const { signal } = interrupted;
  const at = { workspace, node: name, signal };

  const create = () => {
    const body = {
      name,
      ...(options.groups !== undefined && { groups: options.groups.split(",") }),
      ...(options.runtime !== undefined && { runtime: options.runtime }),
    };
    return slipway.createNode({ workspace, body, signal });
  };
  const tell = async (registration: Schemas["RegistrationToken"]): Promise<void> => {
    if (options.json) return print(`${JSON.stringify({ node: name, ...registration })}\n`);
    note(`On the device, until ${registration.expiresAt}, run:`);
    await print(`${registration.command}\n`);
  };
  const isThere = async () => {
    try {
      return await slipway.getNode(at);
    } catch (error) {
      if (error instanceof ProblemError && error.code === "not-found") return undefined;
      throw error;
    }
  };
  const node = await isThere();
  if (node?.registeredAt !== undefined) {
    const next = `To put another device in its place: slipway node re-register ${name}`;
    throw new CliError("conflict", `${name} has a device since ${node.registeredAt}`, next);
  }
  const made = node === undefined ? await create() : undefined;
  // It is shown once. People see it before the wait; programs get it when it works, or when the wait fails.
  const once = made?.registration;
  if (once !== undefined && !options.json) await tell(once);
  if (made !== undefined) {
    await waited(slipway, made, options).catch(async (error: unknown) => {
      if (once !== undefined && options.json) await tell(once);
      throw error;
    });
  }
  // An answer that was given before, and is only repeated, has no token any more.
  if (once === undefined) await tell(await slipway.createRegistrationToken({ ...at, body: {} }));
  else if (options.json) await tell(once);
  if (options.untilConnected !== true) return;

  const deadline = Date.now() + options.timeout;
  for (;;) {
    const { registeredAt } = await slipway.getNode(at);
    if (registeredAt !== undefined) return note(`${name} is connected since ${registeredAt}.`);
    if (Date.now() > deadline) {
      throw new CliError(
        "timeout",
        `no device has connected as ${name} yet`,
        "Look at what the script says on the device.",
      );
    }
    await pause(POLL_MS, signal);
  }
};
