import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { parametersIn, patternOf } from "../shared/declared/routes/route.ts";
import type { Route } from "../shared/declared/routes.ts";
import { problem } from "../shared/problems.ts";
import type { ApiAnswer } from "./api-client.ts";
import type { Invoke } from "./invoke.ts";
import { listen, shut } from "./listen.ts";

export interface GatewayRoute extends Pick<Route, "method" | "path" | "access"> {
  readonly functionName: string;
}

export interface GatewayOptions {
  readonly port: number;
  readonly routes: readonly GatewayRoute[];
  /** The function behind the `$default` route. */
  readonly defaultFunction: string;
  /** The Lambda authoriser of every route that is not open to anyone, and for how long its word on a header is kept. */
  readonly authorizer: { readonly functionName: string; readonly ttlMs: number };
  /** What in an answer is not as documented; such an answer is kept back, and 500 says why. Without it all are sent. */
  readonly violations?: (route: GatewayRoute, answer: ApiAnswer<unknown>) => string[];
  readonly region: string;
  readonly accountId: string;
  readonly invoke: Invoke;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

/** An HTTP API's limit on a request's body. */
const MAX_BODY_BYTES = 10 * 1024 ** 2;

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new Refused(413, "Request Entity Too Large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

/** Header names in lower case, values of repeated ones joined, as payload format 2.0 has them. */
const flatHeaders = (request: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(",") : (value ?? ""),
    ]),
  );

/** The more a path spells out, the earlier it is tried, as API Gateway prefers the most specific route. */
const compile = (routes: readonly GatewayRoute[]) =>
  routes
    .map((route) => ({
      ...route,
      names: parametersIn(route.path).map(({ name }) => name),
      pattern: patternOf(route.path),
    }))
    .sort((a, b) => a.names.length - b.names.length);

type CompiledRoute = ReturnType<typeof compile>[number];

/** What an authoriser with simple responses answers. */
interface Verdict {
  readonly isAuthorized: boolean;
  readonly context?: object;
}

/** AWS keeps verdicts by the identity sources; here no more than so many, the oldest go first. */
const MAX_VERDICTS = 10_000;

/** A Lambda authoriser with simple responses, asked by the header Authorization, whose word is kept for a while. */
const startAuthorizer = ({ authorizer, invoke, region, accountId }: GatewayOptions) => {
  const kept = new Map<string, { readonly verdict: Verdict; readonly until: number }>();
  return async (header: string, event: object & { readonly routeKey: string }): Promise<object> => {
    const known = kept.get(header);
    if (known !== undefined && known.until > Date.now()) return allowed(known.verdict);
    const routeArn = `arn:aws:execute-api:${region}:${accountId}:local/$default/${event.routeKey.replace(" ", "")}`;
    const asked = { ...event, type: "REQUEST", routeArn, identitySource: [header] };
    const result = await invoke(authorizer.functionName, asked);
    if ("functionError" in result) throw new Error(`the authoriser failed: ${result.functionError.errorMessage}`);
    const verdict = result.payload as Verdict;
    kept.delete(header);
    kept.set(header, { verdict, until: Date.now() + authorizer.ttlMs });
    const [oldest] = kept.keys();
    if (kept.size > MAX_VERDICTS && oldest !== undefined) kept.delete(oldest);
    return allowed(verdict);
  };
};

const allowed = ({ isAuthorized, context = {} }: Verdict): object => {
  if (!isAuthorized) throw new Refused(403, "Forbidden");
  return context;
};

/**
 * API Gateway's HTTP API: routes, a Lambda authoriser, and functions called with payload format 2.0.
 *
 * One difference from AWS, for people's sake: there, a request without the header Authorization is answered
 * `{"message":"Unauthorized"}`, which cannot be changed; here it is a problem document that holds the same member.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
 */
