/// <reference path="../.sst/platform/config.d.ts" />
import { AUTHORIZER, AUTHORIZER_TTL_SECONDS, functionOfRoute, NO_ROUTE } from "../functions/declared.ts";
import { fillPath } from "../shared/declared/routes/route.ts";
import { type Route, type RouteName, routes } from "../shared/declared/routes.ts";
import { logGroup } from "./encryption.ts";
import { type Functions, functionNamed } from "./functions.ts";
import type { Identity } from "./identity.ts";
import type { Stage } from "./stage.ts";

/** One line of JSON a request; of a caller only who it is and from where. */
const ACCESS_LOG = JSON.stringify({
  requestId: "$context.requestId",
  time: "$context.requestTime",
  ip: "$context.identity.sourceIp",
  caller: "$context.authorizer.subject",
  route: "$context.routeKey",
  path: "$context.path",
  status: "$context.status",
  latencyMs: "$context.responseLatency",
  integrationLatencyMs: "$context.integrationLatency",
  integrationError: "$context.integrationErrorMessage",
  authorizerError: "$context.authorizer.error",
});

/** Path parameters as wildcards: a permission names what is called, not for which resource. */
const pathPattern = (path: string): string => fillPath(path, () => "*");

/**
 * The HTTP API: every declared route to its own function, and the rest to the one that says there is none.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html
 */
export const api = (
  stage: Stage,
  { key, functions, identity }: { key: aws.kms.Key; functions: Functions; identity: Identity },
) => {
  const { place, settings } = stage;
  const { domain } = settings.api;
  const name = `${place.stage}-api`;
  const made = new aws.apigatewayv2.Api("api", {
    name,
    protocolType: "HTTP",
    disableExecuteApiEndpoint: domain !== undefined,
  });
  // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
  const authorize = functionNamed(functions, AUTHORIZER);
  const authorizer = new aws.apigatewayv2.Authorizer("tokens", {
    apiId: made.id,
    name: "tokens",
    authorizerType: "REQUEST",
    authorizerUri: authorize.invokeArn,
    authorizerPayloadFormatVersion: "2.0",
    authorizerResultTtlInSeconds: AUTHORIZER_TTL_SECONDS,
    enableSimpleResponses: true,
    identitySources: ["$request.header.Authorization"],
  });
  new aws.lambda.Permission("tokens", {
    statementId: "authorizer",
    action: "lambda:InvokeFunction",
    function: authorize.name,
    principal: "apigateway.amazonaws.com",
    sourceArn: $util.interpolate`${made.executionArn}/authorizers/${authorizer.id}`,
  });

  const route = (
    resource: string,
    routeKey: string,
    called: aws.lambda.Function,
    access: Route["access"],
    source: string,
  ) => {
    const integration = new aws.apigatewayv2.Integration(resource, {
      apiId: made.id,
      integrationType: "AWS_PROXY",
      integrationUri: called.arn,
      integrationMethod: "POST",
      payloadFormatVersion: "2.0",
      timeoutMilliseconds: 30_000,
    });
    new aws.apigatewayv2.Route(resource, {
      apiId: made.id,
      routeKey,
      target: $util.interpolate`integrations/${integration.id}`,
      ...(access === "anyone"
        ? { authorizationType: "NONE" }
        : { authorizationType: "CUSTOM", authorizerId: authorizer.id }),
    });
    new aws.lambda.Permission(resource, {
      statementId: "api",
      action: "lambda:InvokeFunction",
      function: called.name,
      principal: "apigateway.amazonaws.com",
      sourceArn: $util.interpolate`${made.executionArn}/*/${source}`,
    });
  };
  for (const [operation, { method, path, access }] of Object.entries<Route>(routes) as [RouteName, Route][]) {
    const called = functionNamed(functions, functionOfRoute(operation));
    route(operation, `${method} ${path}`, called, access, `${method}${pathPattern(path)}`);
  }
  route("$default", "$default", functionNamed(functions, NO_ROUTE), "anyone", "$default");

  const logs = logGroup(stage, key, `/aws/vendedlogs/apis/${name}`);
  const apiStage = new aws.apigatewayv2.Stage("api", {
    apiId: made.id,
    name: "$default",
    autoDeploy: true,
    accessLogSettings: { destinationArn: logs.arn, format: ACCESS_LOG },
    defaultRouteSettings: {
      throttlingRateLimit: settings.api.requestsPerSecond,
      throttlingBurstLimit: settings.api.burst,
    },
  });
  return {
    api: made,
    ...(domain === undefined ? { url: made.apiEndpoint } : makeDomain(made, apiStage, domain)),
    issuer: identity.issuer,
    audiences: identity.audiences,
  };
};

/** The API under its own name. A CNAME from the name to `dnsTarget` is for whoever runs the zone. */
const makeDomain = (
  api: aws.apigatewayv2.Api,
  stage: aws.apigatewayv2.Stage,
  { name, certificateArn }: { readonly name: string; readonly certificateArn: string },
) => {
  const domainName = new aws.apigatewayv2.DomainName("api", {
    domainName: name,
    domainNameConfiguration: { certificateArn, endpointType: "REGIONAL", securityPolicy: "TLS_1_2" },
  });
  new aws.apigatewayv2.ApiMapping("api", { apiId: api.id, domainName: domainName.id, stage: stage.id });
  return { url: `https://${name}`, dnsTarget: domainName.domainNameConfiguration.targetDomainName };
};
