import middy from "@middy/core";
import type { APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import type * as z from "zod";
import { actorOf, type Deed } from "../../shared/audit/audit.ts";
import { auditOf } from "../../shared/aws/audit.ts";
import { remembering, transact } from "../../shared/aws/table.ts";
import type { PathParameters, Route } from "../../shared/declared/routes/route.ts";
import type { Moment } from "../../shared/ids.ts";
import { type StoredIntent, viewIntent } from "../../shared/intent/intent.ts";
import { allows, inScope, type Role } from "../../shared/workspace/access.ts";
import type { Accepted, StoredWorkspace } from "../../shared/workspace/workspace.ts";
import type { Write } from "../../shared/writes.ts";
import type { Log } from "../logger.ts";
import { measure } from "../metrics.ts";
import { theMoment } from "../moment.ts";
import {
  type ApiEvent,
  apiUrl,
  authenticate,
  BESIDE_INTENT,
  idempotency,
  jsonResult,
  logs,
  parse,
  problems,
} from "./middlewares.ts";

type Output<Declared, Member extends string> = Declared extends { readonly [M in Member]: z.ZodType }
  ? z.output<Declared[Member]>
  : undefined;

type Workspace<Access> = Access extends "anyone" | "caller" ? undefined : StoredWorkspace;

/** A request whose parts the middlewares have checked. */
export interface Request<Declared extends Route> {
  readonly params: Readonly<Record<PathParameters<Declared["path"]>, string>>;
  readonly query: Output<Declared, "query">;
  readonly body: Output<Declared, "body">;
  /** The revision that the caller saw, where it sent `If-Match`. */
  readonly ifMatch: number | undefined;
  readonly caller: string;
  readonly workspace: Workspace<Declared["access"]>;
  /** The header, where the operation takes no bearer token. */
  readonly authorization: string | undefined;
  /** Whether the caller's role in the workspace, and the scopes of its token, allow what needs this role and this scope. */
  readonly may: (role: Role, scope: string) => boolean;
  readonly moment: Moment;
  readonly log: Log;
  /** The API's base URL, as the client reached it. */
  readonly api: string;
  /** The client's address. */
  readonly source: string;
  readonly acceptEncoding: string | undefined;
  /**
   * Writes desired state and intent in one transaction, and answers 202 with `Location`.
   * @param secret members of the answer that are shown this once, and not kept for an Idempotency-Key
   */
  readonly accept: (accepted: Accepted, secret?: object) => Promise<APIGatewayProxyStructuredResultV2>;
  /** Writes one step of several, with the record of it, in one transaction. The last step is `commit`. */
  readonly step: (writes: readonly Write[]) => Promise<void>;
  /**
   * Writes in one transaction and gives this answer.
   * @param doer who does it, where that is told by no bearer token
   */
  readonly commit: (
    writes: readonly Write[],
    answer: Answer<Declared>,
    doer?: Doer,
  ) => Promise<APIGatewayProxyStructuredResultV2>;
}

/** Who does something, to what, where no bearer token and no workspace in the path say so: a device. */
type Doer = Pick<Deed, "actor" | "workspaceId" | "object" | "intent">;

export interface Answer<Declared extends Route> {
  readonly body: Output<Declared, "answer">;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The handler of an operation: logs, problems, parse and validate, authenticate, idempotency, in this order, around
 * a function that decides. On the way out the order is reversed, so problems sees every error and logs every answer.
 * What is written goes with the record of who did it, in the same transaction.
 * @param table the declarations that it is among: a function's bundle has the schemas of these, and of no others
 */
export const endpoint = <Name extends string, Table extends Readonly<Record<Name, Route>>>(
  table: Table,
  name: Name,
  run: (request: Request<Table[Name]>) => Promise<APIGatewayProxyStructuredResultV2 | Answer<Table[Name]>>,
) => {
  const route: Route = table[name];
  const handler = middy<ApiEvent, APIGatewayProxyStructuredResultV2, Error, Context>()
    .use(logs(name))
    .use(problems(route))
    .use(parse(route))
    .use(authenticate(route))
    .use(idempotency(route))
    .handler(async (event) => {
      const { work } = event;
      const moment = theMoment();
      const respond = async (
        writes: readonly Write[],
        answer: { readonly body: unknown; readonly headers?: object },
        { secret = {}, intent, doer }: { secret?: object; intent?: StoredIntent; doer?: Doer } = {},
      ) => {
        const result = jsonResult(route.status, answer.body, { ...answer.headers });
        const stored = work.claim?.store({
          status: route.status,
          headers: result.headers as Record<string, string>,
          body: result.body,
        });
        const beside = intent && event[BESIDE_INTENT]?.(intent.id);
        await transact([
          // First, so that it is what a repeat is told of: its other writes fail for what the first one did.
          ...(beside === undefined ? [] : [beside]),
          ...writes,
          ...(stored === undefined ? [] : [stored]),
          ...recordOf(event, name, writes, intent, doer),
        ]);
        if (Object.keys(secret).length === 0) return result;
        return jsonResult(route.status, { ...(answer.body as object), ...secret }, { ...answer.headers });
      };
      const answer = await run({
        // The middlewares parsed these by the route's own schemas.
        params: work.params as Request<Table[Name]>["params"],
        query: work.query as Request<Table[Name]>["query"],
        body: work.body as Request<Table[Name]>["body"],
        workspace: work.workspace as Request<Table[Name]>["workspace"],
        may: (role, scope) => work.role !== undefined && allows(role, work.role) && inScope(scope, work.scopes),
        authorization: event.headers.authorization,
        ifMatch: work.ifMatch,
        caller: work.caller,
        moment,
        log: work.log,
        api: apiUrl(event),
        source: event.requestContext.http.sourceIp,
        acceptEncoding: event.headers["accept-encoding"],
        accept: async ({ intent, writes }, secret) => {
          const answer = { body: viewIntent(intent), headers: { location: `/v1/intents/${intent.id}` } };
          const result = await respond([...writes, { do: "create", item: intent }], answer, {
            intent,
            ...(secret && { secret }),
          });
          measure("IntentsAccepted", 1, { kind: intent.kind });
          return result;
        },
        step: (writes) => transact([...writes, ...recordOf(event, name, writes)]),
        commit: (writes, answer, doer) => respond(writes, answer, doer && { doer }),
      });
      return "statusCode" in answer ? answer : respond([], answer as Answer<Table[Name]>);
    });
  return (event: ApiEvent, context: Context) => remembering(() => handler(event, context));
};

/** The audit record of a request's writes: in the workspace that it opened, or that they say they are in. */
const recordOf = (
  { work, requestContext }: ApiEvent,
  operation: string,
  writes: readonly Write[],
  intent?: StoredIntent,
  told?: Doer,
): Write[] => {
  const doer = told ?? (work.caller === "" ? undefined : { actor: actorOf(work.caller) });
  if (doer === undefined || writes.length === 0) return [];
  const items = writes.flatMap((write) => ("item" in write ? [write.item.workspaceId] : []));
  const workspaceId = work.workspace?.id ?? intent?.workspaceId ?? items.find((id) => typeof id === "string");
  if (told === undefined && workspaceId === undefined) return [];
  const { sourceIp: ip, userAgent } = requestContext.http;
  const deed = {
    workspaceId: String(workspaceId),
    operation,
    source: { ip, userAgent: userAgent ?? "" },
    ...(intent && {
      intent: intent.id,
      object: { type: intent.subject.type, id: intent.subject.id, name: intent.subject.name },
    }),
    ...doer,
  };
  return auditOf(deed, writes, new Date());
};
