import { Logger } from "@aws-lambda-powertools/logger";
import type { Context } from "aws-lambda";

const root = new Logger({ serviceName: "slipway" });

type Keys = Readonly<Record<string, string | number>>;

/** Logs of one invocation: each line is JSON with the function, the request id and the keys given for it. */
export interface Log {
  readonly info: (message: string, details?: Keys) => void;
  readonly warn: (message: string, details?: Keys | Error) => void;
  readonly error: (message: string, details?: Keys | Error) => void;
}

/**
 * The logger of an invocation. Its keys go with each line rather than into the shared logger, so that invocations which
 * run at the same time never see each other's. Never pass a secret.
 */
export const loggerOf = (context: Context, keys: Keys = {}): Log => {
  const common = { function_name: context.functionName, function_request_id: context.awsRequestId, ...keys };
  const extra = (details: Keys | Error | undefined) =>
    details instanceof Error ? { ...common, error: details } : { ...common, ...details };
  return {
    info: (message, details) => root.info(message, extra(details)),
    warn: (message, details) => root.warn(message, extra(details)),
    error: (message, details) => root.error(message, extra(details)),
  };
};
