import { Logger } from "@aws-lambda-powertools/logger";
import type { Context } from "aws-lambda";

const root = new Logger({ serviceName: "slipway" });

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

/** A logger of one invocation: each line is JSON and carries the request id and these keys. Never pass a secret. */
export const loggerOf = (context: Context, keys: Readonly<Record<string, string>> = {}): Log => {
  const log = root.createChild();
  log.addContext(context);
  log.appendPersistentKeys(keys);
  return log;
};
