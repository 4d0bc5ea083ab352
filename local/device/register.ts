import { createPrivateKey, randomUUID, X509Certificate } from "node:crypto";
import * as z from "zod";
import { Registration } from "../../shared/registration/registration.ts";
import { faultOfToken } from "../../shared/registration/token.ts";
import type { Credentials, Folder, Identity, Keys } from "./folder.ts";
import { makeKeys } from "./keys.ts";
import { type Link, openLink, Rejected } from "./link.ts";
import { backoffMs, type Log, retrying } from "./waiting.ts";

type Answer = z.infer<typeof Registration>;

/** The device cannot be registered with this token, now or later. */
export class RegistrationRefused extends Error {}

/** The API asks for patience. */
class Busy extends Error {
  readonly afterMs: number | undefined;

  constructor(status: number, retryAfter: string | null) {
    super(`POST /v1/register answered ${status}`);
    const seconds = Number(retryAfter ?? Number.NaN);
    this.afterMs = Number.isFinite(seconds) ? seconds * 1_000 : undefined;
  }
}

const ANSWER_WITHIN_MS = 30_000;
/** AWS IoT says no in the same words to a claim that has just ended, a hook that failed, and a token that is another's. */
const MAX_REJECTIONS = 5;

const Problem = z.object({ detail: z.string() });

const detailOf = (text: string): string => {
  try {
    return Problem.parse(JSON.parse(text)).detail;
  } catch {
    return text.slice(0, 200); // whatever stands between the device and the API answered
  }
};

const exchange = async (api: string, token: string, stop: AbortSignal): Promise<Answer> => {
  const answer = await fetch(`${api.replace(/\/$/, "")}/v1/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
    signal: AbortSignal.any([stop, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
  });
  const text = await answer.text();
  if (answer.status === 200) return Registration.parse(JSON.parse(text));
  if (answer.status === 429 || answer.status >= 500) throw new Busy(answer.status, answer.headers.get("retry-after"));
  if (answer.status === 401)
    throw new RegistrationRefused(`the registration token does not work (any more): ${detailOf(text)}`);
  throw new RegistrationRefused(`POST /v1/register answered ${answer.status}: ${detailOf(text)}`);
};

/**
 * Gets a certificate for the keys over a connection, by fleet provisioning.
 * https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
 * @throws Rejected, NoLink
 */
export const provision = async (
  link: Link,
  template: string,
  { csr, privateKey }: Keys,
  parameters: Readonly<Record<string, string>>,
): Promise<Credentials & { readonly thing: string }> => {
  const create = "$aws/certificates/create-from-csr/json";
  const register = `$aws/provisioning-templates/${template}/provision/json`;
  await link.subscribe([create, register].flatMap((topic) => [`${topic}/accepted`, `${topic}/rejected`]));
  const made = z
    .object({ certificateId: z.string(), certificatePem: z.string(), certificateOwnershipToken: z.string() })
    .parse(await link.ask(create, { certificateSigningRequest: csr }));
  const { certificateId, certificatePem, certificateOwnershipToken } = made;
  if (!new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(privateKey)))
    throw new Error("the certificate that was made is not for this device's key");
  const { thingName } = z
    .object({ thingName: z.string() })
    .parse(await link.ask(register, { certificateOwnershipToken, parameters }));
  return { privateKey, certificateId, certificatePem, thing: thingName };
};

const byClaim = async (registration: Answer, keys: Keys, token: string, stop: AbortSignal): Promise<Identity> => {
  const { claim, template, region, roleAlias, endpoints, rootCa } = registration;
  const link = await openLink({
    address: endpoints.mqtt,
    ca: rootCa,
    certificatePem: claim.certificatePem,
    privateKey: claim.privateKey,
    clientId: `register-${randomUUID()}`,
  });
  const end = () => void link.end();
  stop.addEventListener("abort", end, { once: true });
  try {
    const credentials = await provision(link, template, keys, { Token: token });
    return { ...credentials, template, region, roleAlias, endpoints, rootCa };
  } finally {
    stop.removeEventListener("abort", end);
    await link.end();
  }
};

/**
 * Makes a device of a token: with a key of its own, which is on disk before anything is asked for with it, so that what is
 * broken off goes on with the same key, for which alone the token works from then on. Goes on until it is done or refused.
 *
 * @throws RegistrationRefused
 */
export const register = async (
  folder: Folder,
  {
    api,
    token,
    s3,
    signal,
    log,
  }: {
    readonly api: string;
    readonly token: string;
    readonly s3?: string | undefined;
    readonly signal: AbortSignal;
    readonly log: Log;
  },
): Promise<Identity> => {
  const fault = faultOfToken(token);
  if (fault !== undefined) throw new RegistrationRefused(fault.detail);
  let keys = folder.registering.read();
  if (keys === undefined) {
    keys = await makeKeys();
    folder.registering.write(keys);
  }
  const own = keys;
  let rejections = 0;
  const identity = await retrying(async () => byClaim(await exchange(api, token, signal), own, token, signal), {
    signal,
    log,
    what: "registering",
    delayMs: (error, tries) => {
      if (error instanceof RegistrationRefused) return undefined;
      if (error instanceof Busy && error.afterMs !== undefined) return error.afterMs;
      if (error instanceof Rejected) rejections += 1;
      return rejections >= MAX_REJECTIONS ? undefined : backoffMs(tries);
    },
  }).catch((error: unknown) => {
    if (!(error instanceof Rejected)) throw error;
    throw new RegistrationRefused(`AWS IoT refuses this device, or the token is another's by now: ${error.message}`);
  });
  const complete: Identity = { ...identity, ...(s3 !== undefined && { s3 }) };
  folder.clear();
  folder.identity.write(complete);
  folder.registering.remove();
  return complete;
};
