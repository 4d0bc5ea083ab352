/**
 * Checked by `tsc` alone: an unknown state or task does not compile. Each expected error stands on the one line that
 * must not compile; where it would compile, `tsc` reports the expectation as unused.
 */
import { type FunctionArn, invoke, sequence, states, taskStates } from "../../workflows/asl.ts";

const functionArn: FunctionArn = (task) => task;
const task = taskStates(functionArn);
const options = { comment: "", timeoutSeconds: 60 };

export const known = states({
  StartAt: "One",
  States: { One: { Type: "Pass", Next: "Two" }, Two: { Type: "Succeed" } },
});

export const unknownStart = states({
  // @ts-expect-error there is no state Three
  StartAt: "Three",
  States: { One: { Type: "Succeed" } },
});

export const unknownNext = states({
  StartAt: "One",
  // @ts-expect-error there is no state Three
  States: { One: { Type: "Pass", Next: "Three" }, Two: { Type: "Succeed" } },
});

export const unknownDefault = states({
  StartAt: "One",
  // @ts-expect-error there is no state Three
  States: { One: { Type: "Choice", Choices: [], Default: "Three" }, Two: { Type: "Succeed" } },
});

export const knownSteps = sequence(
  functionArn,
  { ...options, first: "One" },
  { One: task("create-bucket", { Next: "Two" }), Two: task("finish-workspace", { End: true }) },
);

export const unknownFirst = sequence(
  functionArn,
  // @ts-expect-error there is no step Three
  { ...options, first: "Three" },
  { One: task("create-bucket", { End: true }) },
);

export const unknownStep = sequence(
  functionArn,
  { ...options, first: "One" },
  // @ts-expect-error there is no step Three
  { One: task("create-bucket", { Next: "Three" }), Two: task("finish-workspace", { End: true }) },
);

// @ts-expect-error there is no such task
export const unknownTask = task("create-buckets", { End: true });

// @ts-expect-error there is no such task
export const unknownInvoked = invoke("arn", "create-buckets", { End: true });

// @ts-expect-error an answer goes below the ids, never in their place
export const replacingAnswer = task("create-bucket", { End: true }, { result: "$" });

// @ts-expect-error a state goes on or ends
export const neither = task("create-bucket", {});

// @ts-expect-error nothing but a declared task has an ARN
export const unknownArn = functionArn("create-buckets");
