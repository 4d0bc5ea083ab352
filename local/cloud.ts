import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBStreamsClient } from "@aws-sdk/client-dynamodb-streams";
import { IoTClient } from "@aws-sdk/client-iot";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { AUTHORIZER, AUTHORIZER_TTL_SECONDS, functionOfRoute, functions, NO_ROUTE } from "../functions/declared.ts";
import { type Route, type RouteName, routes } from "../shared/declared/routes.ts";
import { iotRules, rules, schedules, streams } from "../shared/declared/triggers.ts";
import { stageNames } from "../shared/names.ts";
import { provisioningRole } from "../shared/node/provisioning.ts";
import { workflows } from "../workflows/workflows.ts";
import type { StartOptions } from "./arguments.ts";
import { AwsError } from "./aws-json/errors.ts";
import { ServiceError } from "./aws-json-rpc.ts";
import { startCdn } from "./cdn.ts";
import { serverCertificate } from "./certificates.ts";
import { startControl } from "./control.ts";
import { checkVersion, lock } from "./data-folder.ts";
import { startReplays } from "./dead-letter-replays.ts";
import { openDeadLetters } from "./dead-letters.ts";
import { startDeviceHttp } from "./device-http/server.ts";
import { behaviours, binaries, packages } from "./distribution.ts";
import { createTables, partitionKeyOf, startDynamoDB, streamArnOf } from "./dynamodb.ts";
import { startDynamoDBProxy } from "./dynamodb-proxy.ts";
import { startTimeToLive } from "./dynamodb-ttl.ts";
import { type Endpoints, PORTS, type PortName, removeEndpoints, writeEndpoints } from "./endpoints.ts";
import { startEventSourceMappings } from "./event-source-mapping.ts";
import { startEvents } from "./events.ts";
import { Faults } from "./faults.ts";
import { functionVariables, signingKeysOf } from "./function-variables.ts";
import { startGateway } from "./gateway.ts";
import { type GreengrassServer, startGreengrass } from "./greengrass/server.ts";
import {
  type AccessOf,
  dynamodbAccess,
  eventBridgeAccess,
  greengrassAccess,
  iotAccess,
  stepFunctionsAccess,
} from "./iam/actions.ts";
import { gate } from "./iam/gate.ts";
import type { Credentials } from "./iam/identities.ts";
import {
  authorizeTriggers,
  mayInvoke,
  mayLog,
  roleMay,
  stageIdentities,
  workflowRole,
} from "./iam/stage-identities.ts";
import type { Invoke, Log } from "./invoke.ts";
import { startIot } from "./iot/server.ts";
import { startIssuer } from "./issuer.ts";
import { startKms } from "./kms/server.ts";
import { startLambda } from "./lambda.ts";
import { startMqtt } from "./mqtt/server.ts";
import { newRoutes } from "./mqtt/topics.ts";
import { startS3 } from "./s3/server.ts";
import { deployStage } from "./stage.ts";
import { startStepFunctions } from "./step-functions.ts";

const STAGE = "local";
const REGION = "eu-west-1";
const ACCOUNT_ID = "123456789012";
/** How many events of the stage's bus the test mode remembers. */
const MOST_HEARD = 1_000;
/** Enough for a fleet that polls a few packages, and little beside the rest of the process. */
const CDN_CACHE_BYTES = 64 * 1024 ** 2;
/** The pair that developers' tools use by custom with local clouds. */
const DEVELOPER = { accessKeyId: "test", secretAccessKey: "test" };

export interface Cloud {
  readonly endpoints: Endpoints;
  /** Resolves, with the reason, if a child ends by itself. */
  readonly broken: Promise<string>;
  readonly close: () => Promise<void>;
}

const credentialsIn = ({ accessKeyId, secretAccessKey, sessionToken = "" }: Credentials) => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_SESSION_TOKEN: sessionToken,
});

const S3_URI = /^s3:\/\/([^/]+)\/(.+)$/;

/** Reads an artifact as Greengrass does when it takes a component version in. */
const artifactReader = (s3: S3Client) => async (uri: string) => {
  const match = S3_URI.exec(uri);
  if (match?.[1] === undefined || match[2] === undefined) return { error: `${uri} is not an s3:// URI` };
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: match[1], Key: match[2] }));
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of Body as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      size += chunk.length;
    }
    return { sha256Base64: hash.digest("base64"), size };
  } catch (error) {
    return { error: `${(error as Error).name}: ${(error as Error).message}` };
  }
};

