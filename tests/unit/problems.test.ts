import { describe, expect, test } from "vitest";
import {
  AppError,
  PROBLEMS,
  type ProblemCode,
  problem,
  problemOfTaskError,
  RETRYABLE_ERRORS,
} from "../../shared/problems.ts";

const CODES = Object.keys(PROBLEMS) as ProblemCode[];
const cause = (errorType: string, errorMessage: unknown) =>
  JSON.stringify({ errorType, errorMessage, trace: ["at x"] });

describe("the problems", () => {
  test("have codes in kebab case and an error type each, none twice", () => {
    for (const code of CODES) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    const types = CODES.map((code) => new AppError(code, "").name);
    expect(new Set(types).size).toBe(CODES.length);
    for (const type of types) expect(type).toMatch(/^([A-Z][a-z]+)+$/);
  });

  test("have an error type that is none of JavaScript's, Lambda's or Step Functions' own", () => {
    const taken = ["Error", "TypeError", "RangeError", "SyntaxError", "Sandbox.Timedout", "Runtime.ExitError"];
    for (const code of CODES) {
      const type = new AppError(code, "").name;
      expect(taken).not.toContain(type);
      expect(type).not.toContain(".");
    }
  });

  test.each(CODES)("%s has an HTTP status of an error, and a title", (code) => {
    const { status, title } = PROBLEMS[code];
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThanOrEqual(599);
    expect(title).toMatch(/^[A-Z].*[^.]$/);
  });

  test("that may pass by themselves, and those alone, are retried by workflows", () => {
    expect([...RETRYABLE_ERRORS].sort()).toEqual(["Busy", "Throttled", "Unavailable"]);
    for (const code of ["throttled", "unavailable", "busy"] as const) {
      expect(RETRYABLE_ERRORS).toContain(new AppError(code, "").name);
    }
  });

  test("become documents with a stable code, and with findings where there are some", () => {
    expect(problem("name-taken", "acme is taken")).toEqual({
      type: "/v1/problems/name-taken",
      title: "The name is taken",
      status: 409,
      code: "name-taken",
      detail: "acme is taken",
    });
    const finding = { pointer: "/name", rule: "too_long", detail: "too long" };
    expect(problem("invalid-request", "no", [finding]).errors).toEqual([finding]);
  });

  test("keep what caused them", () => {
    const reason = new Error("deep");
    const error = new AppError("aws-refused", "no", { cause: reason });
    expect(error).toMatchObject({ message: "no", cause: reason, code: "aws-refused", findings: [] });
  });
});

describe("the error of a task", () => {
  test.each([
    {
      error: { Error: "NameTaken", Cause: cause("NameTaken", "acme is taken") },
      code: "name-taken",
      detail: "acme is taken",
    },
    { error: { Error: "NameTaken", Cause: "plain text" }, code: "name-taken", detail: "plain text" },
    { error: { Error: "NameTaken", Cause: "{broken" }, code: "name-taken", detail: "{broken" },
    { error: { Error: "NameTaken", Cause: '"a string"' }, code: "name-taken", detail: '"a string"' },
    { error: { Error: "NameTaken", Cause: "null" }, code: "name-taken", detail: "null" },
    { error: { Error: "NameTaken", Cause: "{}" }, code: "name-taken", detail: "{}" },
    { error: { Error: "NameTaken", Cause: cause("NameTaken", 7) }, code: "name-taken", detail: "7" },
    { error: { Error: "NameTaken" }, code: "name-taken", detail: PROBLEMS["name-taken"].title },
    {
      error: { Error: "Throttled", Cause: cause("Throttled", "AWS answered SlowDown") },
      code: "throttled",
      detail: "AWS answered SlowDown",
    },
    { error: { Error: "States.Timeout" }, code: "timed-out", detail: "a step of the workflow took longer than it may" },
    {
      error: { Error: "States.Timeout", Cause: "secret" },
      code: "timed-out",
      detail: "a step of the workflow took longer than it may",
    },
    {
      error: { Error: "TypeError", Cause: cause("TypeError", "x is not a function") },
      code: "internal",
      detail: "a step of the workflow failed with TypeError",
    },
    {
      error: { Error: "Lambda.Unknown", Cause: "secret" },
      code: "internal",
      detail: "a step of the workflow failed with Lambda.Unknown",
    },
    { error: { Error: "name-taken" }, code: "internal", detail: "a step of the workflow failed with name-taken" },
    { error: { Cause: "secret" }, code: "internal", detail: "a step of the workflow failed with an unnamed error" },
    { error: { Error: "" }, code: "internal", detail: "a step of the workflow failed with an unnamed error" },
    { error: {}, code: "internal", detail: "a step of the workflow failed with an unnamed error" },
    { error: { Error: "constructor" }, code: "internal", detail: "a step of the workflow failed with constructor" },
  ])("$error is $code", ({ error, code, detail }) => {
    const found = problemOfTaskError(error);
    expect(found).toMatchObject({ code, detail, type: `/v1/problems/${code}` });
    expect(JSON.stringify(found)).not.toMatch(/secret|at x|is not a function/);
  });

  test.each(CODES)("of ours comes back as itself: %s", (code) => {
    const { name, message } = new AppError(code, "because");
    expect(problemOfTaskError({ Error: name, Cause: cause(name, message) })).toEqual(problem(code, "because"));
  });
});
