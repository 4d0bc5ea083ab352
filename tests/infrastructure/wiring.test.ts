import aslValidator from "asl-validator";
import { beforeAll, describe, expect, test } from "vitest";
import { AUTHORIZER, functionOfRoute, functions, NO_ROUTE } from "../../functions/declared.ts";
import { type Route, type RouteName, routes } from "../../shared/declared/routes.ts";
import { tables } from "../../shared/declared/tables.ts";
import { iotRules, rules, schedules, streams } from "../../shared/declared/triggers.ts";
import { ENVIRONMENT } from "../../shared/env.ts";
import { stageNames } from "../../shared/names.ts";
import { tasksOf, workflows } from "../../workflows/workflows.ts";
import { at, ofType, only, type Resource, STAGES, type Synthesis, synthesiseAll, text, triggered } from "./stages.ts";
import { ACCOUNT, REGION } from "./synthesise.ts";

const FUNCTION = "lambda/function:Function";
const ROUTE = "apigatewayv2/route:Route";
const PERMISSION = "lambda/permission:Permission";
const MAPPING = "lambda/eventSourceMapping:EventSourceMapping";
const RULE = "cloudwatch/eventRule:EventRule";
const MACHINE = "sfn/stateMachine:StateMachine";

let all: Synthesis[];
beforeAll(async () => {
  all = await synthesiseAll();
});

const namesIn = (resources: readonly Resource[], field = "name"): string[] =>
  resources.map(({ inputs }) => text(inputs, field)).sort();

