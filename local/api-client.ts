/** An answer of the API, its body parsed when it is JSON. */
export interface ApiAnswer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export interface ApiClient {
  readonly call: <Body = Record<string, unknown>>(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ) => Promise<ApiAnswer<Body>>;
  /** Calls and waits until the intent in the answer has ended. @throws Error unless it is accepted and succeeds */
  readonly done: (method: string, path: string, body?: unknown) => Promise<IntentBody>;
  /** Waits until the intent has ended, whichever way. */
  readonly ended: (intentId: string, withinMs?: number) => Promise<IntentBody>;
}

export interface IntentBody {
  readonly id: string;
  readonly status: string;
  readonly subject: { readonly id: string; readonly name: string; readonly href: string };
  readonly problem?: { readonly code: string; readonly detail: string };
}

const POLL_MS = { first: 5, most: 250 };

/** A small client of the HTTP API for the demo, the benchmarks and the tests. */
export const apiClient = (api: string, token: string): ApiClient => {
  const call: ApiClient["call"] = async <Body>(
    method: string,
    path: string,
    options: { body?: unknown; headers?: Record<string, string> } = {},
  ) => {
    const raw = typeof options.body === "string" ? options.body : JSON.stringify(options.body);
    const answer = await fetch(`${api}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(options.body !== undefined && { "content-type": "application/json" }),
        ...options.headers,
      },
      ...(options.body !== undefined && { body: raw }),
    });
    const text = await answer.text();
    const isJson = /\bjson\b/.test(answer.headers.get("content-type") ?? "");
    return { status: answer.status, headers: answer.headers, body: (isJson ? JSON.parse(text) : text) as Body };
  };
  const ended: ApiClient["ended"] = async (intentId, withinMs = 60_000) => {
    const deadline = Date.now() + withinMs;
    for (let pause = POLL_MS.first; ; pause = Math.min(POLL_MS.most, pause * 2)) {
      const { status, body } = await call<IntentBody>("GET", `/v1/intents/${intentId}`);
      if (body.status === "succeeded" || body.status === "failed") return body;
      if (status !== 200) throw new Error(`GET /v1/intents/${intentId}: ${status} ${JSON.stringify(body)}`);
      if (Date.now() > deadline) throw new Error(`the intent ${intentId} is still ${body.status}`);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  };
  return {
    call,
    ended,
    done: async (method, path, body) => {
      const accepted = await call<IntentBody>(method, path, body === undefined ? {} : { body });
      if (accepted.status !== 202)
        throw new Error(`${method} ${path}: ${accepted.status} ${JSON.stringify(accepted.body)}`);
      const intent = await ended(accepted.body.id);
      if (intent.status !== "succeeded") throw new Error(`${method} ${path}: ${JSON.stringify(intent.problem)}`);
      return intent;
    },
  };
};
