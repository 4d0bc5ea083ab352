import { getItem } from "../../shared/aws/table.ts";
import { isId } from "../../shared/ids.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { faultOfUrl } from "../../shared/webhook/address.ts";
import type { StoredWebhook } from "../../shared/webhook/webhook.ts";
import type { StoredWorkspace } from "../../shared/workspace/workspace.ts";
import { mayBeHere } from "../webhooks/send.ts";

/** A webhook by its id; it has no name. @throws AppError `not-found` */
export const findWebhook = async ({ id }: StoredWorkspace, reference: string): Promise<StoredWebhook> => {
  const found = isId(reference, "webhook") ? await getItem<StoredWebhook>(keys.webhook(id, reference)) : undefined;
  if (found === undefined) throw new AppError("not-found", `there is no webhook ${reference}`);
  return found;
};

/** @throws AppError `invalid-request` for a URL to which nothing may be sent */
export const checkUrl = (url: string | undefined): void => {
  const detail = url === undefined ? undefined : faultOfUrl(url, mayBeHere());
  if (detail === undefined) return;
  throw new AppError("invalid-request", `the body is not valid: /url: ${detail}`, {
    findings: [{ pointer: "/url", rule: "url", detail }],
  });
};
