import aslValidator from "asl-validator";
import { describe, expect, test } from "vitest";
import { prepareDefinition } from "../../local/step-functions/definition.ts";
import { INTENT_KINDS, workflowOf } from "../../shared/intent/intent.ts";
import { RETRYABLE_ERRORS } from "../../shared/problems.ts";
import { FAILED } from "../../workflows/asl.ts";
import { type TaskName, tasks } from "../../workflows/tasks.ts";
import { workflows } from "../../workflows/workflows.ts";
import { allPlaces, definitionOf, functionArn, type Place, placesOf, taskOfArn, tasksOf } from "./machines.ts";

const each = workflows.map((workflow) => ({ name: workflow.name, workflow }));

describe.each(each)("the definition of $name", ({ name, workflow }) => {
  const definition = definitionOf(workflow);
  const places = placesOf(workflow);

  test("is valid Amazon States Language", () => {
    const { isValid, errors } = aslValidator(structuredClone(definition), { checkPaths: true, checkArn: true });
    expect(errors).toEqual([]);
    expect(isValid).toBe(true);
  });

  test("runs in the embedded cloud as on AWS", () => {
    expect(() => prepareDefinition(name, definition)).not.toThrow();
  });

  test("is the same each time, and plain JSON", () => {
    expect(definitionOf(workflow)).toEqual(definition);
    expect(JSON.parse(JSON.stringify(definition))).toEqual(definition);
  });

  test("has its own time to end in, long enough for its longest task and short of a day", () => {
    const longest = Math.max(...places.map(({ state }) => (state.Type === "Task" ? state.TimeoutSeconds : 0)));
    expect(definition.TimeoutSeconds).toBeGreaterThan(longest);
    expect(definition.TimeoutSeconds).toBeLessThan(86_400);
    expect(definition.Comment).toMatch(/\w/);
  });

  test("starts by starting the intent", () => {
    const first = definition.States[definition.StartAt];
    expect(first?.Type === "Task" && taskOfArn(first.Parameters.FunctionName)).toBe("start-intent");
  });

  test("can reach every state and leave every loop", () => {
    const machines = new Set(places.map(({ machine }) => machine));
    for (const { StartAt, States } of machines) {
      const successors = (from: string): string[] => {
        const state = States[from];
        if (state === undefined) throw new Error(`${from} is not a state`);
        return [
          ...("Next" in state ? [state.Next] : []),
          ...("Catch" in state ? (state.Catch ?? []).map(({ Next }) => Next) : []),
          ...(state.Type === "Choice" ? [...state.Choices.map(({ Next }) => Next), state.Default] : []),
        ];
      };
      const from = (start: string): Set<string> => {
        const seen = new Set<string>();
        const open = [start];
        for (let state = open.pop(); state !== undefined; state = open.pop()) {
          if (seen.has(state)) continue;
          seen.add(state);
          open.push(...successors(state));
        }
        return seen;
      };
      expect([...from(StartAt)].sort()).toEqual(Object.keys(States).sort());
      for (const state of Object.keys(States)) {
        const ends = [...from(state)].some((one) => successors(one).every((next) => next === FAILED));
        expect(ends, `${state} cannot end well`).toBe(true);
      }
    }
  });

  test("names each state once, at whatever depth", () => {
    const names = places.map((place) => place.name);
    expect(new Set(names).size).toBe(names.length);
    for (const one of names) expect(one.length).toBeLessThanOrEqual(80);
  });

  test("ends what it caught as a failure, with the error for the intent", () => {
    expect(definition.States[FAILED]).toMatchObject({
      Parameters: { FunctionName: functionArn("fail-intent"), Payload: { "error.$": "$.error" } },
      Next: "Failed",
    });
    expect(definition.States.Failed).toMatchObject({ Type: "Fail" });
  });
});

const tasksIn = allPlaces.flatMap((place) =>
  place.state.Type === "Task" ? [{ ...place, state: place.state, where: `${place.workflow}: ${place.name}` }] : [],
);

/** A state that takes back what a workflow has done, before its failure is told. */
const UNDOING = "Withdraw the component version";

