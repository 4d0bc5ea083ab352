import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import * as z from "zod";

/** What happens to a call that a fault strikes. */
type Effect =
  /** The call fails, and does nothing, with this error. */
  | { readonly kind: "error"; readonly code: string; readonly status: number }
  /** The call fails, and does nothing, as the service says that it is asked too often. */
  | { readonly kind: "throttling" }
  /** The call fails, and does nothing, as the service says that it is the one to blame. */
  | { readonly kind: "server-error" }
  /** The call takes so much longer. */
  | { readonly kind: "latency"; readonly milliseconds: number }
  /** The connection is reset before anything is done. */
  | { readonly kind: "reset" }
  /** Everything is done, and the connection is reset instead of an answer. */
  | { readonly kind: "lost-answer" }
  /** The call is delivered twice, one after the other; the second answer is the one that is seen. */
  | { readonly kind: "duplicate" };

/** A fault that the test mode asks for. */
export type Fault = Effect & {
  /** Service and operation, as in an IAM action: `iot:CreateThing`, `lambda:{function}`; `iot:*`; `*` for all. */
  readonly operation: string;
  /** The role whose calls it strikes, as `local-accept-intent`; everybody's if it is not given. Only engines that roles call know it. */
  readonly caller?: string;
  /** How likely it strikes a call, 0 to 1; 1 if it is not given. */
  readonly probability?: number;
  /** How many calls it strikes; every one (that the probability picks) if it is not given. */
  readonly times?: number;
};

const common = {
  operation: z.string().regex(/^(\*|[a-z0-9]+:(\*|[A-Za-z0-9-]+))$/, "must be like iot:CreateThing, iot:* or *"),
  caller: z.string().min(1).optional(),
  probability: z.number().gt(0).max(1).optional(),
  times: z.int().positive().nullish(),
};
const FaultBody = z.discriminatedUnion("kind", [
  z.strictObject({ ...common, kind: z.literal("error"), code: z.string().min(1), status: z.int().min(400).max(599) }),
  z.strictObject({ ...common, kind: z.literal("latency"), milliseconds: z.number().positive().max(600_000) }),
  z.strictObject({ ...common, kind: z.enum(["throttling", "server-error", "reset", "lost-answer", "duplicate"]) }),
]);

/** Reads a fault in its JSON form. @throws ZodError that names the member and the rule */
export const parseFault = (body: unknown): Fault => {
  const { times, probability, caller, ...fault } = FaultBody.parse(body);
  return {
    ...fault,
    ...(caller !== undefined && { caller }),
    ...(typeof times === "number" && { times }),
    ...(probability !== undefined && { probability }),
  };
};

/**
 * Reads a fault as the command line has it: the operation and `name=value` pairs, such as
 * `iot:*,kind=throttling,probability=0.1`. @throws ZodError that names the member and the rule
 */
export const parseFaultOption = (text: string): Fault => {
  const [operation, ...pairs] = text.split(",");
  const members = pairs.map((pair) => {
    const [name = "", value = ""] = pair.split("=", 2);
    return [name, ["probability", "times", "milliseconds", "status"].includes(name) ? Number(value) : value];
  });
  return parseFault({ operation, ...Object.fromEntries(members) });
};

/** The error that an engine gives to its client, in its own words. */
export class InjectedError extends Error {
  readonly kind: "error" | "throttling" | "server-error";
  readonly code: string;
  readonly status: number;
  constructor(kind: InjectedError["kind"], code: string, status: number) {
    super(`${code}: asked for by the test mode`);
    this.name = code;
    this.kind = kind;
    this.code = code;
    this.status = status;
  }
}

/** The engine has to reset the connection and to answer nothing. */
export class ConnectionReset extends Error {
  constructor(options?: ErrorOptions) {
    super("the connection is reset: asked for by the test mode", options);
    this.name = "ConnectionReset";
  }
}

/** How each service says it, by its prefix in IAM actions: the code and the HTTP status. */
const WORDS: Readonly<Record<string, { throttling: [string, number]; "server-error": [string, number] }>> = {
  dynamodb: { throttling: ["ThrottlingException", 400], "server-error": ["InternalServerError", 500] },
  events: { throttling: ["ThrottlingException", 400], "server-error": ["InternalException", 500] },
  greengrass: { throttling: ["ThrottlingException", 429], "server-error": ["InternalServerException", 500] },
  iot: { throttling: ["ThrottlingException", 400], "server-error": ["InternalFailureException", 500] },
  kms: { throttling: ["ThrottlingException", 400], "server-error": ["KMSInternalException", 500] },
  lambda: { throttling: ["TooManyRequestsException", 429], "server-error": ["ServiceException", 500] },
  mqtt: { throttling: ["ThrottlingException", 429], "server-error": ["InternalError", 500] },
  s3: { throttling: ["SlowDown", 503], "server-error": ["InternalError", 500] },
  states: { throttling: ["ThrottlingException", 400], "server-error": ["ServiceUnavailable", 503] },
};

/** 0 to 1, the same for the same seed, operation, fault and count: what other operations do meanwhile is no matter. */
const draw = (seed: number, operation: string, fault: number, count: number): number =>
  createHash("sha256").update(`${seed} ${operation} ${fault} ${count}`).digest().readUInt32BE() / 2 ** 32;

