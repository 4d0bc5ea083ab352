import middy from "@middy/core";
import type { APIGatewayProxyStructuredResultV2, Context, EventBridgeEvent } from "aws-lambda";
import { translated } from "../../shared/aws/aws-errors.ts";
import { allItems, getItem, transact, unlessChanged } from "../../shared/aws/table.ts";
import { fillPath, parametersIn } from "../../shared/declared/routes/route.ts";
import { type Route, routes } from "../../shared/declared/routes.ts";
import {
  answerRequest,
  giveBackRequest,
  hashOfRequest,
  INTENT_REQUESTED,
  IntentRequest,
  type RequestOutcome,
  type StoredEventRule,
  type StoredRequest,
  takeRequest,
} from "../../shared/event-rule/event-rule.ts";
import { isId } from "../../shared/ids.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { AppError, PROBLEMS, type Problem, problem } from "../../shared/problems.ts";
import { checkedJson } from "../../shared/read-json.ts";
import { type Caller, subjectOfRule } from "../../shared/workspace/access.ts";
import type { Refusal, Write } from "../../shared/writes.ts";
import { type ApiEvent, BESIDE_INTENT } from "../http/middlewares.ts";
import { loggerOf } from "../logger.ts";
import { handlers } from "./askable.ts";

/**
 * Somebody of the account asks for an intent by an event. Where a rule of the workspace lets its source ask for that, the API's
 * own handler is called in the rule's name, and writes the intent and what came of the event in one transaction, so that an event
 * makes one intent. The outcome is an event: `slipway.intent.granted` with the intent's id, or `slipway.intent.refused`. What
 * is nobody's fault is thrown, and the event comes again.
 */
export const handler = middy<EventBridgeEvent<string, unknown>, void>().handler(async (event, context) => {
  const requestId = ownId(event.detail) ?? event.id;
  const hash = hashOfRequest(event.source, requestId);
  const log = loggerOf(context, { event: requestId, source: event.source });
  const seen = await getItem<StoredRequest>(keys.intentRequest(hash));
  if (seen?.outcome !== undefined) return;
  if (seen !== undefined && seen.leaseUntil > Date.now())
    throw new AppError("busy", "the same event is being answered");
  await transact([takeRequest(hash, seen, new Date())]);
  const known: { workspaceId?: string; operation?: string } = {};
  const answered = (came: Came): Write => {
    const outcome: RequestOutcome = {
      requestId,
      source: event.source,
      ...known,
      ...came,
      at: new Date().toISOString(),
    };
    return answerRequest(hash, outcome);
  };
  let came: Came;
  try {
    came = await ask(event, context, known, (intentId) => ({ ...answered({ intentId }), otherwise: ANSWERED }));
  } catch (error) {
    const told = translated(error);
    if (!(told instanceof AppError) || !isTheirs(told)) {
      await unlessChanged(giveBackRequest(hash));
      throw told;
    }
    came = { problem: problem(told.code, told.message, told.findings) };
  }
  if ("intentId" in came) log.info("answered", { intent: came.intentId });
  // A refusal changes nothing, and there is no transaction for it to be a part of.
  else if (await unlessChanged(answered(came))) log.info("answered", { code: came.problem.code });
});

type Came = { readonly intentId: string } | { readonly problem: Problem };

/** Not `conflict`, which handlers take for a lost race, and try again. */
const ANSWERED: Refusal = { code: "busy", detail: "the event was answered meanwhile" };

/** As long as a request may take, and more: its caller is known for that time. */
const REQUEST_SECONDS = 60;

const isTheirs = ({ code }: { readonly code: AppError["code"] }): boolean =>
  PROBLEMS[code].status < 500 && !("retry" in PROBLEMS[code]) && code !== "idempotency-in-progress";

/** The id that the sender gave the event, so that one which is sent twice counts once; EventBridge gives each its own. */
const ownId = (detail: unknown): string | undefined => {
  const { id } = (detail ?? {}) as { id?: unknown };
  return typeof id === "string" && id !== "" && id.length <= 256 ? id : undefined;
};