describe.each(tasksIn)("the task $where", ({ workflow, name, state, machine, withinMap }) => {
  const task = taskOfArn(state.Parameters.FunctionName);

  test("is declared, and given longer than its function may take", () => {
    expect(Object.keys(tasks)).toContain(task);
    const { timeoutSeconds } = tasks[task as TaskName];
    expect(state.TimeoutSeconds).toBeGreaterThan(timeoutSeconds);
    expect(state.TimeoutSeconds).toBeLessThanOrEqual(timeoutSeconds + 60);
  });

  test("is tried again when that may help, and gives up in a time that is bounded", () => {
    const retried = state.Retry.flatMap(({ ErrorEquals }) => ErrorEquals);
    expect(retried).toEqual(
      expect.arrayContaining([...RETRYABLE_ERRORS, "Lambda.ServiceException", "Lambda.TooManyRequestsException"]),
    );
    expect(retried).not.toContain("States.ALL");
    expect(retried).toEqual(expect.arrayContaining(["Lambda.Unknown", "Sandbox.Timedout", "States.Timeout"]));
    for (const { ErrorEquals, IntervalSeconds, MaxAttempts, BackoffRate } of state.Retry) {
      expect(IntervalSeconds).toBeGreaterThanOrEqual(1);
      expect(MaxAttempts).toBeGreaterThanOrEqual(ErrorEquals.includes("Sandbox.Timedout") ? 2 : 3);
      expect(BackoffRate).toBeGreaterThanOrEqual(1);
    }
    const pauses = state.Retry.flatMap(({ IntervalSeconds, MaxAttempts, BackoffRate, MaxDelaySeconds }) =>
      Array.from({ length: MaxAttempts }, (_, attempt) =>
        Math.min(IntervalSeconds * BackoffRate ** attempt, MaxDelaySeconds ?? Infinity),
      ),
    );
    const whole = workflows.find((one) => one.name === workflow);
    const available = (whole && definitionOf(whole).TimeoutSeconds) ?? 0;
    expect(pauses.reduce((sum, pause) => sum + pause, 0)).toBeLessThan(available);
  });

  test("hands its failure on to where the intent is told", () => {
    if (withinMap || name === FAILED) return expect(state.Catch).toBeUndefined();
    const [caught, ...others] = state.Catch ?? [];
    expect(others).toEqual([]);
    // What undoes something first leaves the error where it is, and goes on whatever comes of it.
    const undoing = name === UNDOING;
    const first =
      machine.States[UNDOING] === undefined || undoing ? FAILED : expect.stringMatching(`${FAILED}|${UNDOING}`);
    expect(caught).toEqual({
      ErrorEquals: ["States.ALL"],
      ResultPath: undoing ? "$.withdrawal" : "$.error",
      Next: first,
    });
    if (undoing) expect(state).toMatchObject({ Next: FAILED, ResultPath: null });
  });

  test("is given ids and paths only, never data", () => {
    const { Payload } = state.Parameters;
    for (const id of ["intentId", "attempt", "kind", "workspaceId", "subjectId", "parentId"]) {
      expect(Payload[`${id}.$`]).toBe(`$.${id}`);
    }
    for (const [key, value] of Object.entries(Payload)) {
      expect(key).toMatch(/^[a-zA-Z]+\.\$$/);
      expect(value).toMatch(/^\$\.[a-zA-Z.]+$/);
    }
  });

  test("keeps the ids and puts its answer beside them", () => {
    if (state.ResultPath === null) expect(state.ResultSelector).toBeUndefined();
    else {
      expect(state.ResultPath).toMatch(/^\$\.[a-z]+$/);
      expect(["$.intentId", "$.attempt", "$.kind", "$.error"]).not.toContain(state.ResultPath);
      expect(state.ResultSelector).toEqual({ "value.$": "$.Payload" });
    }
  });
});

describe("all workflows together", () => {
  test("are one for each kind of intent, by its name", () => {
    expect(workflows.map(({ name }) => name)).toEqual(INTENT_KINDS.map(workflowOf));
    expect(new Set(workflows.map(({ name }) => name)).size).toBe(workflows.length);
  });

  test("use every declared task", () => {
    expect([...new Set(workflows.flatMap(tasksOf))].sort()).toEqual(Object.keys(tasks).sort());
  });

  test("have names that fit a state machine of the longest stage", () => {
    for (const { name } of workflows) expect(`${"s".repeat(16)}-${name}`).toMatch(/^[a-zA-Z0-9_-]{1,80}$/);
  });
});

