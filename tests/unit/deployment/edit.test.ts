import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emptyDeployment, type KeptRevision, type StoredDeployment } from "../../../shared/deployment/deployment.ts";
import {
  autoUpdated,
  type DeploymentEdit,
  DeploymentPatch,
  DeploymentReplacement,
  diffRevisions,
  edited,
} from "../../../shared/deployment/edit.ts";
import { layerOf } from "../../../shared/deployment/layers.ts";
import { cellContent, resolver } from "../../../shared/deployment/resolve.ts";
import { createDeploymentSettings, deliverySettings, Rollout } from "../../../shared/deployment/settings.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const LATER = new Date("2026-01-02T03:04:06.000Z");
const EMPTY = emptyDeployment("ws_1", { type: "node-group", id: "grp_1", name: "press" }, 7, NOW);
const BASE: StoredDeployment = {
  ...EMPTY,
  components: { a: { version: "1.0.0", catalogue: 4 }, b: { version: "^2.0.0", merge: { x: 1 }, catalogue: 6 } },
  policies: { failureHandling: "do-nothing" },
};
const next = (edit: DeploymentEdit, from = BASE, catalogue = 9) => edited(from, edit, { catalogue, now: LATER });
const asKept = (one: StoredDeployment): KeptRevision => ({ ...one, requestedBy: "ann", at: one.updatedAt });

describe("an edit", () => {
  test.each<{ note: string; edit: DeploymentEdit; says: Partial<StoredDeployment> }>([
    {
      note: "patches what it names, with the number of today",
      edit: { edit: "patch", components: { a: null, c: { version: "*", runWith: { posixUser: "ggc" } } }, priority: 3 },
      says: {
        components: {
          b: BASE.components.b ?? fail(),
          c: { version: "*", runWith: { posixUser: "ggc" }, catalogue: 9 },
        },
        priority: 3,
        policies: { failureHandling: "do-nothing" },
        change: { kind: "patch" },
      },
    },
    {
      note: "takes settings away by null",
      edit: { edit: "patch", policies: null, autoUpdate: true, rollout: { maximumPerMinute: 5 }, reason: "slowly" },
      says: {
        components: BASE.components,
        policies: undefined,
        autoUpdate: true,
        rollout: { maximumPerMinute: 5 },
        change: { kind: "patch", reason: "slowly" },
      },
    },
    {
      note: "replaces the whole, and what is said again keeps its number",
      edit: {
        edit: "replace",
        priority: 0,
        components: { b: { version: "^2.0.0", merge: { x: 1 } }, c: { version: "1.0.0" } },
      },
      says: {
        components: { b: BASE.components.b ?? fail(), c: { version: "1.0.0", catalogue: 9 } },
        policies: undefined,
        change: { kind: "replace" },
      },
    },
    {
      note: "refreshes one component",
      edit: { edit: "refresh", components: ["b"] },
      says: {
        components: { a: BASE.components.a ?? fail(), b: { version: "^2.0.0", merge: { x: 1 }, catalogue: 9 } },
        change: { kind: "refresh" },
      },
    },
    {
      note: "refreshes all of them",
      edit: { edit: "refresh" },
      says: {
        components: {
          a: { version: "1.0.0", catalogue: 9 },
          b: { version: "^2.0.0", merge: { x: 1 }, catalogue: 9 },
        },
      },
    },
  ])("$note", ({ edit, says }) => {
    const made = next(edit);
    expect(made).toMatchObject({ revision: 2, catalogue: 9, updatedAt: LATER.toISOString(), id: "grp_1" });
    for (const [name, value] of Object.entries(says)) {
      if (value === undefined) expect(made).not.toHaveProperty(name);
      else expect(made).toHaveProperty(name, value);
    }
  });

  test("that rolls back says again what was said, numbers included, and does not go forward by itself again", () => {
    const automatic: StoredDeployment = { ...BASE, autoUpdate: true };
    const changed = next({ edit: "patch", components: { a: null }, priority: 5, policies: null }, automatic);
    const back = next({ edit: "rollback", to: asKept(automatic), reason: "broken" }, changed, 12);
    expect(back).toMatchObject({
      components: automatic.components,
      priority: 0,
      policies: automatic.policies,
      autoUpdate: false,
      catalogue: 12,
      revision: 3,
      change: { kind: "rollback", rolledBackTo: 1, reason: "broken" },
    });
    expect(diffRevisions(BASE, next({ edit: "rollback", to: asKept(BASE) }, changed))).toEqual({
      components: {},
      settings: {},
    });
  });

  test("is checked where it comes in", () => {
    expect(DeploymentPatch.safeParse({ reason: "none" }).success).toBe(false);
    expect(DeploymentPatch.safeParse({ autoUpdate: false }).success).toBe(true);
    expect(DeploymentReplacement.safeParse({ components: {} }).success).toBe(false); // no plan was shown
    expect(DeploymentReplacement.safeParse({ components: {}, plan: "0".repeat(64) }).success).toBe(true);
    expect(Rollout.safeParse({ maximumPerMinute: 1_001 }).success).toBe(false);
    expect(Rollout.safeParse({ abort: [] }).success).toBe(false);
  });
});

