import { describe, expect, test } from "vitest";
import { ConnectionError, createClient, InputError, ProblemError } from "../../client/index.ts";
import { OPERATIONS } from "../../client/operations.ts";
import { backoff, retryAfter, sendWithRetries } from "../../client/retry.ts";

const URL_ = "http://127.0.0.1:1/v1/x";

const problem =
  (status: number, code: string, headers: Record<string, string> = {}) =>
  () =>
    new Response(JSON.stringify({ type: "t", title: "t", status, code, detail: "d" }), {
      status,
      headers: { "content-type": "application/problem+json", ...headers },
    });
const fine = () => new Response("{}", { headers: { "content-type": "application/json" } });
const nothing = (): Response => {
  throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
};

/** Sends a request to what answers one after the other, and tells what came, how long was waited, and what was sent. */
const send = async (init: RequestInit, answers: readonly (() => Response)[], retries = 4) => {
  const waits: number[] = [];
  const sent: string[] = [];
  let next = 0;
  const outcome = await sendWithRetries(new Request(URL_, init), {
    fetch: async (request) => {
      sent.push(await request.text());
      const answer = answers[next++];
      if (answer === undefined) throw new Error("asked once too often");
      return answer();
    },
    retries,
    timeout: 5_000,
    pause: async (milliseconds) => void waits.push(milliseconds),
    random: () => 1,
  }).then(
    ({ status }) => status,
    (error: unknown) => error,
  );
  return { outcome, waits, sent };
};

const KEYED: RequestInit = { method: "POST", body: "the body", headers: { "idempotency-key": "k" } };

describe("a request is sent again", () => {
  test.each([
    ["no answer", nothing],
    ["429", problem(429, "throttled")],
    ["502", problem(502, "x")],
    ["503", problem(503, "unavailable")],
    ["504", problem(504, "x")],
    ["its first try still runs", problem(409, "idempotency-in-progress")],
  ])("after %s, with its body, twice as late each time", async (_what, answer) => {
    expect(await send(KEYED, [answer, answer, fine])).toEqual({
      outcome: 200,
      waits: [200, 400],
      sent: ["the body", "the body", "the body"],
    });
  });

  test("not before Retry-After is over, be it seconds or a date", async () => {
    expect((await send({}, [problem(503, "busy", { "retry-after": "7" }), fine])).waits).toEqual([7_000]);
    expect(retryAfter("Sat, 21 Nov 2026 20:00:03 GMT", Date.parse("2026-11-21T20:00:00Z"))).toBe(3_000);
    expect(retryAfter("Sat, 21 Nov 2026 20:00:03 GMT", Date.parse("2026-11-21T21:00:00Z"))).toBe(0);
    expect(retryAfter("soon", 0)).toBeUndefined();
  });

  test("after an answer that broke off", async () => {
    const broken = () =>
      new Response(
        new ReadableStream({
          start: (controller) => {
            controller.enqueue(new TextEncoder().encode('{"id"'));
            controller.error(new TypeError("terminated"));
          },
        }),
      );
    expect(await send({}, [broken, fine])).toMatchObject({ outcome: 200, waits: [200] });
    expect((await send({ method: "POST" }, [broken])).outcome).toBeInstanceOf(ConnectionError);
  });

  test("so often and no more, and the last answer is the caller's", async () => {
    const busy = problem(503, "busy");
    expect(await send({}, [busy, busy, busy], 2)).toMatchObject({ outcome: 503, waits: [200, 400] });
    const { outcome } = await send({}, [nothing, nothing], 1);
    expect(outcome).toBeInstanceOf(ConnectionError);
    expect(String(outcome)).toContain("http://127.0.0.1:1 does not answer: connect ECONNREFUSED");
  });

  test("never when that might do it twice", async () => {
    for (const method of ["POST", "PATCH", "DELETE"]) {
      expect((await send({ method }, [nothing])).outcome).toBeInstanceOf(ConnectionError);
      expect((await send({ method }, [problem(503, "busy")])).outcome).toBe(503);
    }
  });

  test.each([400, 401, 403, 404, 409, 412, 422, 500])("not after %i, which would come again", async (status) => {
    expect((await send({}, [problem(status, "conflict")])).outcome).toBe(status);
  });

  test("not when the API asks for more patience than a caller has", async () => {
    expect(await send({}, [problem(503, "busy", { "retry-after": "3600" })])).toMatchObject({
      outcome: 503,
      waits: [],
    });
  });
});

test("waits grow to ten seconds and spread over half of that", () => {
  expect([1, 2, 5, 7, 20].map((tries) => backoff(tries, 1))).toEqual([200, 400, 3_200, 10_000, 10_000]);
  expect(backoff(20, 0)).toBe(5_000);
});

test("who aborts is told their own reason, also in a pause", async () => {
  const controller = new AbortController();
  const reason = new Error("no more");
  const client = createClient({
    url: URL_,
    fetch: async () => {
      queueMicrotask(() => controller.abort(reason));
      return problem(503, "busy", { "retry-after": "50" })();
    },
  });
  await expect(client.listWorkspaces({ signal: controller.signal })).rejects.toBe(reason);
});

