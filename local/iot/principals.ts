import { afterToken, cut } from "../aws-json/paging.ts";
import { invalidRequest, invalidToken } from "./errors.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";
import { getThing } from "./things.ts";

export const PRINCIPALS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS thing_principals (
    thing TEXT NOT NULL, principal TEXT NOT NULL, PRIMARY KEY (thing, principal)
  ) STRICT, WITHOUT ROWID;
`;

const CERTIFICATE_ID = /^[0-9a-f]{64}$/;
const COGNITO_IDENTITY = /^[a-z]{2}(-[a-z]+)+-\d:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether the text is a certificate's ARN of this account, or an Amazon Cognito identity. */
export const isPrincipal = (iot: Iot, principal: string): boolean => {
  const prefix = `arn:aws:iot:${iot.region}:${iot.accountId}:cert/`;
  if (principal.startsWith(prefix)) return CERTIFICATE_ID.test(principal.slice(prefix.length));
  return COGNITO_IDENTITY.test(principal);
};

const requirePrincipal = (iot: Iot, principal: string): void => {
  if (!isPrincipal(iot, principal)) throw invalidRequest(`Invalid principal: ${principal}`);
};

export const principalHandlers: IotHandlers = {
  /**
   * Attaching again succeeds.
   * https://docs.aws.amazon.com/iot/latest/apireference/API_AttachThingPrincipal.html
   */
  AttachThingPrincipal: (input, iot) => {
    if (input.thingPrincipalType === "EXCLUSIVE_THING")
      throw invalidRequest("thingPrincipalType EXCLUSIVE_THING is not emulated");
    requirePrincipal(iot, input.principal);
    const thing = getThing(iot, input.thingName);
    iot.store.run("INSERT OR IGNORE INTO thing_principals VALUES (?, ?)", thing.name, input.principal);
    return {};
  },

  /** Succeeds for a principal that is not attached. */
  DetachThingPrincipal: (input, iot) => {
    requirePrincipal(iot, input.principal);
    const thing = getThing(iot, input.thingName);
    iot.store.run("DELETE FROM thing_principals WHERE thing = ? AND principal = ?", thing.name, input.principal);
    return {};
  },

  ListThingPrincipals: (input, iot) => {
    const thing = getThing(iot, input.thingName);
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const rows = iot.store.all<{ principal: string }>(
      "SELECT principal FROM thing_principals WHERE thing = ? AND principal > ? ORDER BY principal LIMIT ?",
      thing.name,
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.principal]);
    return { principals: page.items.map((row) => row.principal), nextToken: page.next };
  },
};
