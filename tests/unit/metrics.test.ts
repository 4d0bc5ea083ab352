import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { functions } from "../../functions/declared.ts";
import { measure } from "../../functions/metrics.ts";
import { dimensionSets, METRIC_NAMESPACE, type MetricName, metrics } from "../../shared/declared/metrics.ts";

/** As in CloudWatch's "Embedded metric format specification". */
interface Line {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
  readonly [member: string]: unknown;
}

describe("a metric is told", () => {
  let written: string[];
  const { STAGE } = process.env;
  beforeEach(() => {
    written = [];
    process.env.STAGE = "dev";
    vi.spyOn(process.stdout, "write").mockImplementation((chunk) => written.push(String(chunk)) > 0);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    if (STAGE === undefined) delete process.env.STAGE;
    else process.env.STAGE = STAGE;
  });

  test.each(Object.keys(metrics) as MetricName[])(
    "%s with the declared unit, over all and by each dimension",
    (name) => {
      const dimensions = Object.fromEntries(metrics[name].by.map((dimension) => [dimension, `some ${dimension}`]));
      (measure as (name: MetricName, value: number, dimensions: object) => void)(name, 7, dimensions);
      vi.restoreAllMocks();
      expect(written.length).toBe(1);
      const { _aws, ...members } = JSON.parse(written.join("")) as Line;
      expect(members).toEqual({ service: "slipway", stage: "dev", ...dimensions, [name]: 7 });
      expect(_aws.CloudWatchMetrics).toEqual([
        {
          Namespace: METRIC_NAMESPACE,
          Dimensions: dimensionSets(name),
          Metrics: [{ Name: name, Unit: metrics[name].unit }],
        },
      ]);
    },
  );
});

describe("what functions measure", () => {
  const root = join(import.meta.dirname, "../..");
  const sources = readdirSync(join(root, "functions"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => ({ file: `functions/${file}`, text: readFileSync(join(root, "functions", file), "utf8") }));
  const measuredIn = (text: string): string[] =>
    [...text.matchAll(/\bmeasure\("(\w+)"/g)].map(([, name]) => String(name));

  test("is every declared metric", () => {
    const measured = sources.flatMap(({ text }) => measuredIn(text));
    expect([...new Set(measured)].sort()).toEqual(Object.keys(metrics).sort());
  });

  test("is told with the stage, which each of the functions knows", () => {
    const without = Object.entries(functions).filter(([, { module, environment }]) => {
      const own = sources.find(({ file }) => file === `${module}.ts`);
      return own !== undefined && measuredIn(own.text).length > 0 && !environment.includes("STAGE");
    });
    expect(without.map(([name]) => name)).toEqual([]);
  });
});
