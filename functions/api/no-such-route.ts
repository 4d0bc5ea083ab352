import middy from "@middy/core";
import type { APIGatewayProxyStructuredResultV2, Context } from "aws-lambda";
import { patternOf } from "../../shared/declared/routes/route.ts";
import { type Route, routes } from "../../shared/declared/routes.ts";
import { problem } from "../../shared/problems.ts";
import { type ApiEvent, logs, problemResult, problems } from "../http/middlewares.ts";

const patterns = Object.values<Route>(routes).map(({ method, path }) => ({
  method,
  path: patternOf(path),
}));

/** The gateway's default route: the path is unknown, or known with other methods. */
export const handler = middy<ApiEvent, APIGatewayProxyStructuredResultV2, Error, Context>()
  .use(logs("noSuchRoute"))
  .use(problems())
  .handler(async (event) => {
    const { method } = event.requestContext.http;
    const allowed = patterns.filter(({ path }) => path.test(event.rawPath)).map((known) => known.method);
    if (allowed.length === 0) return problemResult(problem("no-such-route", `there is no path ${event.rawPath}`));
    const allow = [...new Set(allowed)].join(", ");
    return problemResult(problem("method-not-allowed", `${event.rawPath} takes ${allow}, not ${method}`), { allow });
  });
