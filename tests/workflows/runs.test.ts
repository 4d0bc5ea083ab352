import { describe, expect, test } from "vitest";
import type { Workflow } from "../../workflows/asl.ts";
import { workflows } from "../../workflows/workflows.ts";
import {
  answers,
  answersInTurn,
  fails,
  failsTimes,
  INPUT,
  LINES,
  placesOf,
  run,
  type Script,
  taskOfArn,
  tasksOf,
  WELL,
} from "./machines.ts";

const workflowNamed = (name: string): Workflow => {
  const found = workflows.find((workflow) => workflow.name === name);
  if (found === undefined) throw new Error(`no workflow ${name}`);
  return found;
};

/** The tasks of each workflow when all is well, in order, with two cells `c1` and `c2` where there are any. */
const IN_ORDER: Readonly<Record<string, readonly string[]>> = {
  "certificate-revoke": ["revoke-certificate"],
  "workspace-create": [
    "create-bucket",
    "secure-bucket",
    "create-device-policy",
    "create-thing-type",
    "finish-workspace",
  ],
  "workspace-delete": [
    "check-workspace-empty",
    "delete-cell-deployments",
    "delete-cell",
    "empty-bucket",
    "delete-bucket",
    "delete-device-policy",
    "delete-thing-type",
    "forget-workspace",
  ],
  "node-group-create": [
    "create-thing-group",
    "list-cells-of-deployment",
    "create-cell",
    "deliver-cell",
    "finish-node-group",
  ],
  "node-group-delete": [
    "check-node-group-empty",
    "delete-cell-deployments",
    "delete-cell",
    "delete-thing-group",
    "forget-node-group",
  ],
  "node-create": ["create-thing", "place-node", "create-cell", "deliver-cell", "finish-node"],
  "node-move": [
    "place-node",
    "create-cell",
    "deliver-cell",
    "delete-cell-deployments",
    "delete-cell",
    "finish-node-move",
  ],
  "node-delete": [
    "leave-groups",
    "delete-cell-deployments",
    "delete-cell",
    "delete-core-device",
    "delete-thing",
    "forget-node",
  ],
  "node-import-run": ["check-node-import", "create-cell", "deliver-cell", "import-nodes", "finish-node-import"],
  "node-import-delete": ["delete-node-import"],
  "component-import": ["import-component", "finish-component-import"],
  "component-version-copy": ["copy-component-files", "finish-component-copy"],
  "component-version-push": ["copy-pushed-files", "finish-push"],
  "component-version-publish": [
    "check-artifacts",
    "package-sources",
    "verify-artifacts",
    "create-component-version",
    "describe-component-version",
    "record-component-version",
    "finish-component-version",
    "update-deployments",
  ],
  "component-version-delete": [
    "check-version-unused",
    "delete-component-version",
    "delete-component-files",
    "forget-component-version",
  ],
  "drift-repair": ["repair-drift", "create-cell", "deliver-cell", "recall-nodes", "finish-drift-repair"],
  "deployment-apply": [
    "list-cells-of-deployment",
    "create-cell",
    "deliver-cell",
    "place-node",
    "delete-cell-deployments",
    "delete-cell",
    "finish-deployment",
  ],
  "release-publish": ["hash-release", "store-release", "compress-release", "sign-release", "finish-release"],
  "archive-create": ["hash-archive", "store-archive", "finish-archive"],
  "release-pause": ["pause-release"],
  "release-delete": ["withdraw-release", "delete-release-objects", "forget-release"],
};
/** What runs when something has failed that Greengrass may hold already. */
const UNDOING: Readonly<Record<string, { readonly task: string; readonly after: readonly string[] }>> = {
  "component-version-publish": {
    task: "withdraw-component-version",
    after: [
      "create-component-version",
      "describe-component-version",
      "record-component-version",
      "finish-component-version",
    ],
  },
};
const PER_CELL = new Set(["create-cell", "deliver-cell", "delete-cell-deployments", "delete-cell"]);
/** What tasks answer where that leads a workflow past all of its states. */
const THROUGH_ALL: Readonly<Record<string, Readonly<Record<string, Script>>>> = {
  "node-create": { "place-node": answersInTurn({ next: "prepare", cell: "c9" }, { next: "done", cells: [] }) },
  "node-move": { "place-node": answersInTurn({ next: "prepare", cell: "c9" }, { next: "done", cells: ["c1", "c2"] }) },
  "deployment-apply": { "list-cells-of-deployment": answers({ cells: ["c1", "c2"], places: true }) },
};
const runAll = (workflow: Workflow, scripts: Readonly<Record<string, Script>> = {}) =>
  run(workflow, { ...THROUGH_ALL[workflow.name], ...scripts });

