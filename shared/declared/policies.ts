import type { Place } from "../names.ts";
import { type Permission, permissions, type TargetName, targets } from "./permissions.ts";

/** Operator → context key → value. */
export type Condition = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Condition;
}

/** An IAM policy. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html */
export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly Statement[];
}

/** An IAM role: who may take it, and what it may do. Names have at most 64 characters. */
export interface Role {
  readonly name: string;
  readonly trust: object;
  readonly policy: PolicyDocument;
}

export const policy = (statements: readonly Statement[]): PolicyDocument => ({
  Version: "2012-10-17",
  Statement: statements,
});

export const allow = (sid: string, actions: readonly string[], resources: readonly string[]): Statement => ({
  Sid: sid,
  Effect: "Allow",
  Action: actions,
  Resource: resources,
});

/**
 * Lets a service of AWS take the role: where the service says for whom it does, for this account alone
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html).
 */
export const trusting = (service: string, forAccount?: string): object => ({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Principal: { Service: service },
      Action: "sts:AssumeRole",
      ...(forAccount !== undefined && { Condition: { StringEquals: { "aws:SourceAccount": forAccount } } }),
    },
  ],
});

const sidOf = (target: string): string => target[0]?.toUpperCase() + target.slice(1);

/** One statement for each target, its actions in the order of the alphabet. */
export const statementsOf = (granted: readonly Permission[], place: Place): Statement[] => {
  const actions = new Map<TargetName, Set<string>>();
  for (const [action, target] of granted.flatMap((permission) => permissions[permission])) {
    actions.set(target, (actions.get(target) ?? new Set()).add(action));
  }
  return [...actions].map(([name, granted]) => {
    const target: { arns: (place: Place) => readonly string[]; condition?: (place: Place) => Condition } =
      targets[name];
    return {
      ...allow(sidOf(name), [...granted].sort(), target.arns(place)),
      ...(target.condition && { Condition: target.condition(place) }),
    };
  });
};
