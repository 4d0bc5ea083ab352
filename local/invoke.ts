/** What a Lambda function that failed reports, as in the payload of an Invoke with `FunctionError`. */
export interface LambdaError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: string[];
}

export type InvokeResult = { readonly payload: unknown } | { readonly functionError: LambdaError };

/**
 * Runs one function with one event. A function that fails answers with `functionError`; the promise rejects only when
 * the function could not be run at all (it does not exist, or Lambda itself was made to fail), with AWS's error name.
 */
export type Invoke = (functionName: string, payload: unknown) => Promise<InvokeResult>;

/** An engine's line in the log: what happened, and to what. */
export type Log = (message: string, details?: Record<string, unknown>) => void;

/** The name in a function's ARN (with or without a version or alias), or the name itself. */
export const functionNameOf = (nameOrArn: string): string => {
  const parts = nameOrArn.split(":");
  const at = parts.indexOf("function");
  return at === -1 ? nameOrArn : (parts[at + 1] ?? nameOrArn);
};

/** Runs a function and turns a rejection into a `functionError`, for callers that treat both alike: they try again. */
export const invokeSafely = async (invoke: Invoke, functionName: string, payload: unknown): Promise<InvokeResult> => {
  try {
    return await invoke(functionName, payload);
  } catch (error) {
    const known = error instanceof Error;
    return {
      functionError: { errorType: known ? error.name : "Error", errorMessage: known ? error.message : String(error) },
    };
  }
};