/** How often a task runs when all is well. */
const timesOf = (workflow: string, task: string): number => {
  const isOnItsWay = workflow === "node-create" || workflow === "node-move";
  if (task === "place-node") return isOnItsWay ? 2 : 1;
  if (isOnItsWay && (task === "create-cell" || task === "deliver-cell")) return 1;
  return PER_CELL.has(task) || task === "import-nodes" ? 2 : 1;
};

/** How often a task is run that fails with the same error for ever: once, and as often as its state retries that. */
const triesOf = (workflow: Workflow, task: string, error: string): number => {
  const place = placesOf(workflow).find(
    ({ state }) => state.Type === "Task" && taskOfArn(state.Parameters.FunctionName) === task,
  );
  const retry = place?.state.Type === "Task" ? place.state.Retry : [];
  return 1 + (retry.find(({ ErrorEquals }) => ErrorEquals.includes(error))?.MaxAttempts ?? 0);
};

/** Tasks whose failure the workflow goes on after, and a later one tells of. */
const TOLERATED = new Set(["import-nodes"]);

describe.each(workflows.map((workflow) => ({ name: workflow.name, workflow })))("$name", ({ name, workflow }) => {
  test("runs its tasks in order and succeeds", async () => {
    const { outcome, calls, tasks } = await runAll(workflow);

    expect(outcome.status).toBe("SUCCEEDED");
    expect([...new Set(tasks)]).toEqual(["start-intent", ...(IN_ORDER[name] ?? [])]);
    expect(tasks).not.toContain("fail-intent");
    for (const { payload } of calls) expect(payload).toMatchObject({ ...INPUT });
    for (const task of tasks) expect(tasks.filter((one) => one === task)).toHaveLength(timesOf(name, task));
  });

  const undoing = UNDOING[name];
  const failing = tasksOf(workflow).filter((task) => task !== "fail-intent" && task !== undoing?.task);

  test.each(failing.filter((task) => !TOLERATED.has(task)))(
    "tells the intent why, and fails, when %s fails for good",
    async (task) => {
      const { outcome, calls, tasks } = await runAll(workflow, { [task]: fails("NameTaken", "the name is taken") });

      expect(outcome).toMatchObject({ status: "FAILED", error: "IntentFailed" });
      const last = calls.at(-1);
      expect(last?.task).toBe("fail-intent");
      expect(tasks.filter((one) => one === "fail-intent")).toHaveLength(1);
      expect(last?.payload).toEqual({
        ...INPUT,
        error: { Error: "NameTaken", Cause: expect.stringContaining("the name is taken") },
      });
      // Two cells may fail side by side; nothing is retried, and nothing comes after.
      const failed = tasks.indexOf(task);
      expect(tasks.filter((one) => one === task).length).toBeLessThanOrEqual(2);
      const before = ["start-intent", ...(IN_ORDER[name] ?? [])];
      for (const one of tasks.slice(failed)) {
        expect([...before.slice(0, before.indexOf(task) + 1), undoing?.task, "fail-intent"]).toContain(one);
      }
      const undone = tasks.filter((one) => one === undoing?.task);
      expect(undone).toHaveLength(undoing?.after.includes(task) ? 1 : 0);
    },
  );

  test.each(undoing?.after ?? [])("tells why %s failed also when what undoes it fails", async (task) => {
    const script = { [task]: fails("NameTaken", "the name is taken"), [undoing?.task ?? ""]: fails("AwsRefused") };
    const { calls, tasks } = await run(workflow, script);
    expect(tasks.slice(-2)).toEqual([undoing?.task, "fail-intent"]);
    expect(calls.at(-1)?.payload).toMatchObject({ error: { Error: "NameTaken" } });
  });

  test.each(failing)("succeeds when %s is throttled three times and then works", async (task) => {
    const well = THROUGH_ALL[name]?.[task] ?? WELL[task] ?? answers(null);
    const { outcome, tasks } = await runAll(workflow, { [task]: failsTimes(3, "Throttled", well) });

    expect(outcome.status).toBe("SUCCEEDED");
    expect(tasks).not.toContain("fail-intent");
    const without = (await runAll(workflow)).tasks;
    const count = (list: readonly string[]) => list.filter((one) => one === task).length;
    expect(count(tasks)).toBe(count(without) + 3);
  });

  test.each(["Throttled", "Unavailable", "Busy", "Lambda.ServiceException", "Lambda.TooManyRequestsException"])(
    "gives up when its first task answers %s for ever",
    async (error) => {
      const [first = ""] = IN_ORDER[name] ?? [];
      const { outcome, calls, tasks } = await run(workflow, { [first]: fails(error) });

      expect(outcome.status).toBe("FAILED");
      expect(tasks.filter((one) => one === first)).toHaveLength(triesOf(workflow, first, error));
      expect(calls.at(-1)).toMatchObject({ task: "fail-intent", payload: { error: { Error: error } } });
    },
  );

  test.each(["AwsRefused", "Internal", "TypeError", "Conflict"])(
    "does not repeat a task that failed with %s",
    async (error) => {
      const [first = ""] = IN_ORDER[name] ?? [];
      const { tasks } = await run(workflow, { [first]: fails(error) });
      expect(tasks).toEqual(["start-intent", first, "fail-intent"]);
    },
  );

  test.each(["States.Timeout", "Sandbox.Timedout", "Lambda.Unknown"])(
    "repeats a task that was cut off with %s as often as it says, and no more",
    async (error) => {
      const [first = ""] = IN_ORDER[name] ?? [];
      const { tasks } = await run(workflow, { [first]: fails(error) });
      const tries = Array.from({ length: triesOf(workflow, first, error) }, () => first);
      expect(tries.length).toBeGreaterThanOrEqual(3);
      expect(tasks).toEqual(["start-intent", ...tries, "fail-intent"]);
    },
  );

  test("tells the intent even when that is throttled at first", async () => {
    const script = { "start-intent": fails("Conflict"), "fail-intent": failsTimes(3, "Throttled", answers(null)) };
    const { outcome, tasks } = await run(workflow, script);
    expect(outcome).toMatchObject({ status: "FAILED", error: "IntentFailed" });
    expect(tasks.filter((one) => one === "fail-intent")).toHaveLength(4);
  });

  test("fails, with another error for the sweep to find, where the intent cannot be told", async () => {
    const { outcome } = await run(workflow, { "start-intent": fails("Conflict"), "fail-intent": fails("Internal") });
    expect(outcome).toMatchObject({ status: "FAILED", error: "Internal" });
  });
});