/** What would take a workflow its bounds, its ids or its end; and what the embedded cloud does not interpret. */
const FORBIDDEN: readonly { readonly what: string; readonly in: (place: Place) => boolean }[] = (() => {
  const textOf = ({ state }: Place): string =>
    JSON.stringify(state, (key, value: unknown) => (key === "ItemProcessor" ? undefined : value));
  const says =
    (pattern: RegExp) =>
    (place: Place): boolean =>
      pattern.test(textOf(place));
  return [
    { what: "a ResultPath that replaces the ids", in: says(/"ResultPath":"\$"/) },
    {
      what: "JSONata or variables",
      in: says(/"(?:QueryLanguage|Assign|Arguments|Output|Items)":/),
    },
    {
      what: "a Map without a limit to its concurrency",
      in: ({ state }) => state.Type === "Map" && !(state.MaxConcurrency >= 1 && state.MaxConcurrency <= 40),
    },
    { what: "a Map that catches nothing", in: ({ state }) => state.Type === "Map" && state.Catch === undefined },
    { what: "a Map whose results pile up", in: ({ state }) => state.Type === "Map" && state.ResultPath !== null },
    {
      what: "a pause of nothing or of more than a quarter of an hour",
      in: ({ state }) => state.Type === "Wait" && !(state.Seconds >= 1 && state.Seconds <= 900),
    },
    {
      what: "a choice about anything but a task's answer",
      in: ({ state }) =>
        state.Type === "Choice" && state.Choices.some(({ Variable }) => !/^\$\.[a-z]+\.value\.[a-z]+$/.test(Variable)),
    },
  ];
})();

describe("no workflow uses", () => {
  test.each(FORBIDDEN)("$what", (rule) => {
    expect(allPlaces.filter(rule.in).map(({ workflow, name }) => `${workflow}: ${name}`)).toEqual([]);
  });
});

describe("what a state reads, a state before it has written:", () => {
  test.each(each)("$name", ({ workflow }) => {
    const places = placesOf(workflow);
    for (const machine of new Set(places.map((place) => place.machine))) {
      const ids = ["intentId", "attempt", "kind", "workspaceId", "subjectId", "parentId"];
      // What a Map gives each of its runs.
      const given = places.flatMap(({ state }) =>
        state.Type === "Map" && state.ItemProcessor === machine ? Object.keys(state.ItemSelector) : [],
      );
      const first = given.length === 0 ? ids : given.map((member) => member.replace(/\.\$$/, ""));
      // On every way to a state: what the ways have in common.
      const known = new Map<string, ReadonlySet<string>>([[machine.StartAt, new Set(first)]]);
      const open = [machine.StartAt];
      for (let name = open.pop(); name !== undefined; name = open.pop()) {
        const state = machine.States[name];
        const before = known.get(name) ?? new Set();
        if (state === undefined) throw new Error(`${name} is not a state`);
        const own = JSON.stringify(state, (key, value: unknown) =>
          ["ItemProcessor", "ResultPath", "ResultSelector"].includes(key) ? undefined : value,
        );
        for (const [, read] of own.matchAll(/"\$\.([a-zA-Z]+)/g)) {
          expect([...before], `${name} reads $.${read}`).toContain(read);
        }
        const written = "ResultPath" in state && state.ResultPath !== null ? [state.ResultPath.slice(2)] : [];
        const go = (next: string, members: readonly string[]) => {
          const former = known.get(next);
          const now = new Set(members.filter((member) => former === undefined || former.has(member)));
          if (former !== undefined && former.size === now.size) return;
          known.set(next, now);
          open.push(next);
        };
        if ("Next" in state) go(state.Next, [...before, ...written]);
        if ("Catch" in state) for (const { Next } of state.Catch ?? []) go(Next, [...before, "error"]);
        if (state.Type === "Choice")
          for (const next of [...state.Choices.map(({ Next }) => Next), state.Default]) go(next, [...before]);
      }
    }
  });
});
