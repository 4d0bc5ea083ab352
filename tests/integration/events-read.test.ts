import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { PutCommand, QueryCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { encodeCursor } from "../../functions/http/paging.ts";
import type { ApiClient } from "../../local/api-client.ts";
import { type KeptEvent, keptEvent, SETTLED_MS } from "../../shared/event/kept.ts";
import { isId } from "../../shared/ids.ts";
import { partitions } from "../../shared/keys.ts";
import { until } from "../local/until.ts";
import { aMember, aWorkspace, expecting, range, startTestCloud, type TestCloud } from "./support/cloud.ts";
import { controlOf } from "./support/control.ts";

interface Listed {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
}
interface Page {
  readonly items: readonly Listed[];
  readonly nextCursor?: string;
  readonly resume: string;
}
interface Place {
  readonly id: string;
  readonly path: string;
}

const DAY_MS = 86_400_000;

let cloud: TestCloud;
let api: ApiClient;
let control: ReturnType<typeof controlOf>;
/** Where things happen; events of the others are put there by hand. */
let lively: Place;

beforeAll(async () => {
  cloud = await startTestCloud();
  control = controlOf(cloud.endpoints);
  api = await cloud.client();
  lively = await aWorkspace(api, "lively");
  await api.done("POST", `${lively.path}/node-groups`, { name: "g" });
  await api.done("POST", `${lively.path}/nodes`, { name: "n", groups: ["g"] });
  await until(async () => (await whole(lively)).length === (await onTheBus(lively)).length, { what: "all to be kept" });
});
afterEach(() => control.disarm());
afterAll(() => cloud?.remove());

const ask = ({ path }: Place, query: Record<string, string> = {}) =>
  api.call<Page & { errors?: object[] }>("GET", `${path}/events?${new URLSearchParams(query)}`);
const page = async (place: Place, query: Record<string, string> = {}): Promise<Page> =>
  (await expecting(200, ask(place, query))).body;

/** All pages from a query on. */
const pages = async (place: Place, query: Record<string, string> = {}): Promise<Page[]> => {
  const all = [await page(place, query)];
  for (let cursor = all[0]?.nextCursor; cursor !== undefined; cursor = all.at(-1)?.nextCursor) {
    all.push(await page(place, { ...query, cursor }));
  }
  return all;
};
const whole = async (place: Place, query: Record<string, string> = {}): Promise<Listed[]> =>
  (await pages(place, { limit: "100", ...query })).flatMap(({ items }) => items);
const idsOf = (events: readonly { readonly id: string }[]): string[] => events.map(({ id }) => id);

/** Each event that was told of a workspace, once. */
const onTheBus = async ({ id }: Place): Promise<Listed[]> => {
  const details = (await control.events()).map(({ detail }) => detail as Listed & { workspaceid?: string });
  return [...new Map(details.filter(({ workspaceid }) => workspaceid === id).map((one) => [one.id, one])).values()];
};

let made = 0;
const anEvent = (place: Place, type = "slipway.node.offline") => {
  made += 1;
  const id = `evt_${String(made).padStart(20, "0")}`;
  return {
    ...{ specversion: "1.0" as const, id, source: "/slipway/local", type, subject: `nod_${made}` },
    ...REST,
    workspaceid: place.id,
  };
};
const REST = {
  ...{ time: "2026-01-01T00:00:00.000Z", datacontenttype: "application/json" as const, dataschema: "urn:x" },
  ...{ sequence: "0000000001", data: { name: "by hand" } },
};

/** Keeps an event as if it had arrived so long ago. @returns its id */
const arrived = async (place: Place, agoMs: number, type?: string): Promise<string> => {
  const event = anEvent(place, type);
  const Item = keptEvent(event as never, new Date(Date.now() - agoMs));
  await cloud.documents.send(new PutCommand({ TableName: cloud.tables.control, Item }));
  return event.id;
};

const keptOf = async (place: Place): Promise<KeptEvent[]> => {
  const { Items } = await cloud.documents.send(
    new QueryCommand({
      TableName: cloud.tables.control,
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": partitions.events(place.id) },
      ConsistentRead: true,
    }),
  );
  return Items as KeptEvent[];
};

describe("what has happened", () => {
  test("is listed as it was told, in the order of arrival", async () => {
    const listed = await whole(lively);
    const told = await onTheBus(lively);
    expect(listed.length).toBeGreaterThan(6);
    expect(listed.map(({ id }) => told.find((event) => event.id === id))).toEqual(listed);
    expect(new Set(idsOf(listed))).toEqual(new Set(idsOf(told)));
    const order = (await keptOf(lively)).map(({ body }) => (JSON.parse(body) as Listed).id);
    expect(idsOf(listed)).toEqual(order);
    expect(listed.every(({ id }) => isId(id, "event"))).toBe(true);
  });

  test("expires after a week and a day", async () => {
    const [kept] = (await keptOf(lively)) as (KeptEvent & { expiresAt: number })[];
    if (kept === undefined) throw new Error("nothing is kept");
    const arrivedAt = Date.parse(kept.sk.split("#")[0] ?? "");
    expect(kept.expiresAt).toBe(Math.floor(arrivedAt / 1_000) + (8 * DAY_MS) / 1_000);
  });

  test.each([
    ["slipway.deployment.revised", (type: string) => type === "slipway.deployment.revised"],
    ["slipway.intent.*", (type: string) => type.startsWith("slipway.intent.")],
    [
      "slipway.workspace.*,slipway.deployment.revised",
      (type: string) => /^slipway\.(workspace\.|deployment\.revised$)/.test(type),
    ],
    ["slipway.node.offline,*", () => true],
    ["slipway.release.*", () => false],
  ])("is chosen by the type %s", async (type, isWanted) => {
    const all = await whole(lively);
    expect(await whole(lively, { type })).toEqual(all.filter((event) => isWanted(event.type)));
  });

  test("is chosen by what it is about", async () => {
    const all = await whole(lively);
    const { subject } = all.find(({ type }) => type === "slipway.intent.succeeded") as Listed;
    const own = await whole(lively, { subject });
    expect(own.map(({ type }) => type).sort()).toEqual(
      ["accepted", "started", "succeeded"].map((what) => `slipway.intent.${what}`),
    );
    expect(own).toEqual(all.filter((event) => event.subject === subject));
    expect(await whole(lively, { subject, type: "slipway.intent.started" })).toHaveLength(1);
    expect(await whole(lively, { subject: "int_none" })).toEqual([]);
  });

  test.each(["slipway.node", "slipway.*", "slipway.intent.begun", "slipway.node.offline,", "a*"])(
    "is not chosen by the type %s",
    async (type) => {
      const { body } = await expecting(400, ask(lively, { type }));
      expect(body).toMatchObject({ code: "invalid-request", errors: [{ parameter: "type" }] });
    },
  );

  test("comes page by page, each with a position, and the last one without a cursor", async () => {
    const all = await whole(lively);
    for (const query of [{ limit: "1" }, { limit: "3" }, { limit: "2", type: "slipway.intent.*" }]) {
      const parts = await pages(lively, query);
      const wanted = "type" in query ? all.filter(({ type }) => type.startsWith("slipway.intent.")) : all;
      expect(parts.flatMap(({ items }) => items)).toEqual(wanted);
      expect(parts.length).toBe(Math.ceil(wanted.length / Number(query.limit)));
      for (const part of parts) expect(part.resume).toEqual(expect.any(String));
    }
  });

  test("is as much as an answer can hold", async () => {
    const place = await aWorkspace(api, "wordy");
    const data = { name: "x".repeat(300_000) };
    for (const index of range(16)) {
      const event = { ...anEvent(place), data };
      const Item = keptEvent(event as never, new Date(Date.now() - 60_000 + index));
      await cloud.documents.send(new PutCommand({ TableName: cloud.tables.control, Item }));
    }
    const parts = await pages(place, { limit: "100", type: "slipway.node.offline" });
    expect(parts.map(({ items }) => items.length)).toEqual([13, 3]);
  });

  test("is not for others, nor with another workspace's cursor", async () => {
    const place = await aWorkspace(api, "own");
    await aMember(cloud, "reader", place.id, "viewer");
    const reader = await cloud.client("reader");
    await expecting(200, reader.call("GET", `${place.path}/events`));
    await expecting(404, reader.call("GET", `${lively.path}/events`));
    await expecting(404, (await cloud.client("stranger")).call("GET", `${place.path}/events`));
    const { resume: cursor } = await page(lively);
    expect((await expecting(400, ask(place, { cursor }))).body).toMatchObject({ code: "invalid-cursor" });
  });
});

describe("a position", () => {
  test("that is none is refused, and one that is too old with the reason", async () => {
    const list = partitions.events(lively.id);
    const old = new Date(Date.now() - 8 * DAY_MS - 60_000).toISOString();
    for (const value of ["x", ["x"], [`${old}#x`], []]) {
      const { body } = await expecting(400, ask(lively, { cursor: encodeCursor(list, value) }));
      expect(body).toMatchObject({ code: "invalid-cursor" });
    }
    const { body } = await expecting(400, ask(lively, { cursor: encodeCursor(list, [old]) }));
    expect(body).toMatchObject({ code: "invalid-cursor", errors: [{ parameter: "cursor", rule: "expired" }] });
  });

  test("may be a time: an hour ago unless it is said, and no more than a week", async () => {
    const place = await aWorkspace(api, "timed");
    const hand = async (query: Record<string, string> = {}) => whole(place, { type: "slipway.node.*", ...query });
    const older = await arrived(place, 7.5 * DAY_MS);
    const old = await arrived(place, 6 * DAY_MS);
    const new_ = await arrived(place, 30 * 60_000);
    const before = (ms: number) => new Date(Date.now() - ms).toISOString();
    expect(idsOf(await hand())).toEqual([new_]);
    expect(idsOf(await hand({ since: before(6.5 * DAY_MS) }))).toEqual([old, new_]);
    expect(idsOf(await hand({ since: "2020-01-01T00:00:00+02:00" }))).toEqual([old, new_]);
    expect(idsOf(await hand({ since: "2999-01-01T00:00:00Z" }))).toEqual([]);
    await expecting(400, ask(place, { since: "yesterday" }));
    expect((await keptOf(place)).map(({ body }) => (JSON.parse(body) as Listed).id)).toContain(older);
  });

  test("is gone on from without what is settled, and with what comes late", async () => {
    const place = await aWorkspace(api, "late");
    await until(async () => (await whole(place)).some(({ type }) => type === "slipway.intent.succeeded"));
    const type = "slipway.node.*";
    const settled = await arrived(place, 6 * SETTLED_MS);
    const first = await page(place, { type });
    expect(idsOf(first.items)).toEqual([settled]);
    expect(first).not.toHaveProperty("nextCursor");
    const asked = Date.now();
    expect((await page(place, { type, cursor: first.resume })).items).toEqual([]);
    // Both are kept under times before the last answer: whoever wrote them was slow.
    const late = [await arrived(place, Date.now() - asked + SETTLED_MS / 2), await arrived(place, Date.now() - asked)];
    expect(idsOf(await whole(place, { type, cursor: first.resume }))).toEqual(late);
  });

  test("after pages into what is not settled lies before it", async () => {
    const place = await aWorkspace(api, "ahead");
    const type = "slipway.node.*";
    // The clocks of those who wrote these are ahead: it is as if they came just now, for a minute.
    const ahead = [await arrived(place, -50_000), await arrived(place, -55_000), await arrived(place, -60_000)];
    const first = await page(place, { type, limit: "1" });
    const between = await arrived(place, -30_000);
    const rest = await pages(place, { type, limit: "1", cursor: first.nextCursor ?? "" });
    expect(idsOf(rest.flatMap(({ items }) => items))).toEqual(ahead.slice(1));
    const resume = rest.at(-1)?.resume ?? "";
    expect(idsOf(await whole(place, { type, cursor: resume }))).toEqual([between, ...ahead]);
  });

  test("goes on where a filter leaves nothing for long", async () => {
    const place = await aWorkspace(api, "sparse");
    const parts = range(1_050).map((index) =>
      keptEvent(anEvent(place) as never, new Date(Date.now() - 600_000 + index)),
    );
    await Promise.all(
      range(21).map(async (part) => {
        for (const Item of parts.slice(part * 50, part * 50 + 50)) {
          await cloud.documents.send(new PutCommand({ TableName: cloud.tables.control, Item }));
        }
      }),
    );
    const wanted = await arrived(place, 60_000, "slipway.release.deleted");
    const [first, ...others] = await pages(place, { type: "slipway.release.*" });
    expect(first?.items).toEqual([]);
    expect(idsOf(others.flatMap(({ items }) => items))).toEqual([wanted]);
    expect(others).toHaveLength(1);
  });
});

describe("an event", () => {
  test("that is told twice has the same id both times", async () => {
    const place = await aWorkspace(api, "twice");
    const event = anEvent(place);
    for (const _ of range(2)) await control.invoke("keep-events", { detail: event });
    expect(await whole(place, { subject: event.subject })).toEqual([event, event]);
  });

  test("of no workspace is kept nowhere", async () => {
    const { workspaceid, ...event } = anEvent(lively);
    const before = await keptOf(lively);
    await control.invoke("keep-events", { detail: event });
    expect(await keptOf(lively)).toHaveLength(before.length);
    expect(workspaceid).toBe(lively.id);
  });

  test("whose write took too long is kept under a later time as well", async () => {
    const place = await aWorkspace(api, "slow");
    const event = anEvent(place);
    await control.fault({ kind: "latency", operation: "dynamodb:PutItem", milliseconds: SETTLED_MS / 2 + 500 });
    const kept = control.invoke("keep-events", { detail: event });
    await until(async () => (await whole(place, { subject: event.subject })).length > 0, { what: "a first write" });
    await control.disarm();
    await kept;
    const listed = await whole(place, { subject: event.subject });
    expect(listed.length).toBeGreaterThan(1);
    for (const one of listed) expect(one).toEqual(event);
  });
});

test("a reader who goes on from positions has each of several hundred events that are told meanwhile", async () => {
  const place = await aWorkspace(api, "busy");
  const { region, events: endpoint, accessKeyId, secretAccessKey, stage } = cloud.endpoints;
  const bus = new EventBridgeClient({ region, endpoint, credentials: { accessKeyId, secretAccessKey } });
  const told = range(300).map(() => anEvent(place));
  const tell = async () => {
    for (let at = 0; at < told.length; at += 10) {
      const Entries = told.slice(at, at + 10).map((event) => ({
        ...{
          EventBusName: `${stage}-slipway`,
          Source: "slipway",
          DetailType: event.type,
          Detail: JSON.stringify(event),
        },
      }));
      expect((await bus.send(new PutEventsCommand({ Entries }))).FailedEntryCount).toBe(0);
    }
  };
  const had = new Set<string>();
  let looks = 0;
  const read = async () => {
    let cursor = (await page(place, { since: new Date().toISOString() })).resume;
    await until(
      async () => {
        const got = await page(place, { cursor, limit: "20", type: "slipway.node.offline" });
        for (const { id } of got.items) had.add(id);
        // Half of the time as one who has ended, and begins again from the position that it noted.
        looks += 1;
        cursor = looks % 7 === 0 ? got.resume : (got.nextCursor ?? got.resume);
        return had.size === told.length;
      },
      { what: "all events" },
    );
  };
  try {
    await Promise.all([tell(), read()]);
  } finally {
    bus.destroy();
  }
  expect([...had].sort()).toEqual(idsOf(told).sort());
  expect(idsOf(await whole(place, { type: "slipway.node.offline" })).sort()).toEqual(idsOf(told).sort());
});
