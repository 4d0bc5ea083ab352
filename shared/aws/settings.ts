/**
 * What every SDK client of a function is made with. Region, credentials and endpoints come from the environment, as the
 * SDK reads them (`AWS_REGION`, `AWS_ENDPOINT_URL_…`). A call that hangs ends long before the function's own timeout;
 * few attempts here, since the workflow's Retry has the patience.
 */
export const clientSettings = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
} as const;

/**
 * A value made at a function's first call and kept: none at import, and one client for each function, also where several
 * share a process, since a client goes on with the credentials that it began with.
 */
export const once = <T>(make: () => T): (() => T) => {
  const made = new Map<string | undefined, T>();
  return () => {
    const name = process.env.AWS_LAMBDA_FUNCTION_NAME;
    const known = made.get(name);
    if (known !== undefined) return known;
    const value = make();
    made.set(name, value);
    return value;
  };
};
