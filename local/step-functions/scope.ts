import type { Invoke } from "../invoke.ts";
import type { History } from "./history.ts";
import type { Fields } from "./paths.ts";
import type { Tokens } from "./tokens.ts";

export interface StateMachineDefinition {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, Fields>>;
}

/** What all states of an execution share. */
export interface Environment {
  readonly region: string;
  /** `Execution` and `StateMachine` of the context object. */
  readonly context: Fields;
  readonly history: History;
  readonly invoke: Invoke;
  /** Multiplies the intervals of Retry and the pauses of Wait. */
  readonly scale: number;
  readonly tokens: Tokens;
  /** Runs a Map state in distributed mode to its result. */
  readonly runMapRun: (work: Work) => Promise<unknown>;
}

/** Where a state runs: in the machine itself, in a branch of a Parallel, in an iteration of a Map. */
export interface Scope {
  readonly environment: Environment;
  /** Aborts what runs here. */
  readonly signal: AbortSignal;
  /** Names this place within the execution: the same one when the execution goes on after a restart. */
  place: string;
  /** `Map` of the context object. */
  readonly item?: Fields;
  /** The last event here, to which the next one refers. */
  event: number;
}

/** A state at work. */
export interface Work {
  readonly name: string;
  readonly state: Fields;
  readonly input: unknown;
  readonly scope: Scope;
  readonly context: Fields;
  /** Milliseconds. */
  readonly enteredAt: number;
  /** Names this attempt of this state within the execution. */
  readonly place: string;
}

/**
 * The place that a state has at its first attempt, and the states around it at theirs. After a restart and after a redrive
 * attempts are counted anew: this is where what belongs to a later attempt is looked for then.
 */
export const firstAttempt = (place: string): string => place.replace(/#\d+(?=\/|$)/g, "#0");

/** Tells the history of something that happened here. */
export const emit = (scope: Scope, type: string, details?: Fields, characters?: number): void => {
  scope.event = scope.environment.history.add(type, scope.event, details, characters);
};
