import { ruleHolds } from "./choice.ts";
import { matches, runtimeError, StateError, Stopped, withinLimit } from "./errors.ts";
import { evaluate, type Fields, fill, isFields, numberOf, putResult, select } from "./paths.ts";
import { emit, type Scope, type StateMachineDefinition, type Work } from "./scope.ts";
import { runTask } from "./task.ts";
import { pause } from "./timing.ts";

/** A state's end: its output, and the state that follows; none at the machine's end. */
interface Transition {
  readonly output: unknown;
  readonly next: string | undefined;
}

/** As many iterations as an inline Map runs at once. https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html */
const MAX_INLINE_CONCURRENCY = 40;

const truncated = { truncated: false };
const entered = (work: Work, text: string): void =>
  emit(
    work.scope,
    `${work.state.Type}StateEntered`,
    { stateEnteredEventDetails: { name: work.name, input: text, inputDetails: truncated } },
    text.length,
  );

const nextOf = (state: Fields): string | undefined => (typeof state.Next === "string" ? state.Next : undefined);
const machineOf = (value: unknown): StateMachineDefinition => value as StateMachineDefinition;

/** The result of a state through ResultSelector, ResultPath and OutputPath. */
const outputOf = ({ state, input, context }: Work, result: unknown): unknown => {
  const selected = state.ResultSelector === undefined ? result : fill(state.ResultSelector, result, context);
  return select(state.OutputPath, putResult(state.ResultPath, input, selected), context);
};
const argumentsOf = ({ state, input, context }: Work): unknown => {
  const selected = select(state.InputPath, input, context);
  return state.Parameters === undefined ? selected : fill(state.Parameters, selected, context);
};
const filtered = ({ state, input, context }: Work): unknown =>
  select(state.OutputPath, select(state.InputPath, input, context), context);

const choose = (work: Work): Transition => {
  const { state, context } = work;
  const data = select(state.InputPath, work.input, context);
  const rules = Array.isArray(state.Choices) ? state.Choices.filter(isFields) : [];
  const rule = rules.find((one) => ruleHolds(one, data, context));
  const next = rule === undefined ? state.Default : rule.Next;
  if (typeof next !== "string") throw new StateError("States.NoChoiceMatched", "No choice rule matched");
  return { output: select(state.OutputPath, data, context), next };
};

const waitUntil = ({ state, input, context, enteredAt, scope }: Work): number => {
  const at =
    state.Timestamp ?? (state.TimestampPath === undefined ? undefined : select(state.TimestampPath, input, context));
  if (at === undefined)
    return enteredAt + (numberOf(state, "Seconds", input, context) ?? 0) * 1000 * scope.environment.scale;
  const time = Date.parse(String(at));
  if (Number.isNaN(time)) throw runtimeError(`The TimestampPath parameter does not reference a timestamp: ${at}`);
  return time;
};

const failed = ({ state, input, context }: Work): never => {
  const text = (field: string): string | undefined => {
    const path = state[`${field}Path`];
    const value = path === undefined ? state[field] : evaluate(path, input, context, `${field}Path`);
    return value === undefined ? undefined : String(value);
  };
  throw new StateError(text("Error"), text("Cause"));
};

/** Runs parts of a state beside each other; the first failure stops the others and is the state's. */
const together = async <T>(
  work: Work,
  count: number,
  concurrency: number,
  run: (index: number, scope: Scope) => Promise<T>,
): Promise<T[]> => {
  const { scope } = work;
  const from = scope.event;
  const abort = new AbortController();
  const onAbort = () => abort.abort();
  scope.signal.addEventListener("abort", onAbort, { once: true });
  let failure: { readonly error: unknown; readonly event: number } | undefined;
  const results: T[] = new Array(count);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count && failure === undefined && !abort.signal.aborted) {
      const index = next++;
      const part: Scope = { ...scope, signal: abort.signal, place: `${work.place}/${index}`, event: from };
      try {
        results[index] = await run(index, part);
      } catch (error) {
        failure ??= { error, event: part.event };
        abort.abort();
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(count, concurrency) }, lane));
  } finally {
    scope.signal.removeEventListener("abort", onAbort);
  }
  if (scope.signal.aborted) throw new Stopped();
  if (failure !== undefined) {
    scope.event = failure.event;
    throw failure.error;
  }
  return results;
};