export const startGateway = async (options: GatewayOptions) => {
  const routes = compile(options.routes);
  const authorize = startAuthorizer(options);

  const answer = async (request: IncomingMessage, route: CompiledRoute | undefined, requestId: string) => {
    const [rawPath = "/", rawQueryString = ""] = splitOnce(request.url ?? "/", "?");
    const header = request.headers.authorization ?? "";
    const isOpen = route === undefined || route.access === "anyone";
    if (!isOpen && header === "") throw new Refused(401, "there is no bearer token");
    const body = await readBody(request);
    const values = route?.pattern.exec(rawPath)?.slice(1) ?? [];
    const event = {
      version: "2.0",
      routeKey: route ? `${route.method} ${route.path}` : "$default",
      rawPath,
      rawQueryString,
      headers: { ...flatHeaders(request), "x-forwarded-proto": "http" },
      ...(rawQueryString !== "" && { queryStringParameters: queryOf(rawQueryString) }),
      ...(values.length > 0 && {
        pathParameters: Object.fromEntries(values.map((value, index) => [route?.names[index], decode(value)])),
      }),
      requestContext: {
        accountId: options.accountId,
        apiId: "local",
        domainName: request.headers.host ?? "localhost",
        domainPrefix: "localhost",
        http: {
          method: request.method ?? "GET",
          path: rawPath,
          protocol: "HTTP/1.1",
          sourceIp: request.socket.remoteAddress ?? "127.0.0.1",
          userAgent: request.headers["user-agent"] ?? "",
        },
        requestId,
        routeKey: route ? `${route.method} ${route.path}` : "$default",
        stage: "$default",
        time: new Date().toUTCString(),
        timeEpoch: Date.now(),
      },
    };
    const context = isOpen ? {} : { authorizer: { lambda: await authorize(header, event) } };
    const result = await options.invoke(route?.functionName ?? options.defaultFunction, {
      ...event,
      requestContext: { ...event.requestContext, ...context },
      ...(body.length > 0 && { body: body.toString("base64") }),
      isBase64Encoded: body.length > 0,
    });
    if ("functionError" in result) {
      options.log("a function failed", { route: event.routeKey, ...result.functionError });
      return ownAnswer(500, "Internal Server Error");
    }
    return result.payload as APIGatewayProxyStructuredResultV2;
  };

  const violationsIn = (route: CompiledRoute, result: APIGatewayProxyStructuredResultV2): string[] => {
    try {
      return options.violations?.(route, readAnswer(result)) ?? [];
    } catch (error) {
      if (error instanceof SyntaxError) return [`no JSON: ${error.message}`];
      throw error;
    }
  };

  /** The answer, or why it is kept back. */
  const checked = (route: CompiledRoute, result: APIGatewayProxyStructuredResultV2) => {
    const found = violationsIn(route, result);
    if (found.length === 0) return result;
    const told = `${route.method} ${route.path} answers otherwise than documented: ${found.join("; ")}`;
    process.stderr.write(`${told}\n`);
    return ownAnswer(500, told);
  };

  const refusal = (error: unknown): APIGatewayProxyStructuredResultV2 => {
    if (error instanceof Refused) return ownAnswer(error.status, error.message);
    options.log("the gateway failed", { error: String(error) });
    return ownAnswer(500, "Internal Server Error");
  };

  const server = createServer((request, response) => {
    const requestId = randomUUID();
    const path = request.url?.split("?")[0] ?? "/";
    const route = routes.find(({ method, pattern }) => method === request.method && pattern.test(path));
    answer(request, route, requestId)
      .catch(refusal)
      .then((result) => {
        response.setHeader("apigw-requestid", requestId);
        send(response, route === undefined ? result : checked(route, result));
      })
      .catch((error: unknown) => {
        options.log("an answer was not sent", { error: String(error) });
        response.destroy();
      });
  });
  const port = await listen("api", server, options.port);
  return { port, close: () => shut(server) };
};

/** What the gateway itself answers. */
const ownAnswer = (statusCode: number, message: string): APIGatewayProxyStructuredResultV2 => ({
  statusCode,
  headers: {
    "content-type": statusCode === 401 ? "application/problem+json" : "application/json",
    ...(statusCode === 401 && { "www-authenticate": 'Bearer error="invalid_token"' }),
    ...(statusCode === 413 && { connection: "close" }),
  },
  body: JSON.stringify(
    statusCode === 401 ? { ...problem("unauthorized", message), message: "Unauthorized" } : { message },
  ),
});

/** An answer as a client reads it. @throws SyntaxError */
const readAnswer = ({ statusCode = 200, headers = {}, body = "" }: APIGatewayProxyStructuredResultV2) => {
  const named = new Headers(Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]));
  const isJson = /\bjson\b/.test(named.get("content-type") ?? "");
  return { status: statusCode, headers: named, body: isJson ? (JSON.parse(body) as unknown) : body };
};

const splitOnce = (text: string, by: string): string[] => {
  const at = text.indexOf(by);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
};

const decode = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (error instanceof URIError) return part; // API Gateway leaves what is no percent-encoding as it is
    throw error;
  }
};

const queryOf = (query: string): Record<string, string> => {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const before = parameters.get(name);
    parameters.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(parameters);
};

const send = (response: ServerResponse, result: APIGatewayProxyStructuredResultV2): void => {
  const body =
    result.isBase64Encoded === true ? Buffer.from(result.body ?? "", "base64") : Buffer.from(result.body ?? "");
  const headers = Object.entries(result.headers ?? {}).map(([name, value]): [string, string] => [name, String(value)]);
  const status = result.statusCode ?? 200;
  response.writeHead(status, {
    ...Object.fromEntries(headers),
    ...(status !== 204 && status !== 304 && { "content-length": String(body.length) }),
  });
  response.end(body);
};
