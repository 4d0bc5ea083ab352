import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import { parametersIn, patternOf, type Route } from "../shared/declared/routes.ts";
import { problem } from "../shared/problems.ts";
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
  readonly issuer: string;
  readonly audience: string;
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

/**
 * API Gateway's HTTP API: routes, a JWT authoriser, and functions called with payload format 2.0.
 *
 * One difference from AWS, for people's sake: there, the authoriser's 401 is `{"message":"Unauthorized"}` and cannot be
 * changed; here it is a problem document that holds the same member and says what is wrong with the token.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export const startGateway = async (options: GatewayOptions) => {
  const routes = compile(options.routes);
  const keySet = createRemoteJWKSet(new URL(`${options.issuer}/jwks`), { cacheMaxAge: Number.POSITIVE_INFINITY });

  const authorised = async (header: string | undefined): Promise<JWTPayload> => {
    const token = /^Bearer (\S+)$/i.exec(header ?? "")?.[1];
    if (token === undefined) throw new Refused(401, "there is no bearer token");
    try {
      const { payload } = await jwtVerify(token, keySet, {
        issuer: options.issuer,
        audience: options.audience,
        algorithms: ["RS256", "RS384", "RS512"], // what the authoriser takes
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new Refused(401, `the token was refused: ${error.message}`);
      throw error;
    }
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = randomUUID();
    response.setHeader("apigw-requestid", requestId);
    const [rawPath = "/", rawQueryString = ""] = splitOnce(request.url ?? "/", "?");
    const matching = routes.filter(({ pattern }) => pattern.test(rawPath));
    const route = matching.find(({ method }) => method === request.method);
    const claims = route && route.access !== "anyone" ? await authorised(request.headers.authorization) : undefined;
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
        ...(claims && { authorizer: { jwt: { claims: textual(claims), scopes: null } } }),
      },
      ...(body.length > 0 && { body: body.toString("base64") }),
      isBase64Encoded: body.length > 0,
    };
    const result = await options.invoke(route?.functionName ?? options.defaultFunction, event);
    if ("functionError" in result) {
      options.log("a function failed", { route: event.routeKey, ...result.functionError });
      return send(response, { statusCode: 500, body: JSON.stringify({ message: "Internal Server Error" }) });
    }
    send(response, result.payload as APIGatewayProxyStructuredResultV2);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!(error instanceof Refused)) options.log("the gateway failed", { error: String(error) });
      const status = error instanceof Refused ? error.status : 500;
      const headers = {
        "content-type": status === 401 ? "application/problem+json" : "application/json",
        ...(status === 401 && { "www-authenticate": 'Bearer error="invalid_token"' }),
        ...(status === 413 && { connection: "close" }),
      };
      const told =
        status === 401
          ? { ...problem("unauthorized", (error as Refused).message), message: "Unauthorized" }
          : { message: error instanceof Refused ? error.message : "Internal Server Error" };
      send(response, { statusCode: status, headers, body: JSON.stringify(told) });
    });
  });
  const port = await listen("api", server, options.port);
  return { port, close: () => shut(server) };
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

/** The authoriser hands every claim on as text. */
const textual = (claims: JWTPayload): Record<string, string> =>
  Object.fromEntries(
    Object.entries(claims).map(([name, value]) => [
      name,
      Array.isArray(value) ? `[${value.join(" ")}]` : String(value),
    ]),
  );

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