describe("a loop", () => {
  test.each([
    { name: "component-version-publish", task: "verify-artifacts" },
    { name: "component-import", task: "import-component" },
    { name: "component-version-copy", task: "copy-component-files" },
    { name: "component-version-push", task: "copy-pushed-files" },
  ])("of $task goes round while there is more", async ({ name, task }) => {
    const rounds = answersInTurn({ more: true }, { more: true }, { more: false });
    const { outcome, tasks } = await run(workflowNamed(name), { [task]: rounds });
    expect(outcome.status).toBe("SUCCEEDED");
    expect(tasks.filter((one) => one === task)).toHaveLength(3);
  });

  test.each([
    { name: "workspace-delete", task: "empty-bucket", answer: "empty", note: "until the bucket is empty" },
    {
      name: "component-version-publish",
      task: "describe-component-version",
      answer: "deployable",
      note: "until Greengrass can deploy the version",
    },
    {
      name: "component-version-delete",
      task: "delete-component-files",
      answer: "gone",
      note: "until the files are gone",
    },
  ])("of $name goes round $note", async ({ name, task, answer }) => {
    const rounds = answersInTurn({ [answer]: false }, { [answer]: false }, { [answer]: false }, { [answer]: true });
    const { outcome, tasks } = await run(workflowNamed(name), { [task]: rounds });

    expect(outcome.status).toBe("SUCCEEDED");
    expect(tasks.filter((one) => one === task)).toHaveLength(4);
    const order = IN_ORDER[name] ?? [];
    expect([...new Set(tasks)]).toEqual(["start-intent", ...order]);
    expect(tasks.at(-1)).toBe(order.at(-1));
  });

  test("waits between two looks at Greengrass", async () => {
    const looks = answersInTurn({ deployable: false }, { deployable: true });
    const { states } = await run(workflowNamed("component-version-publish"), { "describe-component-version": looks });
    expect(states.filter((state) => state === "Wait for Greengrass")).toHaveLength(1);
  });

  test.each(["node-group-create", "deployment-apply"])("of each cell of %s goes round by itself", async (name) => {
    const rounds = new Map<unknown, number>();
    const { outcome, calls } = await run(workflowNamed(name), {
      "deliver-cell": (_, { cell }) => {
        const round = (rounds.get(cell) ?? 0) + 1;
        rounds.set(cell, round);
        return { payload: { settled: round >= (cell === "c1" ? 3 : 1) } };
      },
    });

    expect(outcome.status).toBe("SUCCEEDED");
    expect(Object.fromEntries(rounds)).toEqual({ c1: 3, c2: 1 });
    expect(calls.filter(({ task }) => task === "create-cell").map(({ payload }) => payload.cell)).toEqual(["c1", "c2"]);
  });
});

