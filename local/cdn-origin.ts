import { type Body, cleanHeaders, discard, fieldOf, type Headers } from "./cdn-http.ts";

export interface OriginRequest {
  readonly method: string;
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  readonly headers: Record<string, string>;
}

/** Where a behaviour's objects come from. A rejection is answered with 502. */
export interface Origin {
  readonly fetch: (request: OriginRequest) => Promise<{
    readonly status: number;
    readonly headers: Record<string, string | string[]>;
    readonly body: Body;
  }>;
}

export interface OriginAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** The origin did not answer, or not as it announced. `status` is what the viewer gets: 502 or 504. */
export class OriginFailure extends Error {
  readonly status: 502 | 504;
  constructor(status: 502 | 504, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "OriginFailure";
    this.status = status;
  }
}

/**
 * Asks the origin and waits `timeoutMs` for its headers.
 * @throws OriginFailure
 */
export const askOrigin = async (
  name: string,
  origin: Origin | undefined,
  request: OriginRequest,
  timeoutMs: number,
): Promise<OriginAnswer> => {
  if (origin === undefined) throw new OriginFailure(502, `there is no origin ${name}`);
  const { promise: late, reject } = Promise.withResolvers<never>();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reject(new OriginFailure(504, `origin ${name} did not answer within ${timeoutMs} ms`));
  }, timeoutMs);
  const answering = (async () => {
    try {
      const { status, headers, body } = await origin.fetch(request);
      if (isLate) await discard(body);
      return { status, headers: cleanHeaders(headers), body };
    } catch (error) {
      throw new OriginFailure(502, `origin ${name} failed: ${String(error)}`, { cause: error });
    }
  })();
  try {
    return await Promise.race([answering, late]);
  } finally {
    clearTimeout(timer);
  }
};

/** What was read and what follows. Not a generator: one that nobody starts would never let its source go. */
const resumed = (read: Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => ({
    next: async () => {
      const value = read.shift();
      return value === undefined ? rest.next() : { done: false, value };
    },
    return: async () => (await rest.return?.()) ?? { done: true, value: undefined },
  }),
});

/**
 * A body as bytes where it has at most `limit` of them, else as a stream of all of it, so that no more than `limit` bytes
 * are ever held.
 * @throws OriginFailure when the body breaks off, or is not as long as its Content-Length says
 */
export const readUpTo = async (answer: OriginAnswer, limit: number): Promise<Body> => {
  const { body } = answer;
  const declared = fieldOf(answer.headers, "content-length");
  if (body instanceof Uint8Array) return body;
  if (declared !== undefined && Number(declared) > limit) return body;
  const iterator = body[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const next = await iterator.next().catch((error: unknown) => {
      throw new OriginFailure(502, "the origin's body broke off", { cause: error });
    });
    if (next.done) break;
    read.push(next.value);
    length += next.value.length;
    if (length > limit) return resumed(read, iterator);
  }
  if (declared !== undefined && Number(declared) !== length) {
    throw new OriginFailure(502, `the origin announced ${declared} bytes and sent ${length}`);
  }
  return Buffer.concat(read);
};