const runParallel = async (work: Work): Promise<unknown> => {
  const branches = Array.isArray(work.state.Branches) ? work.state.Branches : [];
  const input = argumentsOf(work);
  emit(work.scope, "ParallelStateStarted");
  const results = await together(work, branches.length, branches.length, (index, scope) =>
    runStates(machineOf(branches[index]), input, scope),
  );
  emit(work.scope, "ParallelStateSucceeded");
  return results;
};

const runInlineMap = async (work: Work): Promise<unknown> => {
  const { name, state, context, input } = work;
  const data = select(state.InputPath, input, context);
  const items = select(state.ItemsPath, data, context);
  if (!Array.isArray(items)) throw runtimeError(`Reference path "${state.ItemsPath ?? "$"}" must point to array.`);
  const concurrency = numberOf(state, "MaxConcurrency", data, context) || MAX_INLINE_CONCURRENCY;
  const template = state.ItemSelector ?? state.Parameters;
  const machine = machineOf(state.ItemProcessor ?? state.Iterator);
  emit(work.scope, "MapStateStarted", { mapStateStartedEventDetails: { length: items.length } });
  const results = await together(
    work,
    items.length,
    Math.min(concurrency, MAX_INLINE_CONCURRENCY),
    async (index, part) => {
      const item = { Item: { Index: index, Value: items[index] } };
      const scope: Scope = { ...part, item };
      const { history } = scope.environment;
      emit(scope, "MapIterationStarted", { mapIterationStartedEventDetails: { name, index } });
      try {
        const given = template === undefined ? items[index] : fill(template, data, { ...context, Map: item });
        const result = await runStates(machine, given, scope);
        emit(scope, "MapIterationSucceeded", { mapIterationSucceededEventDetails: { name, index } });
        return result;
      } catch (error) {
        part.event = scope.event;
        const how = error instanceof Stopped ? "Aborted" : "Failed";
        if (history.hasRoom()) {
          history.add(`MapIteration${how}`, scope.event, { [`mapIteration${how}EventDetails`]: { name, index } });
        }
        throw error;
      }
    },
  );
  emit(work.scope, "MapStateSucceeded");
  return results;
};

const act = async (work: Work): Promise<Transition> => {
  const { state } = work;
  const next = nextOf(state);
  switch (state.Type) {
    case "Pass":
      return { output: outputOf(work, "Result" in state ? state.Result : argumentsOf(work)), next };
    case "Succeed":
      return { output: filtered(work), next: undefined };
    case "Fail":
      return failed(work);
    case "Choice":
      return choose(work);
    case "Wait":
      await pause(waitUntil(work) - Date.now(), work.scope.signal);
      return { output: filtered(work), next };
    case "Task":
      return { output: outputOf(work, await runTask(work, argumentsOf)), next };
    case "Parallel":
      return { output: outputOf(work, await runParallel(work)), next };
    case "Map":
      return {
        output: outputOf(
          work,
          await (isDistributed(state) ? work.scope.environment.runMapRun(work) : runInlineMap(work)),
        ),
        next,
      };
    default:
      throw runtimeError(`there is no state type ${state.Type}`);
  }
};

/** Whether a Map state starts child executions. */
export const isDistributed = (state: Fields): boolean =>
  isFields(state.ItemProcessor) &&
  isFields(state.ItemProcessor.ProcessorConfig) &&
  state.ItemProcessor.ProcessorConfig.Mode === "DISTRIBUTED";

/** The first Retrier or Catcher for this error. */
const ruleFor = (rules: unknown, error: StateError): Fields | undefined =>
  Array.isArray(rules)
    ? rules.find(({ ErrorEquals }) => ErrorEquals.some((pattern: string) => matches(pattern, error)))
    : undefined;

/** Milliseconds to wait before the attempt that follows the `retries`-th one under this Retrier. */
const intervalOf = (retrier: Fields, retries: number): number => {
  const { IntervalSeconds = 1, BackoffRate = 2, MaxDelaySeconds = Number.POSITIVE_INFINITY } = retrier;
  const seconds = Math.min(Number(IntervalSeconds) * Number(BackoffRate) ** retries, Number(MaxDelaySeconds));
  return seconds * 1000 * (retrier.JitterStrategy === "FULL" ? Math.random() : 1);
};

