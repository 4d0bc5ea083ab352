import { ConnectionReset } from "../faults.ts";
import { functionNameOf, type InvokeResult } from "../invoke.ts";
import { HeartbeatTimeout, runtimeError, StateError, withinLimit } from "./errors.ts";
import { type Fields, isFields, numberOf } from "./paths.ts";
import { emit, type Work } from "./scope.ts";
import { within } from "./timing.ts";
import type { Token } from "./tokens.ts";

/** `arn:aws:states:::lambda:invoke`, with or without a wait for a token. */
export const INTEGRATION = /^arn:[\w-]+:states:[^:]*:[^:]*:lambda:(invoke(?:\.waitForTaskToken)?)$/;
export const FUNCTION = /^arn:[\w-]+:lambda:.*:function:/;

/** What Lambda's own failures, and those on the way to it, are called in a state machine. */
const lambdaError = (error: unknown): StateError => {
  if (error instanceof ConnectionReset) return new StateError("Lambda.SdkClientException", error.message);
  if (!(error instanceof Error)) return new StateError("Lambda.Unknown", String(error));
  return new StateError(error.name === "Error" ? "Lambda.Unknown" : `Lambda.${error.name}`, error.message);
};

const outputOf = (result: InvokeResult): unknown => {
  if (!("functionError" in result)) return result.payload ?? null;
  const { errorType, errorMessage, trace } = result.functionError;
  const cause = JSON.stringify({ errorType, errorMessage, ...(trace === undefined ? {} : { trace }) });
  throw new StateError(errorType === "" ? "Lambda.Unknown" : errorType, cause);
};

/** A task's times in milliseconds. @see https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html */
const timesOf = ({ state, input, context }: Work): { timeout: number | undefined; heartbeat: number | undefined } => {
  const seconds = numberOf(state, "TimeoutSeconds", input, context);
  const beat = numberOf(state, "HeartbeatSeconds", input, context);
  return {
    timeout: seconds === undefined ? undefined : seconds * 1000,
    heartbeat: beat === undefined ? undefined : beat * 1000,
  };
};

/** The names under which the history tells of a task: a function's ARN has its own. */
interface Told {
  scheduled(parameters: string, times: Fields): void;
  started(): void;
  submitted(output: string): void;
  succeeded(output: string): void;
  ended(error: StateError): void;
}

const outputDetails = { truncated: false };
const failureOf = ({ error, why }: StateError): Fields => ({
  ...(error === undefined ? {} : { error }),
  ...(why === undefined ? {} : { cause: why }),
});

const tellIntegration = ({ scope }: Work, resource: string): Told => {
  const which = { resourceType: "lambda", resource };
  const output = (text: string) => ({ ...which, output: text, outputDetails });
  return {
    scheduled: (parameters, times) =>
      emit(
        scope,
        "TaskScheduled",
        { taskScheduledEventDetails: { ...which, region: scope.environment.region, parameters, ...times } },
        parameters.length,
      ),
    started: () => emit(scope, "TaskStarted", { taskStartedEventDetails: which }),
    submitted: (text) => emit(scope, "TaskSubmitted", { taskSubmittedEventDetails: output(text) }, text.length),
    succeeded: (text) => emit(scope, "TaskSucceeded", { taskSucceededEventDetails: output(text) }, text.length),
    ended: (error) => {
      const details = { ...which, ...failureOf(error) };
      if (error.error === "States.Timeout") emit(scope, "TaskTimedOut", { taskTimedOutEventDetails: details });
      else emit(scope, "TaskFailed", { taskFailedEventDetails: details });
    },
  };
};

const tellFunction = ({ scope }: Work, resource: string): Told => ({
  scheduled: (input, times) =>
    emit(
      scope,
      "LambdaFunctionScheduled",
      { lambdaFunctionScheduledEventDetails: { resource, input, inputDetails: outputDetails, ...times } },
      input.length,
    ),
  started: () => emit(scope, "LambdaFunctionStarted"),
  submitted: () => {},
  succeeded: (output) =>
    emit(
      scope,
      "LambdaFunctionSucceeded",
      { lambdaFunctionSucceededEventDetails: { output, outputDetails } },
      output.length,
    ),
  ended: (error) => {
    if (error.error === "States.Timeout") {
      emit(scope, "LambdaFunctionTimedOut", { lambdaFunctionTimedOutEventDetails: failureOf(error) });
    } else emit(scope, "LambdaFunctionFailed", { lambdaFunctionFailedEventDetails: failureOf(error) });
  },
});

