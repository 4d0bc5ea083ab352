import type { ThingPrincipalType } from "@aws-sdk/client-iot";
import { afterToken, cut } from "../aws-json/paging.ts";
import { exists, nameInArn } from "./arns.ts";
import { invalidRequest, invalidToken, notFound } from "./errors.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";
import { getThing } from "./things.ts";

export const PRINCIPALS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS thing_principals (
    thing TEXT NOT NULL, principal TEXT NOT NULL, PRIMARY KEY (thing, principal)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS thing_principals_by_principal ON thing_principals (principal);
  CREATE TABLE IF NOT EXISTS exclusive_principals (principal TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
`;

const COGNITO_IDENTITY = /^[a-z]{2}(-[a-z]+)+-\d:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * A principal is a certificate of the account, by its ARN, or an Amazon Cognito identity.
 *
 * @throws ResourceNotFoundException (404) for a certificate that does not exist; InvalidRequestException (400) for text
 * that is no principal.
 */
export const requirePrincipal = (iot: Iot, principal: string): void => {
  const certificate = nameInArn(iot, "cert", principal);
  if (certificate === undefined && !COGNITO_IDENTITY.test(principal))
    throw invalidRequest(`Invalid principal: ${principal}`);
  if (certificate !== undefined && !exists(iot, "cert", certificate))
    throw notFound(`The certificate given in the principal does not exist: ${principal}`);
};

const isExclusive = (iot: Iot, principal: string): boolean =>
  iot.store.get("SELECT 1 AS found FROM exclusive_principals WHERE principal = ?", principal) !== undefined;

/** @throws InvalidRequestException (400) where one of the two relations is, or would be, exclusive. */
const requireShareable = (iot: Iot, principal: string, thing: string, type: ThingPrincipalType): void => {
  const attached = iot.store.all<{ thing: string }>(
    "SELECT thing FROM thing_principals WHERE principal = ?",
    principal,
  );
  const others = attached.some((row) => row.thing !== thing);
  if (others && (type === "EXCLUSIVE_THING" || isExclusive(iot, principal)))
    throw invalidRequest(`Principal ${principal} is attached to another thing`);
  const here = attached.some((row) => row.thing === thing);
  if (here && isExclusive(iot, principal) !== (type === "EXCLUSIVE_THING"))
    throw invalidRequest(`Principal ${principal} is attached to thing ${thing} in the other way`);
};

interface Page {
  readonly maxResults?: number | undefined;
  readonly nextToken?: string | undefined;
  readonly thingPrincipalType?: ThingPrincipalType | undefined;
}

/** A page of the `column` of what is attached to `of`, which is in the other column, with the kind of the relation. */
const related = (iot: Iot, column: "thing" | "principal", of: string, { thingPrincipalType, ...input }: Page) => {
  const limit = input.maxResults ?? DEFAULT_PAGE;
  const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
  const rows = iot.store.all<{ name: string; type: ThingPrincipalType }>(
    `SELECT ${column} AS name, type FROM (
       SELECT *, iif(principal IN (SELECT principal FROM exclusive_principals), 'EXCLUSIVE_THING',
         'NON_EXCLUSIVE_THING') AS type FROM thing_principals
     ) WHERE ${column === "thing" ? "principal" : "thing"} = ?1 AND ${column} > ?2 AND (?3 IS NULL OR type = ?3)
     ORDER BY ${column} LIMIT ?4`,
    of,
    after,
    thingPrincipalType ?? null,
    limit + 1,
  );
  return cut(rows, limit, (row) => [row.name]);
};

/** The principal that a header names: the client package's model requires it, and the constraints do not know of it. */
const principalOf = (iot: Iot, principal: string | undefined): string => {
  if (principal === undefined) throw invalidRequest("The principal is required");
  requirePrincipal(iot, principal);
  return principal;
};

export const principalHandlers: IotHandlers = {
  /**
   * Attaching again succeeds.
   * https://docs.aws.amazon.com/iot/latest/apireference/API_AttachThingPrincipal.html
   */
  AttachThingPrincipal: (input, iot) => {
    requirePrincipal(iot, input.principal);
    const thing = getThing(iot, input.thingName);
    const type = input.thingPrincipalType ?? "NON_EXCLUSIVE_THING";
    if (type !== "NON_EXCLUSIVE_THING" && type !== "EXCLUSIVE_THING")
      throw invalidRequest(`thingPrincipalType ${String(type)} is not known`);
    requireShareable(iot, input.principal, thing.name, type);
    iot.store.transact(() => {
      iot.store.run("INSERT OR IGNORE INTO thing_principals VALUES (?, ?)", thing.name, input.principal);
      if (type === "EXCLUSIVE_THING")
        iot.store.run("INSERT OR IGNORE INTO exclusive_principals VALUES (?)", input.principal);
    });
    return {};
  },

  /** Succeeds for a principal that is not attached. */
  DetachThingPrincipal: (input, iot) => {
    requirePrincipal(iot, input.principal);
    const thing = getThing(iot, input.thingName);
    iot.store.transact(() => {
      const sql = "DELETE FROM thing_principals WHERE thing = ? AND principal = ?";
      if (iot.store.run(sql, thing.name, input.principal) > 0)
        iot.store.run("DELETE FROM exclusive_principals WHERE principal = ?", input.principal);
    });
    return {};
  },

  ListThingPrincipals: (input, iot) => {
    const page = related(iot, "principal", getThing(iot, input.thingName).name, input);
    return { principals: page.items.map(({ name }) => name), nextToken: page.next };
  },

  ListThingPrincipalsV2: (input, iot) => {
    const page = related(iot, "principal", getThing(iot, input.thingName).name, input);
    return {
      thingPrincipalObjects: page.items.map(({ name, type }) => ({ principal: name, thingPrincipalType: type })),
      nextToken: page.next,
    };
  },

  ListPrincipalThings: (input, iot) => {
    const page = related(iot, "thing", principalOf(iot, input.principal), input);
    return { things: page.items.map(({ name }) => name), nextToken: page.next };
  },

  ListPrincipalThingsV2: (input, iot) => {
    const page = related(iot, "thing", principalOf(iot, input.principal), input);
    return {
      principalThingObjects: page.items.map(({ name, type }) => ({ thingName: name, thingPrincipalType: type })),
      nextToken: page.next,
    };
  },
};
