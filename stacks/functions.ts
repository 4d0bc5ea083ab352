/// <reference path="../.sst/platform/config.d.ts" />
import { X509Certificate } from "node:crypto";
import { resolve } from "node:path";
import { rootCertificates } from "node:tls";
import { type FunctionDeclaration, functions } from "../functions/declared.ts";
import { functionRoles } from "../functions/roles.ts";
import type { EnvironmentName } from "../shared/env.ts";
import { bundleDirectory, ENTRY } from "./bundle-directory.ts";
import { logGroup } from "./encryption.ts";
import type { Identity } from "./identity.ts";
import { makeRole } from "./roles.ts";
import { type Stage, signingKeysOf } from "./stage.ts";

/** Every function by its declared name. */
export type Functions = Readonly<Record<string, aws.lambda.Function>>;

/** A declared function. @throws Error when there is none of that name */
export const functionNamed = (functions: Functions, name: string): aws.lambda.Function => {
  const found = functions[name];
  if (found === undefined) throw new Error(`no function ${name} is declared`);
  return found;
};

/**
 * The root by which devices trust AWS IoT, as Node.js has it.
 * https://docs.aws.amazon.com/iot/latest/developerguide/server-authentication.html
 */
const amazonRootCa = (): string => {
  const found = rootCertificates.find((pem) => new X509Certificate(pem).subject.includes("CN=Amazon Root CA 1"));
  if (found === undefined) throw new Error("this Node.js does not know Amazon Root CA 1");
  return found;
};

/**
 * Every variable that functions may be given. Names rather than references: but for the issuer, all are known before
 * anything is made.
 */
const variablesOf = (
  { place, names, settings, arn }: Stage,
  identity: Identity,
): Record<EnvironmentName, $util.Input<string>> => ({
  STAGE: place.stage,
  CONTROL_TABLE: names.table("control"),
  OTA_TABLE: names.table("ota"),
  OTA_BUCKET: names.otaBucket,
  IMPORTS_BUCKET: names.importsBucket,
  IMPORT_CALLS_PER_SECOND: String(settings.imports.callsPerSecond),
  AWS_RATES: Object.entries(settings.deployments.callsPerSecond)
    .map(([operation, rate]) => `${operation}=${rate}`)
    .join(),
  MEMBERSHIP_LAG_SECONDS: String(settings.deployments.membershipLagSeconds),
  JOB_WITHIN_SECONDS: String(settings.deployments.jobWithinSeconds),
  OTA_DEFAULT_WORKSPACE: settings.ota.defaultWorkspace,
  OTA_STREAMED_BYTES: String(settings.ota.streamedMegabytes * 1_000_000),
  OTA_ARCHIVES_PER_HOUR: String(settings.ota.archivesPerHour),
  OTA_SIGNING_KEYS: signingKeysOf({ names, settings }).join(","),
  OTA_SNAPSHOT_HOURS: String(settings.ota.snapshotHours),
  STATE_MACHINE_PREFIX: arn("states", "stateMachine:"),
  EVENT_BUS: names.eventBus,
  // AWS gives an API without a name of its own one that is not known before it is made.
  EVENT_SCHEMAS:
    settings.api.domain === undefined
      ? `urn:slipway:${place.stage}:event-schemas:`
      : `https://${settings.api.domain.name}/v1/event-schemas/`,
  WEBHOOK_KEY: names.webhookKey,
  WEBHOOK_LOOPBACK: "refused",
  // The last one is some twenty hours after the first.
  WEBHOOK_TRIES: "13",
  WEBHOOK_RETRY_SECONDS: "5",
  ACCOUNT_ID: place.accountId,
  // https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html, data plane
  GREENGRASS_ENDPOINT: `greengrass-ats.iot.${place.region}.amazonaws.com:8443`,
  DEVICE_ROOT_CA: amazonRootCa(),
  REGISTRATIONS_PER_MINUTE: String(settings.devices.registrationsPerMinute),
  AUDIT_DAYS: String(settings.data.auditDays),
  TOKEN_ISSUER: identity.issuer,
  TOKEN_AUDIENCES: $util.output(identity.audiences).apply((audiences) => JSON.stringify(audiences)),
  TOKENS_PER_MINUTE: String(settings.identity.tokensPerMinute),
  UPLOAD_ORIGINS: settings.uploads.origins.join(","),
});

/** Every declared function, each with its own role and log group. The bundles must have been built. */
export const makeFunctions = (stage: Stage, key: aws.kms.Key, identity: Identity): Functions => {
  const variables = variablesOf(stage, identity);
  const roles = functionRoles(stage.place);
  const make = (name: string, declared: FunctionDeclaration): aws.lambda.Function => {
    const declaredRole = roles[name];
    if (declaredRole === undefined) throw new Error(`no role is declared for function ${name}`);
    const { role, policy } = makeRole(declaredRole);
    const functionName = stage.names.function(name);
    const logs = logGroup(stage, key, `/aws/lambda/${functionName}`);
    const { reservedConcurrency } = stage.settings.ota;
    return new aws.lambda.Function(
      name,
      {
        name: functionName,
        description: declared.module,
        role: role.arn,
        runtime: "nodejs24.x",
        architectures: ["arm64"],
        handler: ENTRY,
        code: new $util.asset.FileArchive(resolve(bundleDirectory(name))),
        memorySize: declared.memoryMb,
        timeout: declared.timeoutSeconds,
        environment: {
          variables: {
            NODE_OPTIONS: "--enable-source-maps",
            ...Object.fromEntries(declared.environment.map((variable) => [variable, variables[variable]])),
          },
        },
        tracingConfig: { mode: "Active" },
        loggingConfig: {
          logFormat: "JSON",
          logGroup: logs.name,
          applicationLogLevel: stage.settings.logs.level,
          systemLogLevel: "INFO",
        },
        ...(name === "ota-package" &&
          reservedConcurrency !== undefined && { reservedConcurrentExecutions: reservedConcurrency }),
      },
      { dependsOn: [policy] },
    );
  };
  return Object.fromEntries(Object.entries(functions).map(([name, declared]) => [name, make(name, declared)]));
};
