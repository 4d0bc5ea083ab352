/**
 * What every SDK client of a function is made with. Region, credentials and endpoints come from the environment, as the
 * SDK reads them (`AWS_REGION`, `AWS_ENDPOINT_URL_…`). A call that hangs ends long before the function's own timeout;
 * few attempts here, since the workflow's Retry has the patience.
 */
export const clientSettings = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
} as const;

/** A value made at the first call and kept: one client per function instance, and none at import. */
export const once = <T>(make: () => T): (() => T) => {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};