const matches = (pattern: string, operation: string): boolean =>
  pattern === operation || pattern === "*" || (pattern.endsWith(":*") && operation.startsWith(pattern.slice(0, -1)));

interface Armed {
  readonly fault: Fault;
  /** Its place among all that were ever armed: two faults of one operation draw apart. */
  readonly number: number;
  struck: number;
}

/** What an engine says of a call. */
interface Call {
  /** Whether it can be done twice; what cannot, meets no duplicate. True if it is not given. */
  readonly repeatable?: boolean;
  /** The access key that it is signed with. */
  readonly accessKeyId?: string | undefined;
}

/**
 * The faults that are armed. Engines run every operation through {@link Faults.perform}; without any armed fault that
 * costs nothing but a look at an empty list.
 */
export class Faults {
  #armed: Armed[] = [];
  #number = 0;
  #seed: number;
  readonly #calls = new Map<string, number>();

  readonly #closing = new AbortController();
  readonly #pause: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
  readonly #roleOf: (accessKeyId: string) => string | undefined;

  /**
   * @param seed the same one gives the n-th call of an operation the same faults
   * @param options.roleOf whose an access key is
   * @param options.wait what a latency waits by; rejects when the signal aborts
   */
  constructor(
    seed = 1,
    options: {
      readonly roleOf?: (accessKeyId: string) => string | undefined;
      readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
    } = {},
  ) {
    this.#seed = seed;
    this.#roleOf = options.roleOf ?? (() => undefined);
    this.#pause = options.wait ?? ((milliseconds, signal) => pause(milliseconds, undefined, { signal }));
  }

  arm(fault: Fault): void {
    this.#armed.push({ fault, number: this.#number, struck: 0 });
    this.#number += 1;
  }

  /** Takes all faults away, or those that were armed for just this operation. */
  disarm(operation?: string): void {
    this.#armed = operation === undefined ? [] : this.#armed.filter(({ fault }) => fault.operation !== operation);
  }

  /** What is armed, and how many calls each has struck. */
  armed(): { readonly fault: Fault; readonly struck: number }[] {
    return this.#armed.map(({ fault, struck }) => ({ fault, struck }));
  }

  /** Disarms all and counts calls from 0 again, so that a run can be repeated. */
  restart(seed: number): void {
    this.#seed = seed;
    this.#armed = [];
    this.#number = 0;
    this.#calls.clear();
  }

  /** Ends all latencies, those of later calls too: such a call does nothing, and its connection is reset. */
  close(): void {
    this.#closing.abort();
  }

  /** The faults that this call meets, and no others: those are counted, and used up when they were armed for so many. */
  #strikes(operation: string, { repeatable = true, accessKeyId }: Call): Fault[] {
    const count = this.#calls.get(operation) ?? 0;
    this.#calls.set(operation, count + 1);
    const role = accessKeyId === undefined ? undefined : this.#roleOf(accessKeyId);
    const picked = this.#armed.filter(
      ({ fault, number }) =>
        matches(fault.operation, operation) &&
        (fault.caller === undefined || fault.caller === role) &&
        (repeatable || fault.kind !== "duplicate") &&
        (fault.probability === undefined || draw(this.#seed, operation, number, count) < fault.probability),
    );
    const first = picked.find(({ fault }) => fault.kind !== "latency");
    const struck = picked.filter((armed) => armed === first || armed.fault.kind === "latency");
    for (const armed of struck) armed.struck += 1;
    this.#armed = this.#armed.filter(({ fault, struck: times }) => fault.times === undefined || times < fault.times);
    return struck.map(({ fault }) => fault);
  }

  /**
   * Does `act`, or what the faults that strike this call make of it. Latencies add up; of the others the one that was
   * armed first counts.
   *
   * @param operation service and operation, as in an IAM action
   * @throws InjectedError, ConnectionReset; and what `act` throws
   */
  async perform<T>(operation: string, act: () => T | Promise<T>, call: Call = {}): Promise<T> {
    if (this.#armed.length === 0) return act();
    const struck = this.#strikes(operation, call);
    const delay = struck.reduce((sum, fault) => sum + (fault.kind === "latency" ? fault.milliseconds : 0), 0);
    if (delay > 0) {
      await this.#pause(delay, this.#closing.signal).catch((cause: unknown) => {
        throw new ConnectionReset({ cause });
      });
    }
    const fault = struck.find(({ kind }) => kind !== "latency");
    if (fault === undefined) return act();
    switch (fault.kind) {
      case "error":
        throw new InjectedError(fault.kind, fault.code, fault.status);
      case "throttling":
      case "server-error":
        throw new InjectedError(fault.kind, ...wordsOf(operation)[fault.kind]);
      case "reset":
        throw new ConnectionReset();
      case "lost-answer":
        await unseen(act);
        throw new ConnectionReset();
      default:
        // As when a client has given up waiting for the first delivery.
        await unseen(act);
        return act();
    }
  }
}

/** Does `act`, whose answer or failure is nobody's to see. */
const unseen = async (act: () => unknown): Promise<void> => {
  await Promise.allSettled([(async () => act())()]);
};

const wordsOf = (operation: string) => {
  const words = WORDS[operation.slice(0, operation.indexOf(":"))];
  if (words === undefined) throw new Error(`no words for the faults of ${operation}`);
  return words;
};