describe.each(["node-create", "node-move"])("a node on its way: %s", (name) => {
  const done = { next: "done", cells: [] };

  test("gets a cell that delivers before it leaves what it has", async () => {
    const looks = answersInTurn({ next: "prepare", cell: "c9", cells: [] }, done);
    const { outcome, calls, tasks } = await run(workflowNamed(name), { "place-node": looks });
    expect(outcome.status).toBe("SUCCEEDED");
    const from = tasks.indexOf("place-node");
    expect(tasks.slice(from, from + 4)).toEqual(["place-node", "create-cell", "deliver-cell", "place-node"]);
    const cells = calls.flatMap(({ task, payload }) => (PER_CELL.has(task) ? [payload.cell] : []));
    expect(cells).toEqual(["c9", "c9"]);
  });

  test("goes on only when its cell is settled", async () => {
    const rounds = answersInTurn({ settled: false }, { settled: false }, { settled: true });
    const looks = answersInTurn({ next: "prepare", cell: "c9", cells: [] }, done);
    const { tasks } = await run(workflowNamed(name), { "place-node": looks, "deliver-cell": rounds });
    expect(tasks.filter((task) => task === "deliver-cell")).toHaveLength(3);
    expect(tasks.filter((task) => task === "place-node")).toHaveLength(2);
  });

  test("is looked at again after a pause while AWS has not caught up", async () => {
    const wait = { next: "wait", cells: [] };
    const { outcome, states } = await run(workflowNamed(name), { "place-node": answersInTurn(wait, wait, done) });
    expect(outcome.status).toBe("SUCCEEDED");
    expect(states.filter((state) => state === "Wait for AWS")).toHaveLength(2);
  });
});