/**
 * Starts every engine on loopback, makes what the stacks make on AWS, and lets events and requests in when all is up.
 * All state is below `options.data`.
 * @throws PortTaken, or Error that says what is wrong; what was started is stopped again
 */
export const startCloud = async (options: StartOptions): Promise<Cloud> => {
  const dir = resolve(options.data);
  mkdirSync(dir, { recursive: true });
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return await start(options, dir, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
};

const start = async (
  options: StartOptions,
  dir: string,
  closers: (() => unknown)[],
  close: () => Promise<void>,
): Promise<Cloud> => {
  const port = (name: PortName): number => options.ports[name] ?? options.portBase + PORTS.indexOf(name);
  const url = (name: PortName, scheme = "http"): string => `${scheme}://127.0.0.1:${port(name)}`;
  const place = { region: REGION, accountId: ACCOUNT_ID };
  const state = (name: string) => join(dir, name);
  const later = <T extends { close(): unknown }>(engine: T): T => {
    closers.push(() => engine.close());
    return engine;
  };

  later(lock(dir));
  checkVersion(dir);
  removeEndpoints(dir);
  mkdirSync(state("logs"), { recursive: true });
  const cloudLog = createWriteStream(state("logs/cloud.jsonl"), { flags: "a" });
  closers.push(() => new Promise((done) => cloudLog.end(done)));
  const log: Log = (message, details) => {
    cloudLog.write(`${JSON.stringify({ at: new Date().toISOString(), message, ...details })}\n`);
  };
  const deadLetters = later(openDeadLetters(dir));

  const stage = { ...place, partition: "aws", stage: STAGE };
  const { enforceIam: enforce, withoutStatements } = options;
  const identities = stageIdentities(dir, stage, { developer: DEVELOPER, enforce, withoutStatements, log });
  const faults = new Faults(options.faultSeed, { roleOf: identities.roleOf });
  const rpcGate = (service: string, accessOf: AccessOf) =>
    gate(identities, service, accessOf, (code, message) => new ServiceError(code, message, 400));
  const restGate = (service: string, accessOf: AccessOf) =>
    gate(identities, service, accessOf, (code, message) => new AwsError(code, 403, message));
  const clientOf = (endpoint: string) => ({ region: REGION, endpoint, credentials: { ...DEVELOPER } });

  const nameOf = (name: string) => `${STAGE}-${name}`;
  const stateMachines = `arn:aws:states:${REGION}:${ACCOUNT_ID}:stateMachine:`;
  const certificate = await serverCertificate(state("tls"), options.tlsNames);
  const signingKeys = signingKeysOf(stage);
  const variables = functionVariables({
    stage,
    options,
    caFile: certificate.caFile,
    stateMachines,
    signingKeys,
    url,
    port,
  });

  const proxied = options.testMode || enforce;
  const enginePort = port(proxied ? "engine" : "dynamodb");
  const dynamodb = later(await startDynamoDB({ dir: state("dynamodb"), port: enginePort }));
  const dynamodbUrl = proxied
    ? later(
        await startDynamoDBProxy({
          port: port("dynamodb"),
          engine: dynamodb.url,
          faults,
          gate: rpcGate("dynamodb", dynamodbAccess(stage)),
        }),
      ).url
    : dynamodb.url;
  const runtime = {
    AWS_REGION: REGION,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodbUrl,
    AWS_ENDPOINT_URL_S3: url("s3"),
    AWS_ENDPOINT_URL_IOT: url("iot"),
    AWS_ENDPOINT_URL_GREENGRASSV2: url("greengrass"),
    AWS_ENDPOINT_URL_SFN: url("stepfunctions"),
    AWS_ENDPOINT_URL_EVENTBRIDGE: url("events"),
    AWS_ENDPOINT_URL_KMS: url("kms"),
    POWERTOOLS_LOG_LEVEL: "INFO",
  };
  const lambda = later(
    startLambda({
      ...place,
      logFile: state("logs/functions.jsonl"),
      faults,
      cold: options.cold,
      functions: Object.entries(functions).map(([name, declared]) => ({
        ...declared,
        name: nameOf(name),
        mayLog: mayLog(identities, stage, nameOf(name)),
        variables: {
          ...runtime,
          ...credentialsIn(identities.credentialsOf(nameOf(name))),
          AWS_LAMBDA_FUNCTION_NAME: nameOf(name),
          ...Object.fromEntries(declared.environment.map((variable) => [variable, variables[variable]])),
        },
      })),
    }),
  );
  // What was under way when the process died goes on as soon as its engine starts, but not before all others are up.
  const up = Promise.withResolvers<void>();
  const invoke: Invoke = async (functionName, payload) => {
    await up.promise;
    return lambda.invoke(functionName, payload);
  };

  const heard: object[] = [];
  const events = later(
    await startEvents({
      ...place,
      ...(options.testMode && {
        heard: (bus: string, envelope: object) => {
          if (bus !== "default" && heard.push(envelope) > MOST_HEARD) heard.shift();
        },
      }),
      dir: state("events"),
      port: port("events"),
      buses: [variables.EVENT_BUS],
      rules: [
        ...Object.entries(rules(`${stateMachines}${STAGE}-`, ACCOUNT_ID, STAGE)).map(([name, rule]) => ({
          name: nameOf(name),
          bus: rule.bus === "default" ? "default" : nameOf(rule.bus),
          pattern: rule.pattern,
          functionName: nameOf(rule.function),
        })),
        ...Object.entries(schedules).map(([name, schedule]) => ({
          name: nameOf(name),
          bus: "default",
          schedule: schedule.every,
          functionName: nameOf(schedule.function),
        })),
      ],
      invoke,
      faults,
      gate: rpcGate("events", eventBridgeAccess(stage)),
      deadLetters,
      log,
    }),
  );
  later(
    await startS3({
      ...place,
      dir: state("s3"),
      port: port("s3"),
      secretOf: identities.secretOf,
      identities,
      faults,
      publish: events.publish,
    }),
  );
  later(
    await startKms({
      ...place,
      dir: state("kms"),
      port: port("kms"),
      aliases: signingKeys,
      macAliases: [stageNames(stage).webhookKey],
      faults,
      gate: (accessOf) => rpcGate("kms", accessOf),
      log,
    }),
  );
  later(faults); // before what waits for calls under way, after Step Functions, which would store them as failed
  const s3 = later(asClosable(new S3Client({ ...clientOf(url("s3")), requestChecksumCalculation: "WHEN_REQUIRED" })));
  const throttling = options.throttling ? "aws" : "off";
  const iot = later(
    await startIot({
      ...place,
      dir: state("iot"),
      port: port("iot"),
      faults,
      gate: restGate("iot", iotAccess(stage)),
      thingTypeCooldownMs: options.thingTypeCooldownSeconds * 1_000,
      throttling,
      membershipLagMs: options.membershipLagSeconds * 1_000,
      jobs: { restartOnReattach: options.restartJobs },
      endpoints: {
        data: `127.0.0.1:${port("mqtt")}`,
        credentials: `127.0.0.1:${port("credentials")}`,
        jobs: `127.0.0.1:${port("mqtt")}`,
      },
    }),
  );
  const greengrass: GreengrassServer = later(
    await startGreengrass({
      ...place,
      gate: restGate(
        "greengrass",
        greengrassAccess(stage, (id) => greengrass.targetOf(id)),
      ),
      dir: state("greengrass"),
      port: port("greengrass"),
      faults,
      throttling,
      readArtifact: artifactReader(s3),
      jobs: iot.jobs,
      publish: events.publish,
      targetExists: (arn) => iot.hasTarget(arn),
    }),
  );
  const topicRules = newRoutes<{ readonly name: string; readonly called: string }>();
  for (const [name, rule] of Object.entries(iotRules)) {
    topicRules.add(rule.topic, { name: nameOf(name), called: nameOf(rule.function) });
  }
  later(
    await startDeviceHttp({
      ...place,
      certificate,
      ports: { dataPlane: port("dataPlane"), credentials: port("credentials") },
      faults,
      iot,
      greengrass,
      identities,
    }),
  );
  later(
    await startMqtt({
      dir: state("mqtt"),
      port: port("mqtt"),
      certificate,
      iot,
      devices: greengrass.devices,
      invoke,
      faults,
      log,
      ...(enforce && { provisionerMay: roleMay([provisioningRole(stage)], stage) }),
      onMessage: (topic, payload) => {
        for (const { name, called } of topicRules.match(topic)) {
          events.invokeLater(name, called, JSON.parse(payload.toString("utf8")) as object);
        }
      },
    }),
  );
  later(
    await startStepFunctions({
      ...place,
      dir: state("step-functions"),
      port: port("stepfunctions"),
      machines: workflows.map(({ name, definition }) => ({
        name: nameOf(name),
        ...(options.workflowTimeoutSeconds !== undefined && { timeoutSeconds: options.workflowTimeoutSeconds }),
        definition: definition((task) => `arn:aws:lambda:${REGION}:${ACCOUNT_ID}:function:${nameOf(task)}`),
      })),
      invoke,
      publish: events.publish,
      s3,
      faults,
      gate: rpcGate("states", stepFunctionsAccess),
      mayInvoke: (machine, functionName) => mayInvoke(identities, stage, machine, functionName),
      mayMap: (machine, requests) => identities.authorizeRole(workflowRole(machine), requests),
      retryScale: options.retryScale,
      log,
    }),
  );

  const client = later(asClosable(new DynamoDBClient(clientOf(dynamodbUrl))));
  await createTables(client, nameOf);
  const iotClient = asClosable(new IoTClient(clientOf(url("iot"))));
  await deployStage(stage, { iot: iotClient, s3 }, { dir: state("iam"), origins: variables.UPLOAD_ORIGINS.split(",") });
  iotClient.close();
  authorizeTriggers(identities, stage);
  later(
    await startEventSourceMappings({
      ...place,
      streams: later(asClosable(new DynamoDBStreamsClient(clientOf(dynamodbUrl)))),
      describeStreamArn: (table) => streamArnOf(client, table),
      partitionKeyOf: (table) => partitionKeyOf(client, table),
      disorder: { shards: options.streamShards, redeliver: options.redeliver, seed: options.faultSeed },
      mappings: Object.entries(streams).map(([name, stream]) => ({
        name: nameOf(name),
        table: nameOf(stream.table),
        functionName: nameOf(stream.function),
        filters: stream.filters,
        batchSize: stream.batchSize,
        maximumRetryAttempts: stream.maximumRetryAttempts,
        maximumRecordAgeSeconds: stream.maximumRecordAgeSeconds,
        bisectBatchOnFunctionError: true,
        reportBatchItemFailures: true,
        deadLetterQueue: nameOf(`${name}-dead-letters`),
      })),
      invoke,
      deadLetters,
      dir: state("event-sources"),
      ...(dynamodb.file !== undefined && { trim: { file: dynamodb.file } }),
      log,
    }),
  );

  later(startReplays({ deadLetters, invoke, log }));
  if (dynamodb.file !== undefined) later(startTimeToLive({ file: dynamodb.file, log }));

  later(await startIssuer({ dir, port: port("issuer"), url: url("issuer") }));
  later(
    await startCdn({
      port: port("ota"),
      memoryBytes: CDN_CACHE_BYTES,
      requestsPerFiveMinutes: options.otaRequests,
      behaviours,
      origins: {
        packages: packages((event) => lambda.invokeStreaming(nameOf("ota-package"), event), ACCOUNT_ID),
        binaries: binaries(s3, variables.OTA_BUCKET),
      },
      log,
    }),
  );
  later(
    await startGateway({
      port: port("api"),
      accountId: ACCOUNT_ID,
      routes: Object.entries<Route>(routes).map(([name, { method, path, access }]) => ({
        method,
        path,
        access,
        functionName: nameOf(functionOfRoute(name as RouteName)),
      })),
      defaultFunction: nameOf(NO_ROUTE),
      authorizer: { functionName: nameOf(AUTHORIZER), ttlMs: AUTHORIZER_TTL_SECONDS * 1_000 },
      ...(options.checkAnswers && { violations: (await import("./contract.ts")).documentedAnswers() }),
      region: REGION,
      invoke,
      log,
    }),
  );
  if (options.testMode) {
    const controlled = { faults, deadLetters, identities, invoke, functionName: nameOf, heard };
    later(await startControl({ port: port("control"), ...controlled }));
  }

  const endpoints: Endpoints = {
    api: url("api"),
    ota: url("ota"),
    issuer: url("issuer"),
    dynamodb: dynamodbUrl,
    s3: url("s3"),
    iot: url("iot"),
    greengrass: url("greengrass"),
    stepfunctions: url("stepfunctions"),
    events: url("events"),
    mqtt: url("mqtt", "mqtts"),
    dataPlane: url("dataPlane", "https"),
    credentials: url("credentials", "https"),
    kms: url("kms"),
    ...(options.testMode && { control: url("control") }),
    ...place,
    caFile: certificate.caFile,
    stage: STAGE,
    ...DEVELOPER,
    pid: process.pid,
  };
  for (const fault of options.faults) faults.arm(fault);
  up.resolve();
  writeEndpoints(dir, endpoints);
  closers.push(() => removeEndpoints(dir));
  return { endpoints, broken: dynamodb.ended, close };
};

/** An SDK client closed as an engine is. */
const asClosable = <T extends { destroy(): void }>(client: T): T & { close(): void } =>
  Object.assign(client, { close: () => client.destroy() });