/** What is thrown, as a state's error: with the place at which it arose, once. */
const asStateError = (thrown: unknown, name: string, event: number): StateError => {
  if (!(thrown instanceof StateError)) throw thrown;
  const { error, why } = thrown;
  if (error !== "States.Runtime" || why === undefined || /^(An error occurred|The execution reached)/.test(why)) {
    return thrown;
  }
  return runtimeError(
    `An error occurred while executing the state '${name}' (entered at the event id #${event}). ${why}`,
  );
};

/** Ends a state that failed without being retried or caught, in the history. */
const fall = (scope: Scope, type: unknown, how: "Failed" | "Aborted"): void => {
  const { history } = scope.environment;
  const told = how === "Failed" ? /^(Map|Parallel)$/ : /^(Map|Parallel|Task|Wait)$/;
  if (told.test(String(type)) && history.hasRoom()) scope.event = history.add(`${type}State${how}`, scope.event);
};

const runState = async (
  given: Omit<Work, "context" | "place">,
  text: string,
): Promise<Transition & { text: string }> => {
  const { name, state, scope, input } = given;
  const retries = new Map<Fields, number>();
  let attempt = 0;
  const workOf = (): Work => {
    const context = {
      ...scope.environment.context,
      State: { EnteredTime: new Date(given.enteredAt).toISOString(), Name: name, RetryCount: attempt },
      ...(scope.item === undefined ? {} : { Map: scope.item }),
    };
    return { ...given, context, place: `${scope.place}/${name}#${attempt}` };
  };
  entered(workOf(), text);
  const event = scope.event;
  const exit = ({ output, next }: Transition) => {
    const outputText = withinLimit(name, JSON.stringify(output ?? null));
    const details = { stateExitedEventDetails: { name, output: outputText, outputDetails: truncated } };
    emit(scope, `${state.Type}StateExited`, details, outputText.length);
    return { output, next, text: outputText };
  };
  for (; ; attempt += 1) {
    try {
      return exit(await act(workOf()));
    } catch (thrown) {
      if (thrown instanceof Stopped) {
        fall(scope, state.Type, "Aborted");
        throw thrown;
      }
      const error = asStateError(thrown, name, event);
      const retrier = ruleFor(state.Retry, error);
      const tried = retrier === undefined ? 0 : (retries.get(retrier) ?? 0);
      if (retrier !== undefined && tried < Number(retrier.MaxAttempts ?? 3)) {
        retries.set(retrier, tried + 1);
        await pause(intervalOf(retrier, tried) * scope.environment.scale, scope.signal).catch((stopped: unknown) => {
          fall(scope, state.Type, "Aborted");
          throw stopped;
        });
        continue;
      }
      const catcher = ruleFor(state.Catch, error);
      if (catcher === undefined) {
        fall(scope, state.Type, "Failed");
        throw error;
      }
      const failure = { Error: error.error ?? "", Cause: error.why ?? "" };
      return exit({ output: putResult(catcher.ResultPath, input, failure), next: String(catcher.Next) });
    }
  }
};

export interface Start {
  readonly state: string;
  /** When the state was entered, in milliseconds. */
  readonly at: number;
}

/**
 * Runs the states of a machine from its start, or from the state of `start`, to an end.
 *
 * @param onTransition is told what follows, before it is entered: the state that ended, the next one
 * @throws StateError the machine's failure; Stopped
 */
export const runStates = async (
  machine: StateMachineDefinition,
  input: unknown,
  scope: Scope,
  start: Start = { state: machine.StartAt, at: Date.now() },
  onTransition?: (ended: Fields, next: string) => void,
): Promise<unknown> => {
  let [data, text] = [input, JSON.stringify(input ?? null)];
  const place = scope.place;
  let enteredAt = start.at;
  let name = start.state;
  for (let visit = 0; ; visit += 1) {
    const state: Fields | undefined = machine.States[name];
    if (state === undefined) throw runtimeError(`there is no state ${name}`);
    if (scope.signal.aborted) throw new Stopped();
    // Within a part, visits are told apart by their number; in the machine itself, by its checkpoints.
    if (onTransition === undefined) scope.place = `${place}:${visit}`;
    const { output, next, text: outputText } = await runState({ name, state, input: data, scope, enteredAt }, text);
    if (next === undefined) return output;
    onTransition?.(state, next);
    [data, text, name, enteredAt] = [output, outputText, next, Date.now()];
  }
};