/** Waits for the callback; each heartbeat begins the wait anew. */
const callbackOf = async (token: Token, heartbeat: number | undefined, signal: AbortSignal): Promise<unknown> => {
  for (;;) {
    const left = heartbeat === undefined ? undefined : token.beatAt() + heartbeat - Date.now();
    const limit =
      left === undefined ? undefined : { milliseconds: Math.max(left, 0), error: () => new HeartbeatTimeout() };
    const news = await within(token.next(), signal, limit);
    if (news.kind === "success") return JSON.parse(news.output);
    if (news.kind === "failure") throw new StateError(news.error ?? "States.TaskFailed", news.cause);
  }
};

/**
 * Runs a Task state: a Lambda function, by its ARN or through `lambda:invoke`, with or without a task token.
 *
 * @param argumentsOf gives InputPath and Parameters, with the context that has the token
 * @throws StateError what the function, Lambda or the time limits fail with; Stopped
 */
export const runTask = async (work: Work, argumentsOf: (work: Work) => unknown): Promise<unknown> => {
  const { scope, state } = work;
  const { invoke, tokens } = scope.environment;
  const resource = String(state.Resource);
  const integration = INTEGRATION.exec(resource)?.[1];
  const token = integration?.endsWith(".waitForTaskToken") ? tokens.open(work.place) : undefined;
  const context = token === undefined ? work.context : { ...work.context, Task: { Token: token.text } };
  const given = argumentsOf({ ...work, context });
  const told = integration === undefined ? tellFunction(work, resource) : tellIntegration(work, integration);
  const { timeout, heartbeat } = timesOf(work);

  const call = async (): Promise<unknown> => {
    const parameters = integration === undefined ? { FunctionName: resource, Payload: given } : given;
    if (!isFields(parameters) || typeof parameters.FunctionName !== "string") {
      throw runtimeError("The parameters of lambda:invoke must have a FunctionName");
    }
    // A copy: the function may change what it is given.
    const payload: unknown = JSON.parse(JSON.stringify(parameters.Payload ?? {}));
    const result = await invoke(functionNameOf(parameters.FunctionName), payload).catch((error: unknown) => {
      throw lambdaError(error);
    });
    const output = outputOf(result);
    return integration === undefined ? output : { ExecutedVersion: "$LATEST", Payload: output, StatusCode: 200 };
  };
  const answer = async (): Promise<unknown> => {
    if (token === undefined) return call();
    const submit = async (): Promise<never> => {
      if (!token.submitted()) {
        const output = await call();
        token.submit();
        told.submitted(withinLimit("lambda", JSON.stringify(output)));
      }
      return new Promise<never>(() => {});
    };
    return Promise.race([callbackOf(token, heartbeat, scope.signal), submit()]);
  };

  const started = token?.openedAt ?? Date.now();
  told.scheduled(withinLimit(work.name, JSON.stringify(given ?? null)), {
    ...(timeout === undefined ? {} : { timeoutInSeconds: timeout / 1000 }),
    ...(heartbeat === undefined ? {} : { heartbeatInSeconds: heartbeat / 1000 }),
  });
  told.started();
  try {
    const limit =
      timeout === undefined
        ? undefined
        : {
            milliseconds: Math.max(started + timeout - Date.now(), 0),
            error: () => new StateError("States.Timeout"),
          };
    const result = await within(answer(), scope.signal, limit);
    const text = withinLimit(integration === undefined ? resource : "lambda", JSON.stringify(result));
    told.succeeded(text);
    // A copy, in turn: the function may keep what it has given.
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof StateError) told.ended(error);
    throw error;
  } finally {
    token?.close();
  }
};
