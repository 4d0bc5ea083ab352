import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { functionRoles, workflowRoles } from "../../functions/roles.ts";
import type { Role } from "../../shared/declared/policies.ts";
import { iotRules, rules, schedules, streams } from "../../shared/declared/triggers.ts";
import { awsNames, type Place, stageNames } from "../../shared/names.ts";
import { deviceRole } from "../../shared/node/provisioning.ts";
import type { Log } from "../invoke.ts";
import { type AccessRequest, compilePolicy } from "./evaluate.ts";
import { AccessDenied, type Credentials, type Identities, openIdentities } from "./identities.ts";

/** A stage cannot be made of these policies, and the message says why. */
export class PolicyFault extends Error {}

/** What the roles' keys are derived from, made once for the data folder. */
const secretOf = (dir: string): string => {
  const file = join(dir, "keys.json");
  if (!existsSync(file)) {
    writeFileSync(file, JSON.stringify({ secret: randomBytes(32).toString("base64url") }), { mode: 0o600 });
  }
  return (JSON.parse(readFileSync(file, "utf8")) as { secret: string }).secret;
};

/** The roles without the statements that are named `{role}/{Sid}`. @throws PolicyFault when there is no such statement */
const without = (names: readonly string[], roles: readonly Role[]): Role[] => {
  const known = new Set(roles.flatMap(({ name, policy }) => policy.Statement.map(({ Sid }) => `${name}/${Sid}`)));
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) throw new PolicyFault(`--without-statement ${unknown}: no role has such a statement`);
  return roles.map(({ policy, ...role }) => ({
    ...role,
    policy: { ...policy, Statement: policy.Statement.filter(({ Sid }) => !names.includes(`${role.name}/${Sid}`)) },
  }));
};

/**
 * The stage's own roles, as the stacks make them on AWS, with credentials that outlive a restart on the folder, and the
 * devices' role, which AWS IoT takes for them.
 */
export const stageIdentities = (
  dir: string,
  place: Place,
  options: {
    readonly developer: Credentials;
    readonly enforce: boolean;
    readonly withoutStatements: readonly string[];
    readonly log: Log;
  },
): Identities => {
  const all = without(options.withoutStatements, [
    ...Object.values(functionRoles(place)),
    ...Object.values(workflowRoles(place)),
    deviceRole(place),
  ]);
  const isAssumed = ({ name }: Role): boolean => name === awsNames.deviceRole(place.stage);
  return openIdentities({
    ...place,
    ...options,
    secret: secretOf(dir),
    roles: all.filter((role) => !isAssumed(role)),
    assumed: all.filter(isAssumed),
  });
};

const arn = (place: Place, service: string, resource: string): string =>
  `arn:${place.partition}:${service}:${place.region}:${place.accountId}:${resource}`;

/** Whether what a function prints gets into its log. */
export const mayLog = (identities: Identities, place: Place, functionName: string): boolean =>
  identities.may(functionName, {
    action: "logs:PutLogEvents",
    resource: arn(place, "logs", `log-group:/aws/lambda/${functionName}:log-stream:any`),
  });

/** The role of a state machine. */
export const workflowRole = (machine: string): string => `${machine}-workflow`;

/** Lets a workflow call a task of its own. @throws Error named as Step Functions names Lambda's refusal */
export const mayInvoke = (identities: Identities, place: Place, machine: string, functionName: string): void => {
  const resource = arn(place, "lambda", `function:${functionName}`);
  try {
    identities.authorizeRole(workflowRole(machine), [{ action: "lambda:InvokeFunction", resource }]);
  } catch (error) {
    if (error instanceof AccessDenied) throw Object.assign(error, { name: "AWSLambdaException" });
    throw error;
  }
};

/**
 * What Lambda checks when a trigger is made: the function's role may read the stream, and write to the dead letter queue.
 * @throws PolicyFault that names the trigger and what its function's role may not do
 */
export const authorizeTriggers = (identities: Identities, place: Place): void => {
  const names = stageNames(place);
  for (const [name, trigger] of Object.entries({ ...streams, ...rules("", ""), ...schedules, ...iotRules })) {
    const queue = arn(place, "sqs", names.deadLetters(name));
    const asked: AccessRequest[] = [{ action: "sqs:SendMessage", resource: queue }];
    if ("table" in trigger) {
      const stream = arn(place, "dynamodb", `table/${names.table(trigger.table)}/stream/any`);
      for (const operation of ["DescribeStream", "GetShardIterator", "GetRecords"]) {
        asked.push({ action: `dynamodb:${operation}`, resource: stream });
      }
      asked.push({ action: "dynamodb:ListStreams", resource: "*" });
    }
    try {
      identities.authorizeRole(names.function(trigger.function), asked);
    } catch (error) {
      if (error instanceof AccessDenied) throw new PolicyFault(`the trigger ${name} cannot be made: ${error.message}`);
      throw error;
    }
  }
};

/** What the roles that AWS services take may do, by the ARN that names a role. One that is not known may do nothing. */
export const roleMay = (roles: readonly Role[], { partition, accountId }: Place) => {
  const evaluators = new Map(
    roles.map(({ name, policy }) => [`arn:${partition}:iam::${accountId}:role/${name}`, compilePolicy(policy)]),
  );
  return (roleArn: string, request: AccessRequest): boolean => evaluators.get(roleArn)?.(request) === "allowed";
};
