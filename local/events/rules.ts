import { compilePattern } from "../event-pattern.ts";

/** A rule with one function as its target; it has a pattern or a schedule. */
export interface Rule {
  readonly name: string;
  readonly bus: string;
  readonly pattern?: object;
  /** `rate(1 minute)` or `cron(...)`; only on the default bus. */
  readonly schedule?: string;
  readonly functionName: string;
  /** What the function gets in the event's place. */
  readonly input?: unknown;
  /** By default `{name}-dead-letters`. */
  readonly deadLetterQueue?: string;
}

export interface ActiveRule extends Rule {
  readonly arn: string;
  readonly matches: (event: unknown) => boolean;
}

/** A bus is named by its name or by its ARN, which ends with the name. */
export const busNameOf = (nameOrArn: string | undefined): string => nameOrArn?.split("/").at(-1) ?? "default";

/** @throws `InvalidEventPattern` for a malformed pattern, Error for a rule that is neither by pattern nor by schedule */
export const activate = (rule: Rule, region: string, accountId: string): ActiveRule => {
  if ((rule.pattern === undefined) === (rule.schedule === undefined)) {
    throw new Error(`rule ${rule.name} needs a pattern or a schedule, and not both`);
  }
  if (rule.schedule !== undefined && rule.bus !== "default") {
    throw new Error(`rule ${rule.name} has a schedule, which only rules of the default bus have`);
  }
  const path = rule.bus === "default" ? rule.name : `${rule.bus}/${rule.name}`;
  return {
    ...rule,
    arn: `arn:aws:events:${region}:${accountId}:rule/${path}`,
    matches: rule.pattern === undefined ? () => false : compilePattern(rule.pattern),
  };
};