/**
 * @param known is told what is known of the event, whatever comes of it
 * @param granted what is written with the intent
 * @throws AppError for whatever the API refuses, and `forbidden` where no rule lets it in
 */
const ask = async (
  { source, detail }: EventBridgeEvent<string, unknown>,
  context: Context,
  known: { workspaceId?: string; operation?: string },
  granted: (intentId: string) => Write,
): Promise<Came> => {
  const asked = checkedJson(IntentRequest, detail, "the detail");
  known.operation = asked.operation;
  const workspaceId = await idOf(asked.workspace);
  const rules = workspaceId === undefined ? [] : await allItems<StoredEventRule>(partitions.eventRules(workspaceId));
  const rule = rules.find((one) => one.source === source && one.operations.includes(asked.operation));
  if (rule === undefined || workspaceId === undefined) {
    // The same for a workspace that there is none of: who may put events is not to find out which there are.
    throw new AppError("forbidden", `no rule of ${asked.workspace} lets ${source} ask for ${asked.operation}`);
  }
  known.workspaceId = workspaceId;
  let intentId: string | undefined;
  const request = {
    ...apiEvent(asked, subjectOfRule(rule.id), context),
    [BESIDE_INTENT]: (id: string) => {
      intentId = id;
      return granted(id);
    },
  };
  const answer = await handlers[asked.operation](request, context);
  return answer.statusCode === 202 && intentId !== undefined ? { intentId } : { problem: refusalIn(answer) };
};

const idOf = async (reference: string): Promise<string | undefined> =>
  isId(reference, "workspace") ? reference : (await getItem<{ id: string }>(keys.workspaceName(reference)))?.id;

/** @throws AppError when it may go well later */
const refusalIn = ({ statusCode, body }: APIGatewayProxyStructuredResultV2): Problem => {
  const told = JSON.parse(body ?? "{}") as Problem;
  if (!(told.code in PROBLEMS)) throw new Error(`the operation answered ${statusCode}`);
  if (!isTheirs(told)) throw new AppError(told.code, told.detail);
  return told;
};

/** The request as API Gateway would hand it over: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html */
const apiEvent = (asked: IntentRequest, subject: string, { awsRequestId }: Context): ApiEvent => {
  const route: Route = routes[asked.operation];
  const given: Readonly<Record<string, string>> = { ...asked.parameters, workspace: asked.workspace };
  const names = parametersIn(route.path).map(({ name }) => name);
  const wrong = [
    ...names.filter((name) => !Object.hasOwn(given, name)),
    ...Object.keys(given).filter((name) => !names.includes(name)),
  ];
  if (wrong.length > 0) {
    const told = `${asked.operation} takes the parameters ${names.join(", ")}`;
    throw new AppError("invalid-request", `the detail is not valid: ${told}`, {
      findings: wrong.map((name) => ({ pointer: `/parameters/${name}`, rule: "parameters", detail: told })),
    });
  }
  const path = fillPath(route.path, (name) => encodeURIComponent(given[name] ?? ""));
  const time = new Date();
  const request = {
    version: "2.0",
    routeKey: INTENT_REQUESTED,
    rawPath: path,
    rawQueryString: "",
    headers: {
      "content-type": "application/json",
      ...(asked.ifMatch !== undefined && { "if-match": asked.ifMatch }),
    },
    pathParameters: given,
    requestContext: {
      accountId: "",
      apiId: "",
      domainName: "events",
      domainPrefix: "",
      http: { method: route.method, path, protocol: "", sourceIp: "", userAgent: "" },
      requestId: awsRequestId,
      routeKey: INTENT_REQUESTED,
      stage: "",
      time: time.toISOString(),
      timeEpoch: time.getTime(),
      authorizer: { lambda: { subject, until: Math.ceil(time.getTime() / 1_000) + REQUEST_SECONDS } satisfies Caller },
    },
    ...(asked.body !== undefined && { body: JSON.stringify(asked.body) }),
    isBase64Encoded: false,
  };
  return request as Omit<ApiEvent, "work"> as ApiEvent; // `work` is the middlewares' to add
};
