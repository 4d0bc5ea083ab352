import { AppError } from "../problems.ts";

const THROTTLING = new Set([
  "LimitExceededException", // AWS IoT's name for a rate that was exceeded as well
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "SlowDown",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
]);

const NETWORK = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EAI_AGAIN", "ENOTFOUND"]);

interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly code?: string;
}

const isSdkError = (error: unknown): error is SdkError => error instanceof Error;

/** Whether an SDK error is the service's exception of this name, such as `ResourceNotFoundException`. */
export const isAwsError = (error: unknown, ...names: readonly string[]): boolean =>
  isSdkError(error) && names.includes(error.name);

/**
 * An SDK error in our terms: `throttled` and `unavailable` may pass by themselves, `aws-refused` will not. Our own
 * errors and what is not an SDK error come back as they are. AWS's message stays in `cause`, for the log: it may name roles,
 * accounts and buckets, which are no client's business.
 */
export const translated = (error: unknown): unknown => {
  if (error instanceof AppError || !isSdkError(error)) return error;
  const status = error.$metadata?.httpStatusCode;
  if (THROTTLING.has(error.name) || status === 429) {
    return new AppError("throttled", `AWS answered ${error.name}`, { cause: error });
  }
  const unreachable = error.name === "TimeoutError" || (error.code !== undefined && NETWORK.has(error.code));
  if (unreachable || (status !== undefined && status >= 500)) {
    return new AppError("unavailable", `AWS answered ${error.name}`, { cause: error });
  }
  if (status === undefined) return error;
  return new AppError("aws-refused", `AWS answered ${error.name}`, { cause: error });
};
