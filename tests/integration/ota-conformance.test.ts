import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BINARIES, ROWS, type Row, type Where } from "./ota-conformance.rows.ts";
import { aWorkspace, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { ask } from "./support/http.ts";
import { type OtaOrigin, publishBinary, snapshotOfAll, startOrigin } from "./support/ota.ts";

let cloud: TestCloud;
let origin: OtaOrigin;
beforeAll(async () => {
  cloud = await startTestCloud();
  const api = await cloud.client();
  const { path } = await aWorkspace(api, "seed");
  for (const binary of BINARIES) await publishBinary(api, path, binary);
  await snapshotOfAll(cloud, "seed", BINARIES.length);
  origin = await startOrigin(cloud);
});
afterAll(async () => {
  await origin?.close();
  await cloud?.remove();
});

const holds = async (base: string, row: Row): Promise<void> => {
  const { query, method = "GET", headers = [], path = "/seed/package", has = {} } = row;
  const target = `${path}?${query}`;
  const told = await ask(base, { method, path: target, headers });
  expect(told.status, told.body.toString("utf8", 0, 500)).toBe(row.status);
  for (const [name, expected] of Object.entries(has)) {
    if (expected === undefined || typeof expected === "string") expect(told.headers[name], name).toBe(expected);
    else expect(told.headers[name], name).toMatch(expected);
  }
  await row.check?.(told, (more, other = "GET") => {
    const [again = "GET", elsewhere = target] = other.split(" ");
    return ask(base, { method: again, path: elsewhere, headers: more });
  });
};

const rowsAt = (where: Where) => ROWS.filter(({ at }) => at === undefined || at.includes(where));

describe("through the CDN", () => {
  test.each(rowsAt("cdn"))("$rule", (row) => holds(cloud.endpoints.ota, row));
});

describe("at the origin", () => {
  test.each(rowsAt("origin"))("$rule", (row) => holds(origin.url, row));
});

test("the table has a row for each rule, once", () => {
  expect(ROWS.length).toBeGreaterThanOrEqual(80);
  const named = ROWS.map(({ rule, at }) => `${rule} ${at}`);
  expect(new Set(named).size).toBe(named.length);
});