describe("a client", () => {
  const asked = async (answer: () => Response, url = "https://api.example.com/v1/") => {
    const requests: Request[] = [];
    const client = createClient({
      url,
      token: async () => "T",
      fetch: async (request) => {
        requests.push(request);
        return answer();
      },
    });
    return { client, requests };
  };

  test("puts parameters where the document has them, and makes a key for what takes one", async () => {
    const { client, requests } = await asked(fine);
    await client.createNode({ workspace: "a/b", body: { name: "n" } });
    await client.createNode({ workspace: "a", body: { name: "n" }, idempotencyKey: "mine" });
    await client.listNodes({ workspace: "a", group: "g", limit: 2, cursor: undefined });
    await client.updateNode({ workspace: "a", node: "n", ifMatch: '"3"', body: { description: null } });
    const [first, second, third, fourth] = requests;
    expect(first?.url).toBe("https://api.example.com/v1/workspaces/a%2Fb/nodes");
    expect(first?.headers.get("authorization")).toBe("Bearer T");
    expect(first?.headers.get("idempotency-key")).toMatch(/^[0-9a-f]{32}$/);
    expect(second?.headers.get("idempotency-key")).toBe("mine");
    expect(third?.url).toBe("https://api.example.com/v1/workspaces/a/nodes?group=g&limit=2");
    expect(third?.headers.has("idempotency-key")).toBe(false);
    expect(fourth?.headers.get("if-match")).toBe('"3"');
    expect(await fourth?.json()).toEqual({ description: null });
  });

  test("sends a question again, whatever its method is, and what changes something once", async () => {
    const busy = problem(503, "busy");
    let answers = [busy, fine];
    const asked: string[] = [];
    const client = createClient({
      url: URL_,
      fetch: async (request) => {
        asked.push(await request.text());
        return (answers.shift() ?? fine)();
      },
    });
    for (const ask of [client.planChanges, client.planNodes]) {
      answers = [busy, fine];
      await ask({ workspace: "a", body: { nodes: {} } });
    }
    expect(asked).toEqual(Array(4).fill('{"nodes":{}}'));
    answers = [busy, fine];
    await expect(client.testWebhook({ workspace: "a", webhook: "w" })).rejects.toMatchObject({ code: "busy" });
    expect(asked).toHaveLength(5);
    const posts = Object.entries(OPERATIONS).filter(([, { method }]) => method === "POST");
    expect(posts.flatMap(([name, facts]) => ("changesNothing" in facts ? [name] : []))).toEqual([
      "planChanges",
      "planNodes",
    ]);
  });

  test("refuses a key where the API takes none, which would only seem to have it done once", async () => {
    const { client, requests } = await asked(fine);
    const input = { workspace: "a", body: { role: "viewer" as const }, idempotencyKey: "mine" };
    await expect(client.createInvitation(input)).rejects.toThrow("createInvitation takes no Idempotency-Key");
    expect(requests).toEqual([]);
  });

  test.each([
    [
      "a problem",
      problem(404, "not-found", { "apigw-requestid": "r" }),
      { code: "not-found", detail: "d", requestId: "r" },
    ],
    [
      "API Gateway's own refusal",
      () => Response.json({ message: "Unauthorized" }, { status: 401 }),
      { code: "unauthorized" },
    ],
    [
      "another server's answer",
      () => new Response("<html>", { status: 404 }),
      { code: "unexpected-answer", status: 404 },
    ],
    [
      "a page in the place of an answer",
      () => new Response("<html>", { status: 200, headers: { "apigw-requestid": "r" } }),
      { code: "unexpected-answer", status: 200, requestId: "r" },
    ],
    ["half an answer", () => new Response('{"id":', { status: 200 }), { code: "unexpected-answer" }],
    ["JSON that is no object", () => Response.json(null), { code: "unexpected-answer" }],
    [
      "what is like a problem",
      () => Response.json({ code: "x", status: 400, detail: 5 }, { status: 400 }),
      { code: "unexpected-answer" },
    ],
    ["an empty one", () => new Response(null, { status: 500 }), { code: "unexpected-answer", status: 500 }],
  ])("throws %s as a ProblemError", async (_what, answer, expected) => {
    const { client } = await asked(answer);
    const error = await client.getWorkspace({ workspace: "a" }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProblemError);
    expect(error).toMatchObject(expected);
  });

  test.each(["", ".", ".."])(
    "sends nothing where a name in the path is %j: it would be another operation",
    async (name) => {
      const { client, requests } = await asked(fine);
      await expect(client.deleteNode({ workspace: "a", node: name })).rejects.toThrow(InputError);
      expect(requests).toEqual([]);
    },
  );

  test.each(["secret\npart", "sécret", "sec…ret", "two words", ""])(
    "does not say a token that cannot be sent",
    async (token) => {
      const client = createClient({ url: URL_, token, fetch: async () => fine() });
      const error = await client.listWorkspaces().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(InputError);
      expect(String(error)).toBe("InputError: the token has characters that no bearer token has");
    },
  );

  test("sends a token without the line break that it was read with", async () => {
    const sent: (string | null)[] = [];
    const answer = async (request: Request) => {
      sent.push(request.headers.get("authorization"));
      return fine();
    };
    await createClient({ url: URL_, token: "T\n", fetch: answer }).listWorkspaces();
    expect(sent).toEqual(["Bearer T"]);
  });
});
