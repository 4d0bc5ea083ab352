import { macWith } from "../../shared/aws/kms.ts";
import { once } from "../../shared/aws/settings.ts";
import { unlessChanged } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { afterTry, hold, type StoredDelivery } from "../../shared/webhook/delivery.ts";
import { secretText, signedHeaders } from "../../shared/webhook/signature.ts";
import { type StoredWebhook, secretNumbers } from "../../shared/webhook/webhook.ts";
import { mayBeHere, send } from "./send.ts";

/** Secrets that were derived already: each costs a request to KMS. */
const derived = once(() => new Map<string, Promise<string>>());
const MOST_DERIVED = 1_000;

/** A webhook's secret of a number: nothing is kept of it, as whoever may use the stage's key makes it again. */
export const secretOf = ({ id }: Pick<StoredWebhook, "id">, number: number): Promise<string> => {
  const known = derived();
  const name = `${id} ${number}`;
  const found = known.get(name);
  if (found !== undefined) return found;
  if (known.size >= MOST_DERIVED) known.clear();
  const made = macWith(env("WEBHOOK_KEY"), `slipway webhook ${name}`).then(secretText);
  known.set(name, made);
  made.catch(() => known.delete(name)); // the next one asks again
  return made;
};

/** A body, sent with the webhook's signatures. */
export const sendSigned = async (webhook: StoredWebhook, id: string, body: string) => {
  const now = new Date();
  const secrets = await Promise.all(secretNumbers(webhook, now).map((number) => secretOf(webhook, number)));
  const headers = signedHeaders(id, body, secrets, now);
  return send({ url: webhook.url, headers, body }, { loopback: mayBeHere() });
};

/** One try of a delivery, and what becomes of it, unless another try or people were faster. */
export const deliver = async (webhook: StoredWebhook, delivery: StoredDelivery): Promise<void> => {
  if (delivery.status !== "pending") return;
  if (!webhook.enabled) {
    await unlessChanged(hold(delivery));
    return;
  }
  const outcome = await sendSigned(webhook, delivery.id, delivery.body);
  const policy = { attempts: Number(env("WEBHOOK_TRIES")), seconds: Number(env("WEBHOOK_RETRY_SECONDS")) };
  const after = afterTry(webhook, delivery, outcome, new Date(), policy, Math.random());
  await unlessChanged(after.delivery);
  if (after.webhook !== undefined) await unlessChanged(after.webhook);
};
