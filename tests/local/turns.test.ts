import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateTableCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { bookTurn, SHARED_RATES, type SharedOperation, takeTurn } from "../../shared/aws/turns.ts";
import { startDynoxide } from "./dynoxide.ts";

/** The bucket that all functions share, against a real table: what makes it one is what the table refuses. */
const dir = mkdtempSync(join(tmpdir(), "slipway-turns-"));
let engine: Awaited<ReturnType<typeof startDynoxide>>;
let tables = 0;

beforeAll(async () => {
  engine = await startDynoxide(dir);
  vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint);
  vi.stubEnv("AWS_REGION", "eu-central-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "local");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "local");
});
beforeEach(async () => {
  tables += 1;
  const TableName = `control-${tables}`;
  await engine.database.send(
    new CreateTableCommand({
      TableName,
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "sk", AttributeType: "S" },
      ],
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
  vi.stubEnv("CONTROL_TABLE", TableName);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await engine?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const T = 1_000_000_000;
const OPERATION: SharedOperation = "CreateDeployment";

/** What a booking comes to: the milliseconds to wait, or that it was refused. */
const booked = (
  calls: number,
  perSecond: number,
  now: number,
  operation: SharedOperation = OPERATION,
): Promise<number | "throttled"> =>
  bookTurn(operation, calls, perSecond, now).catch((error: { code?: string }) => {
    if (error.code === "throttled") return "throttled";
    throw error;
  });

describe("turns with an operation of AWS", () => {
  test("are had at once as far as a second's worth goes, and then one after the other", async () => {
    const waits: unknown[] = [];
    for (let at = 0; at < 8; at += 1) waits.push(await booked(1, 4, T));
    expect(waits).toEqual([0, 0, 0, 0, 250, 500, 750, 1_000]);
  });

  test("are no more after a long pause than after a second", async () => {
    await booked(4, 4, T);
    const later = T + 3_600_000;
    const waits: unknown[] = [];
    for (let at = 0; at < 6; at += 1) waits.push(await booked(1, 4, later));
    expect(waits).toEqual([0, 0, 0, 0, 250, 500]);
  });

  test("come in a number for who makes several calls", async () => {
    expect(await booked(3, 4, T)).toBe(0);
    expect(await booked(3, 4, T)).toBe(500);
    expect(await booked(1, 4, T + 500)).toBe(250);
  });

  test("are refused, and not booked, where too many wait", async () => {
    const waits: unknown[] = [];
    for (let at = 0; at < 12; at += 1) waits.push(await booked(1, 1, T));
    expect(waits.filter((wait) => wait === "throttled").length).toBeGreaterThan(1);
    const last = Math.max(...waits.filter((wait) => typeof wait === "number"));
    // Those that were refused take nothing from who comes when the queue is shorter.
    expect(await booked(1, 1, T + last)).toBe(1_000);
  });

  test("are each operation's own", async () => {
    await booked(1, 1, T);
    expect(await booked(1, 1, T)).toBe(1_000);
    expect(await booked(1, 1, T, "CreateThingGroup")).toBe(0);
  });

  test("are each given once, however many ask at the same moment", async () => {
    const waits = await Promise.all(Array.from({ length: 40 }, () => booked(1, 10, T)));
    const sorted = waits.map(Number).sort((a, b) => a - b);
    expect(sorted).toEqual(Array.from({ length: 40 }, (_, at) => Math.max(0, (at - 9) * 100)));
  });

  test("go by the rates that the stage has set, which name every operation", async () => {
    vi.stubEnv("AWS_RATES", SHARED_RATES.map((operation) => `${operation}=1000`).join());
    for (const operation of SHARED_RATES) await takeTurn(operation);
    vi.stubEnv("AWS_RATES", "CreateThingGroup=5");
    await expect(takeTurn("CreateDeployment")).rejects.toThrow("AWS_RATES has no rate for CreateDeployment");
  });
});
