import { iotRules, rules, schedules, streams } from "../../shared/declared/triggers.ts";
import { type Inputs, type Resource, type Synthesis, synthesise } from "./synthesise.ts";

export type { Inputs, Resource, Synthesis };

/** The stages that are looked at: one of each kind. Staging has a user pool, production an issuer and its own domains. */
export const STAGES = ["dev", "staging", "production"] as const;

/** Evaluates every stage, one after the other. */
export const synthesiseAll = async (): Promise<Synthesis[]> => {
  const found: Synthesis[] = [];
  for (const stage of STAGES) found.push(await synthesise(stage));
  return found;
};

/** The resources of one type, such as `sqs/queue:Queue`. */
export const ofType = ({ resources }: Synthesis, type: string): Resource[] =>
  resources.filter((resource) => resource.type === `aws:${type}`);

/** The one resource that was found. @throws Error when there is none or more */
export const only = (found: readonly Resource[]): Resource => {
  const [one] = found;
  if (one === undefined || found.length > 1) throw new Error(`${found.length} resources, not one`);
  return one;
};

/** A member of nested inputs by its path, such as `destinationConfig.onFailure.destinationArn`. */
export const at = (inputs: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((value, name) => (value as Inputs | undefined)?.[name], inputs);

/** A member that is text. */
export const text = (inputs: unknown, path: string): string => String(at(inputs, path));

/** The functions that a stream, a rule or a schedule runs, with the trigger's name. */
export const triggered = (): { trigger: string; function: string; kind: "stream" | "event" | "iot" }[] => [
  ...Object.entries(streams).map(([trigger, declared]) => ({
    trigger,
    function: declared.function,
    kind: "stream" as const,
  })),
  ...Object.entries({ ...rules("arn:", ""), ...schedules }).map(([trigger, declared]) => ({
    trigger,
    function: declared.function,
    kind: "event" as const,
  })),
  ...Object.entries(iotRules).map(([trigger, declared]) => ({
    trigger,
    function: declared.function,
    kind: "iot" as const,
  })),
];