describe("after any edits", () => {
  const wish = fc.record({ version: fc.constantFrom("*", "^1.0.0", "1.0.0", "<1.2.0") });
  const wishes = fc.dictionary(fc.constantFrom("a", "b"), wish);
  const edit: fc.Arbitrary<DeploymentEdit> = fc.oneof(
    fc.record({
      edit: fc.constant("patch" as const),
      components: fc.dictionary(fc.constantFrom("a", "b"), fc.option(wish)),
    }),
    fc.record({ edit: fc.constant("replace" as const), components: wishes, priority: fc.nat(3) }),
    fc.record({ edit: fc.constant("refresh" as const) }),
  );
  const history = fc.array(fc.oneof(edit, fc.constantFrom("a" as const, "b" as const)), { maxLength: 12, size: "max" });

  test("a rollback to a revision resolves exactly as that did, whatever was published since", () => {
    fc.assert(
      fc.property(history, fc.nat(12), (steps, at) => {
        const published: Record<"a" | "b", { version: string; catalogueNumber: number }[]> = { a: [], b: [] };
        let count = 0;
        let now = EMPTY;
        const contentOf = (one: StoredDeployment) => cellContent(resolver(published).set([layerOf(one)], "nucleus"));
        const seen = [{ revision: asKept(now), content: contentOf(now) }];
        for (const step of steps) {
          if (typeof step === "string") {
            count += 1;
            published[step].push({ version: `1.${count}.0`, catalogueNumber: EMPTY.catalogue + count });
            continue;
          }
          now = edited(now, step, { catalogue: EMPTY.catalogue + count, now: LATER });
          seen.push({ revision: asKept(now), content: contentOf(now) });
        }
        const then = seen[at % seen.length];
        if (then === undefined) throw new Error("no revision");
        const back = edited(
          now,
          { edit: "rollback", to: then.revision },
          { catalogue: EMPTY.catalogue + count, now: LATER },
        );
        expect(contentOf(back)).toEqual(then.content);
        expect(diffRevisions(then.revision, back).components).toEqual({});
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("the differences of two revisions", () => {
  test("are told by component and setting", () => {
    const after: StoredDeployment = {
      ...BASE,
      components: { b: { version: "^3.0.0", catalogue: 9 }, c: { version: "*", catalogue: 9 } },
      priority: 2,
      policies: { failureHandling: "rollback" },
    };
    expect(diffRevisions(BASE, after)).toEqual({
      components: {
        a: { change: "removed", before: BASE.components.a },
        b: { change: "changed", before: BASE.components.b, after: after.components.b },
        c: { change: "added", after: after.components.c },
      },
      priority: { before: 0, after: 2 },
      settings: { policies: { before: BASE.policies, after: after.policies } },
    });
  });
});

describe("a deployment that updates itself", () => {
  const published = { a: [{ version: "1.0.0", catalogueNumber: 1 }], b: [{ version: "2.0.0", catalogueNumber: 2 }] };
  const withNew = { ...published, b: [...published.b, { version: "2.1.0", catalogueNumber: 8 }] };
  const sight = { catalogue: 8, now: LATER };

  test("takes what was published and will do", () => {
    const updated = autoUpdated({ ...BASE, autoUpdate: true }, withNew, sight);
    expect(updated).toMatchObject({ revision: 2, change: { kind: "auto-update" }, autoUpdate: true });
    expect(updated?.components.b?.catalogue).toBe(8);
  });

  test("does nothing where that changes nothing, or where it was not asked to", () => {
    expect(autoUpdated({ ...BASE, autoUpdate: true }, published, sight)).toBeUndefined();
    expect(autoUpdated(BASE, withNew, sight)).toBeUndefined();
  });
});

describe("how a cell is delivered to", () => {
  test("comes member by member from the deployment of highest precedence that says it", () => {
    const settings = deliverySettings([
      { policies: { failureHandling: "do-nothing" } },
      {
        policies: { failureHandling: "rollback", validationSeconds: 9 },
        rollout: {
          exponential: { baseRatePerMinute: 5, incrementFactor: 2, increaseAfter: { notified: 10 } },
          abort: [{ failure: "timed-out", thresholdPercentage: 10, minimumExecuted: 5 }],
          timeoutMinutes: 30,
        },
      },
      {},
    ]);
    expect(createDeploymentSettings(settings)).toEqual({
      deploymentPolicies: {
        failureHandlingPolicy: "DO_NOTHING",
        configurationValidationPolicy: { timeoutInSeconds: 9 },
      },
      iotJobConfiguration: {
        jobExecutionsRolloutConfig: {
          exponentialRate: {
            baseRatePerMinute: 5,
            incrementFactor: 2,
            rateIncreaseCriteria: { numberOfNotifiedThings: 10 },
          },
        },
        abortConfig: {
          criteriaList: [
            { failureType: "TIMED_OUT", action: "CANCEL", thresholdPercentage: 10, minNumberOfExecutedThings: 5 },
          ],
        },
        timeoutConfig: { inProgressTimeoutInMinutes: 30 },
      },
    });
    expect(createDeploymentSettings(deliverySettings([{}, {}]))).toEqual({});
  });
});

function fail(): never {
  throw new Error("the base has it");
}