describe("a node's own deployment", () => {
  test("is delivered before the node is placed, and what the node left goes last", async () => {
    const { outcome, tasks } = await run(workflowNamed("deployment-apply"), {
      "list-cells-of-deployment": answers({ cells: ["c1"], places: true }),
      "place-node": answers({ next: "done", cells: ["c2"] }),
    });
    expect(outcome.status).toBe("SUCCEEDED");
    expect(tasks).toEqual([
      "start-intent",
      "list-cells-of-deployment",
      "create-cell",
      "deliver-cell",
      "place-node",
      "delete-cell-deployments",
      "delete-cell",
      "finish-deployment",
    ]);
  });
});

describe("cells", () => {
  test.each(["workspace-delete", "node-group-create", "node-group-delete", "deployment-apply"])(
    "may be none in %s",
    async (name) => {
      const none = answers([]);
      const { outcome, tasks } = await run(workflowNamed(name), {
        "check-workspace-empty": none,
        "check-node-group-empty": none,
        "list-cells-of-deployment": answers({ cells: [], places: false }),
      });
      expect(outcome.status).toBe("SUCCEEDED");
      expect(tasks.filter((task) => PER_CELL.has(task))).toEqual([]);
    },
  );

  test("may be many: each is delivered to once", async () => {
    const many = Array.from({ length: 23 }, (_, index) => `c${index}`);
    const { outcome, calls } = await run(workflowNamed("deployment-apply"), {
      "list-cells-of-deployment": answers({ cells: many, places: false }),
    });
    const delivered = calls.flatMap(({ task, payload }) => (task === "deliver-cell" ? [String(payload.cell)] : []));
    expect(outcome.status).toBe("SUCCEEDED");
    expect(delivered.sort()).toEqual([...many].sort());
  });

  test("lose their deployments before they go", async () => {
    const { calls } = await run(workflowNamed("node-group-delete"));
    for (const cell of ["c1", "c2"]) {
      const own = calls.filter(({ payload }) => payload.cell === cell).map(({ task }) => task);
      expect(own).toEqual(["delete-cell-deployments", "delete-cell"]);
    }
  });
});

describe("an import of nodes", () => {
  test("hands each batch to a task of its own, as numbers", async () => {
    const { calls, outcome } = await run(workflowNamed("node-import-run"));
    expect(calls.flatMap(({ task, payload }) => (task === "import-nodes" ? [payload] : []))).toEqual(
      LINES.map((batch) => ({ ...INPUT, batch })),
    );
    expect(JSON.parse(outcome.output ?? "")).not.toHaveProperty("batch");
  });

  test("goes on with the other batches when one fails for good, and ends as its last step says", async () => {
    const broken: Script = (call, { batch }) =>
      (batch as { number: number }).number === 0 ? fails("Conflict")(call, {}) : { payload: null };
    const { outcome, tasks } = await run(workflowNamed("node-import-run"), {
      "import-nodes": broken,
      "finish-node-import": fails("ImportIncomplete", "1 of 2 nodes were not created"),
    });
    expect(tasks.filter((task) => task === "import-nodes")).toHaveLength(2);
    expect(outcome).toMatchObject({ status: "FAILED", error: "IntentFailed" });
    expect(tasks.slice(-2)).toEqual(["finish-node-import", "fail-intent"]);
  });
});

describe("a thing type that is still deprecating", () => {
  test("is waited for, minute by minute", async () => {
    const { outcome, tasks } = await run(workflowNamed("workspace-delete"), {
      "delete-thing-type": failsTimes(12, "Busy", answers(null)),
    });
    expect(outcome.status).toBe("SUCCEEDED");
    expect(tasks.filter((task) => task === "delete-thing-type")).toHaveLength(13);
  });

  test("is not waited for for ever", async () => {
    const { outcome, tasks } = await run(workflowNamed("workspace-delete"), { "delete-thing-type": fails("Busy") });
    expect(outcome.status).toBe("FAILED");
    expect(tasks.filter((task) => task === "delete-thing-type")).toHaveLength(16);
    expect(tasks.at(-1)).toBe("fail-intent");
  });
});
