import { promises as dns, type LookupAddress } from "node:dns";
import { type ClientRequest, request as http, type IncomingMessage } from "node:http";
import { request as https } from "node:https";
import type { LookupFunction } from "node:net";
import { env } from "../../shared/env.ts";
import { addressIn, faultOfUrl, isLoopback, isPublic } from "../../shared/webhook/address.ts";
import type { Outcome } from "../../shared/webhook/delivery.ts";

/** From the name's resolution to the answer's headers. */
const TIMEOUT_MS = 10_000;
/** For the beginning of the body, which is only told to people. */
const BODY_MS = 1_000;
const MOST_ANSWER_BYTES = 512;

/** Whether webhooks may be on this machine itself. */
export const mayBeHere = (): boolean => env("WEBHOOK_LOOPBACK") === "allowed";

export interface Sending {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SendOptions {
  /** Whether this machine itself may be sent to. */
  readonly loopback: boolean;
  /** All addresses of a name. */
  readonly resolve?: (name: string) => Promise<readonly LookupAddress[]>;
  readonly timeoutMs?: number;
}

class Refused extends Error {}

const resolved = (name: string) => dns.lookup(name, { all: true });

/**
 * A name's addresses for one connection, which goes to no other: what a name server says the next time matters not.
 * @throws Refused when one of them is no public address
 */
const addressesOf = async (host: string, { loopback, resolve = resolved }: SendOptions): Promise<LookupAddress[]> => {
  const found = [...(await resolve(host))];
  if (found.length === 0) throw new Refused(`${host} has no address`);
  const closed = found.find(({ address }) => !isPublic(address) && !(loopback && isLoopback(address)));
  if (closed !== undefined) throw new Refused(`${host} has the address ${closed.address}, which is no public one`);
  return found;
};

/** Answers a connection's question for its name with addresses that were looked at. */
const lookupOf =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_name, { all }, answer) => {
    const [first] = addresses;
    if (all === true) answer(null, [...addresses]);
    else if (first !== undefined) answer(null, first.address, first.family);
  };

/** What comes of work that cannot be stopped itself. @throws the signal's reason when that is earlier */
const beforeAbort = <T>(signal: AbortSignal, work: Promise<T>): Promise<T> =>
  Promise.race([
    work,
    new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
  ]);

/** How a body begins, as far as it comes in time. */
const beginning = async (answer: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => answer.destroy(), BODY_MS);
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MOST_ANSWER_BYTES) break;
    }
  } catch (error) {
    if (!answer.destroyed) throw error; // what has come has come
  } finally {
    clearTimeout(timer);
    answer.destroy();
  }
  return Buffer.concat(chunks).subarray(0, MOST_ANSWER_BYTES).toString("utf8");
};

/** `Retry-After` in seconds or as a date: RFC 9110 §10.2.3. */
const retryAfter = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1_000));
};

const answered = (sent: ClientRequest, body: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    sent.on("response", resolve);
    sent.on("error", reject);
    sent.end(body);
  });

/**
 * Posts a body, once: no redirect is followed, and no connection is used twice. Whatever goes wrong is told and not thrown, as
 * the receiver's people are to see it.
 */
export const send = async ({ url: text, headers, body }: Sending, options: SendOptions): Promise<Outcome> => {
  const started = Date.now();
  const at = new Date(started).toISOString();
  const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
  try {
    const fault = faultOfUrl(text, options.loopback);
    const url = new URL(text);
    const isPlain = url.protocol === "http:";
    if (fault !== undefined) throw new Refused(`the URL ${fault}`);
    // An address in the URL itself was looked at with it.
    const lookup =
      addressIn(url) === undefined
        ? { lookup: lookupOf(await beforeAbort(signal, addressesOf(url.hostname, options))) }
        : {};
    const sent = (isPlain ? http : https)(url, {
      method: "POST",
      agent: false,
      signal,
      ...lookup,
      headers: {
        ...headers,
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "user-agent": "Slipway-Webhooks/1",
        connection: "close",
      },
    });
    const answer = await answered(sent, body);
    const durationMs = Date.now() - started;
    const status = answer.statusCode ?? 0;
    const retryAfterSeconds = retryAfter(answer.headers["retry-after"], Date.now());
    const told = await beginning(answer);
    return { tried: { at, durationMs, status, ...(told !== "" && { answer: told }) }, retryAfterSeconds };
  } catch (error) {
    return { tried: { at, durationMs: Date.now() - started, error: whyNot(error) } };
  }
};

const whyNot = (error: unknown): string => {
  if (!(error instanceof Error)) return "no answer";
  if (error instanceof Refused) return error.message;
  if (error.name === "TimeoutError" || error.name === "AbortError") return "no answer in time";
  const { code } = error as { code?: string };
  return code ?? error.message;
};