describe.each(STAGES)("in stage %s", (stage) => {
  const names = stageNames({ stage, accountId: ACCOUNT });
  const arn = (service: string, resource: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`;
  const functionArn = (name: string) => arn("lambda", `function:${names.function(name)}`);
  const invokeArn = (name: string) =>
    `arn:aws:apigateway:${REGION}:lambda:path/2015-03-31/functions/${functionArn(name)}/invocations`;
  const deadLettersArn = (trigger: string) => arn("sqs", names.deadLetters(trigger));
  let it: Synthesis;
  beforeAll(() => {
    const found = all.find((synthesis) => synthesis.stage === stage);
    if (found === undefined) throw new Error(`${stage} was not evaluated`);
    it = found;
  });
  const where = (type: string, field: string, value: string): Resource[] =>
    ofType(it, type).filter(({ inputs }) => at(inputs, field) === value);

  describe("functions", () => {
    test("are the declared ones, each once", () => {
      expect(namesIn(ofType(it, FUNCTION))).toEqual(Object.keys(functions).map(names.function).sort());
    });

    test.each(Object.entries(functions))("%s has its own code, limits, environment and logs", (name, declared) => {
      const { inputs } = only(where(FUNCTION, "name", names.function(name)));
      expect(inputs).toMatchObject({
        runtime: "nodejs24.x",
        architectures: ["arm64"],
        timeout: declared.timeoutSeconds,
        memorySize: declared.memoryMb,
        tracingConfig: { mode: "Active" },
        role: `arn:aws:iam::${ACCOUNT}:role/${names.function(name)}`,
      });
      expect(namesIn(where(FUNCTION, "code.archive", text(inputs, "code.archive")))).toEqual([names.function(name)]);
      const variables = at(inputs, "environment.variables") as Record<string, string>;
      expect(Object.keys(variables).sort()).toEqual([...declared.environment, "NODE_OPTIONS"].sort());
      for (const variable of declared.environment) {
        expect(ENVIRONMENT[variable].safeParse(variables[variable]).error, variable).toBeUndefined();
      }
      expect(text(inputs, "loggingConfig.logGroup")).toBe(`/aws/lambda/${names.function(name)}`);
      only(where("cloudwatch/logGroup:LogGroup", "name", text(inputs, "loggingConfig.logGroup")));
    });

    test("are told the names of what there is", () => {
      const told = (variable: string): string[] =>
        [...new Set(ofType(it, FUNCTION).map(({ inputs }) => at(inputs, `environment.variables.${variable}`)))]
          .filter((value) => value !== undefined)
          .map(String);
      expect([...told("CONTROL_TABLE"), ...told("OTA_TABLE")].sort()).toEqual(
        namesIn(ofType(it, "dynamodb/table:Table")),
      );
      expect(namesIn(ofType(it, "s3/bucket:Bucket"), "bucket")).toEqual(
        expect.arrayContaining([...told("OTA_BUCKET"), ...told("IMPORTS_BUCKET")]),
      );
      expect(namesIn(ofType(it, "cloudwatch/eventBus:EventBus"))).toEqual(told("EVENT_BUS"));
      expect(told("STAGE")).toEqual([stage]);
      expect(told("ACCOUNT_ID")).toEqual([ACCOUNT]);
      expect(told("STATE_MACHINE_PREFIX")).toEqual([arn("states", "stateMachine:")]);
    });
  });

  test.each(Object.entries(tables))("the table %s is as declared", (name, declared) => {
    const { inputs } = only(where("dynamodb/table:Table", "name", names.table(name)));
    expect(inputs).toMatchObject({
      billingMode: "PAY_PER_REQUEST",
      hashKey: "pk",
      rangeKey: "sk",
      ttl: { attributeName: declared.ttl, enabled: true },
      globalSecondaryIndexes: declared.indexes.map((index) => ({
        name: index.name,
        hashKey: index.pk,
        rangeKey: index.sk,
        projectionType: "ALL",
      })),
    });
    expect(inputs.streamViewType).toBe(declared.stream ? "NEW_AND_OLD_IMAGES" : undefined);
    // DynamoDB refuses attributes that no key has, and keys that are no attributes.
    const keys = new Set(["pk", "sk", ...declared.indexes.flatMap(({ pk, sk }) => [pk, sk])]);
    expect((inputs.attributes as { name: string }[]).map((attribute) => attribute.name).sort()).toEqual(
      [...keys].sort(),
    );
  });

  describe("routes", () => {
    const declared = [
      ...(Object.entries<Route>(routes) as [RouteName, Route][]).map(([operation, { method, path, access }]) => ({
        routeKey: `${method} ${path}`,
        called: functionOfRoute(operation),
        open: access === "anyone",
        // A parameter may be anything; the rest of the permission is the route itself.
        source: `${method}${path.replace(/\{\w+\+?\}/g, "*")}`,
      })),
      { routeKey: "$default", called: NO_ROUTE, open: true, source: "$default" },
    ];

    test("are the declared ones and one for the rest, each once, as many as an API may have", () => {
      const keys = namesIn(ofType(it, ROUTE), "routeKey");
      expect(keys).toEqual(declared.map(({ routeKey }) => routeKey).sort());
      // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
      expect(keys.length).toBeLessThanOrEqual(300);
    });

    test.each(declared)("$routeKey calls $called, after a look at the token unless it is open", (route) => {
      const { inputs } = only(where(ROUTE, "routeKey", route.routeKey));
      const api = only(ofType(it, "apigatewayv2/api:Api"));
      const authorizer = only(ofType(it, "apigatewayv2/authorizer:Authorizer"));
      expect(inputs).toMatchObject({ apiId: `${api.name}-id` });
      expect({ type: inputs.authorizationType, by: inputs.authorizerId }).toEqual(
        route.open ? { type: "NONE", by: undefined } : { type: "CUSTOM", by: `${authorizer.name}-id` },
      );
      const integration = only(
        ofType(it, "apigatewayv2/integration:Integration").filter(
          ({ name }) => `integrations/${name}-id` === inputs.target,
        ),
      );
      expect(integration.inputs).toMatchObject({
        integrationType: "AWS_PROXY",
        integrationUri: functionArn(route.called),
        payloadFormatVersion: "2.0",
      });
      expect(only(where(PERMISSION, "function", names.function(route.called))).inputs).toMatchObject({
        action: "lambda:InvokeFunction",
        principal: "apigateway.amazonaws.com",
        sourceArn: `${arn("execute-api", `${api.name}-id`)}/*/${route.source}`,
      });
    });

    test("take tokens of the stage's issuer, at the declared rate", () => {
      const authorizer = only(ofType(it, "apigatewayv2/authorizer:Authorizer"));
      expect(authorizer.inputs).toMatchObject({
        authorizerType: "REQUEST",
        authorizerUri: invokeArn(AUTHORIZER),
        authorizerPayloadFormatVersion: "2.0",
        authorizerResultTtlInSeconds: 300,
        enableSimpleResponses: true,
        identitySources: ["$request.header.Authorization"],
      });
      const api = only(ofType(it, "apigatewayv2/api:Api"));
      expect(only(where(PERMISSION, "function", names.function(AUTHORIZER))).inputs).toMatchObject({
        action: "lambda:InvokeFunction",
        principal: "apigateway.amazonaws.com",
        sourceArn: `${arn("execute-api", `${api.name}-id`)}/authorizers/${authorizer.name}-id`,
      });
      const { environment } = only(where("lambda/function:Function", "name", names.function(AUTHORIZER))).inputs;
      expect(at(environment, "variables")).toMatchObject(
        stage === "production"
          ? { TOKEN_ISSUER: "https://login.example.com/", TOKEN_AUDIENCES: '["https://api.example.com"]' }
          : {
              TOKEN_ISSUER: `https://cognito-idp.${REGION}.amazonaws.com/${REGION}_users`,
              TOKEN_AUDIENCES: '["users-id"]',
            },
      );
      expect(ofType(it, "cognito/userPool:UserPool").length).toBe(stage === "production" ? 0 : 1);
      const { defaultRouteSettings, accessLogSettings } = only(ofType(it, "apigatewayv2/stage:Stage")).inputs;
      expect(at(defaultRouteSettings, "throttlingRateLimit")).toBeGreaterThan(0);
      expect(at(defaultRouteSettings, "throttlingBurstLimit")).toBeGreaterThan(0);
      expect(Object.keys(JSON.parse(text(accessLogSettings, "format")))).toContain("requestId");
    });
  });

  describe("streams", () => {
    test("are read by the declared readers, each once", () => {
      expect(namesIn(ofType(it, MAPPING), "functionName")).toEqual(
        Object.values(streams)
          .map((stream) => functionArn(stream.function))
          .sort(),
      );
    });

    test.each(Object.entries(streams))("%s gets what it declares, and gives up into its queue", (name, stream) => {
      const { inputs } = only(where(MAPPING, "functionName", functionArn(stream.function)));
      expect(inputs).toMatchObject({
        batchSize: stream.batchSize,
        maximumRetryAttempts: stream.maximumRetryAttempts,
        maximumRecordAgeInSeconds: stream.maximumRecordAgeSeconds,
        functionResponseTypes: ["ReportBatchItemFailures"],
        bisectBatchOnFunctionError: true,
        startingPosition: "TRIM_HORIZON",
        destinationConfig: { onFailure: { destinationArn: deadLettersArn(name) } },
      });
      expect(text(inputs, "eventSourceArn")).toContain(`:table/${names.table(stream.table)}/stream/`);
      const patterns = at(inputs, "filterCriteria.filters") as { pattern: string }[];
      expect(patterns.map(({ pattern }) => JSON.parse(pattern))).toEqual(stream.filters);
      // https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
      expect(patterns.length).toBeLessThanOrEqual(5);
      for (const { pattern } of patterns) expect(pattern.length).toBeLessThanOrEqual(4_096);
    });

    test("have at most two readers", () => {
      const sources = namesIn(ofType(it, MAPPING), "eventSourceArn");
      for (const source of sources) expect(sources.filter((other) => other === source).length).toBeLessThanOrEqual(2);
    });
  });

  describe("rules and schedules", () => {
    const declared = [
      ...Object.entries(rules(arn("states", `stateMachine:${stage}-`), ACCOUNT, stage)).map(([name, rule]) => ({
        name,
        called: rule.function,
        bus: rule.bus === "default" ? undefined : names.eventBus,
        pattern: rule.pattern as object | undefined,
        schedule: undefined as string | undefined,
      })),
      ...Object.entries(schedules).map(([name, { every, ...schedule }]) => ({
        name,
        called: schedule.function,
        bus: undefined,
        pattern: undefined,
        schedule: every as string,
      })),
    ];

    test("are the declared ones, each once", () => {
      expect(namesIn(ofType(it, RULE))).toEqual(declared.map(({ name }) => names.trigger(name)).sort());
      expect(ofType(it, "cloudwatch/eventTarget:EventTarget").length).toBe(declared.length);
    });

    test.each(declared)(
      "$name calls $called, and gives up into its queue",
      ({ name, called, bus, pattern, schedule }) => {
        const rule = only(where(RULE, "name", names.trigger(name)));
        expect(rule.inputs.eventBusName).toBe(bus);
        expect(rule.inputs.scheduleExpression).toBe(schedule);
        expect(rule.inputs.eventPattern && JSON.parse(text(rule.inputs, "eventPattern"))).toEqual(pattern);
        const target = only(where("cloudwatch/eventTarget:EventTarget", "rule", names.trigger(name)));
        expect(target.inputs.arn).toBe(functionArn(called));
        expect(target.inputs.eventBusName).toBe(bus);
        expect(at(target.inputs, "deadLetterConfig.arn")).toBe(deadLettersArn(name));
        expect(only(where(PERMISSION, "function", names.function(called))).inputs).toMatchObject({
          principal: "events.amazonaws.com",
          sourceArn: arn("events", `rule/${bus === undefined ? "" : `${bus}/`}${names.trigger(name)}`),
        });
        const asynchronous = where(
          "lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
          "functionName",
          names.function(called),
        );
        expect(at(only(asynchronous).inputs, "destinationConfig.onFailure.destination")).toBe(deadLettersArn(name));
      },
    );
  });

  describe("rules of AWS IoT", () => {
    const TOPIC_RULE = "iot/topicRule:TopicRule";
    const ruleName = (name: string) => names.trigger(name).replaceAll("-", "_");

    test("are the declared ones, each once", () => {
      expect(namesIn(ofType(it, TOPIC_RULE))).toEqual(Object.keys(iotRules).map(ruleName).sort());
    });

    test.each(Object.entries(iotRules))("%s calls its function, and gives up into its queue", (name, declared) => {
      const { inputs } = only(where(TOPIC_RULE, "name", ruleName(name)));
      expect(ruleName(name)).toMatch(/^\w{1,128}$/);
      expect(inputs).toMatchObject({
        enabled: true,
        sql: `SELECT * FROM '${declared.topic}'`,
        sqlVersion: "2016-03-23",
        lambdas: [{ functionArn: functionArn(declared.function) }],
        errorAction: {
          sqs: {
            queueUrl: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${names.deadLetters(name)}`,
            roleArn: `arn:aws:iam::${ACCOUNT}:role/${stage}-${name}-rule-errors`,
          },
        },
      });
      const errors = only(where("iam/rolePolicy:RolePolicy", "role", `${stage}-${name}-rule-errors`));
      expect(JSON.parse(text(errors.inputs, "policy"))).toMatchObject({
        Statement: [{ Effect: "Allow", Action: ["sqs:SendMessage"], Resource: [deadLettersArn(name)] }],
      });
      expect(only(where(PERMISSION, "function", names.function(declared.function))).inputs).toMatchObject({
        principal: "iot.amazonaws.com",
        sourceArn: arn("iot", `rule/${ruleName(name)}`),
        sourceAccount: ACCOUNT,
      });
      const asynchronous = where(
        "lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        "functionName",
        names.function(declared.function),
      );
      expect(at(only(asynchronous).inputs, "destinationConfig.onFailure.destination")).toBe(deadLettersArn(name));
    });
  });

  test.each(triggered())(
    "what $function cannot take is kept, and it may put it there",
    ({ trigger, function: called, kind }) => {
      const queue = only(where("sqs/queue:Queue", "name", names.deadLetters(trigger)));
      const policy = only(where("iam/rolePolicy:RolePolicy", "role", names.function(called)));
      const { Statement } = JSON.parse(text(policy.inputs, "policy")) as { Statement: Record<string, string[]>[] };
      const sending = Statement.filter(({ Action }) => Action?.includes("sqs:SendMessage"));
      expect(sending.flatMap(({ Resource }) => Resource)).toContain(deadLettersArn(trigger));
      // The rule itself sends what it cannot deliver, and no other rule does.
      const queueUrl = `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${text(queue.inputs, "name")}`;
      const told = JSON.parse(text(only(where("sqs/queuePolicy:QueuePolicy", "queueUrl", queueUrl)).inputs, "policy"));
      const allowed = (told.Statement as { Effect: string; Condition: unknown }[]).filter(
        ({ Effect }) => Effect === "Allow",
      );
      // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html, resource types
      const bus = rules("", "")[trigger]?.bus === "slipway" ? `${names.eventBus}/` : "";
      const rule = arn("events", `rule/${bus}${names.trigger(trigger)}`);
      expect(allowed.map(({ Condition }) => Condition)).toEqual(
        kind !== "event" ? [] : [{ ArnEquals: { "aws:SourceArn": rule } }],
      );
    },
  );

  describe("state machines", () => {
    test("are the declared workflows, each once", () => {
      expect(namesIn(ofType(it, MACHINE))).toEqual(workflows.map(({ name }) => names.stateMachine(name)).sort());
    });

    test.each(workflows.map((workflow) => ({ name: workflow.name, workflow })))(
      "$name is valid, calls its own tasks, and logs and traces",
      ({ name, workflow }) => {
        const { inputs } = only(where(MACHINE, "name", names.stateMachine(name)));
        const definition = JSON.parse(text(inputs, "definition"));
        expect(aslValidator(structuredClone(definition), { checkPaths: true, checkArn: true }).errors).toEqual([]);
        expect(text(inputs, "definition").length).toBeLessThan(1_048_576);
        const called = new Set(
          [...text(inputs, "definition").matchAll(/"FunctionName":"([^"]+)"/g)].map(([, one]) => one),
        );
        expect([...called].sort()).toEqual(tasksOf(workflow).map(functionArn).sort());
        for (const task of tasksOf(workflow)) only(where(FUNCTION, "name", names.function(task)));
        const group = `/aws/vendedlogs/states/${names.stateMachine(name)}`;
        only(where("cloudwatch/logGroup:LogGroup", "name", group));
        expect(inputs).toMatchObject({
          type: "STANDARD",
          roleArn: `arn:aws:iam::${ACCOUNT}:role/${names.stateMachine(name)}-workflow`,
          loggingConfiguration: {
            includeExecutionData: false,
            logDestination: `${arn("logs", `log-group:${group}`)}:*`,
          },
          tracingConfiguration: { enabled: true },
        });
      },
    );
  });
});
