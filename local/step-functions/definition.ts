/** A state as the Amazon States Language writes it; only what this engine looks at has a type. */
type Fields = Record<string, unknown>;

/** What a Task state does here. */
export type TaskKind = "invoke" | "function" | "wait";

export interface Prepared {
  /** The definition as the interpreter must get it for the meaning to be AWS's. */
  readonly definition: { StartAt: string; States: Record<string, Fields> };
  readonly tasks: ReadonlyMap<string, { readonly kind: TaskKind; readonly resource: string }>;
}

export class UnsupportedDefinition extends Error {
  constructor(machine: string, message: string) {
    super(`state machine ${machine}: ${message}`);
    this.name = "UnsupportedDefinition";
  }
}

/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
export const MAX_TIMER_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/** Fields that the interpreter ignores, so that a workflow would quietly do something else here than on AWS. */
const REFUSED_FIELDS = [
  "Assign",
  "Arguments",
  "Output",
  "Items",
  "ItemReader",
  "ItemBatcher",
  "ResultWriter",
  "ToleratedFailureCount",
  "ToleratedFailureCountPath",
  "ToleratedFailurePercentage",
  "ToleratedFailurePercentagePath",
];

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);
const secondsOr = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise);

/**
 * The interpreter sets `Execution.Input` and `Execution.StartTime` anew for every Map item and Parallel branch; AWS
 * keeps the execution's own. They are therefore read from a key of the context that the interpreter leaves alone.
 */
export const ORIGIN = "Origin";
const readOrigin = (key: string, value: unknown): unknown =>
  typeof value === "string" && /(\.\$|Path|Variable)$/.test(key)
    ? value.replace(/\$\$\.Execution\.(Input|StartTime)\b/g, (_, field: string) => `$$.${ORIGIN}.${field}`)
    : value;

/** `IsPresent: false` is always false in the interpreter; `Not: {IsPresent: true}` is right. */
const fixRule = (rule: Fields): Fields => {
  const { Next, ...test } = rule;
  const next = Next === undefined ? {} : { Next };
  if (Array.isArray(test.And)) return { And: listOf(test.And).map(fixRule), ...next };
  if (Array.isArray(test.Or)) return { Or: listOf(test.Or).map(fixRule), ...next };
  if (isFields(test.Not)) return { Not: fixRule(test.Not), ...next };
  const negated = Object.keys(test).find((key) => /^Is[A-Z]/.test(key) && test[key] === false);
  if (negated === undefined) return rule;
  // Except for IsPresent, an absent variable fails the state on AWS whichever way it is asked: `Not` keeps that.
  return { Not: { ...test, [negated]: true }, ...next };
};

/**
 * Rewrites a definition for the interpreter: repairs what it reads differently from AWS, gives Tasks AWS's default
 * timeout, multiplies the pauses by `scale`, and collects the Task states at every depth.
 *
 * @throws {@link UnsupportedDefinition} for what would run differently here than on AWS
 */
export const prepareDefinition = (machine: string, definition: object, scale: number): Prepared => {
  const tasks = new Map<string, { kind: TaskKind; resource: string }>();
  const names = new Set<string>();
  const refuse = (message: string): never => {
    throw new UnsupportedDefinition(machine, message);
  };

  const prepareTask = (name: string, state: Fields): Fields => {
    const resource = String(state.Resource);
    const integration = /^arn:[\w-]+:states:[^:]*:[^:]*:lambda:invoke$/.test(resource);
    if (!integration && !/^arn:[\w-]+:lambda:.*:function:/.test(resource)) {
      refuse(`${name}: the resource ${resource} is not available here, only lambda:invoke and function ARNs`);
    }
    tasks.set(name, { kind: integration ? "invoke" : "function", resource });
    if (state.TimeoutSecondsPath !== undefined) return state;
    return { ...state, TimeoutSeconds: Math.min(secondsOr(state.TimeoutSeconds, Infinity), MAX_TIMER_SECONDS) };
  };

  const prepareWait = (name: string, state: Fields): Fields => {
    if (typeof state.Seconds === "number") {
      return { ...state, Seconds: Math.min(state.Seconds * scale, MAX_TIMER_SECONDS) };
    }
    if (scale === 1 || state.SecondsPath === undefined) return state;
    if (state.InputPath !== undefined) refuse(`${name}: InputPath with SecondsPath cannot be scaled`);
    // The interpreter demands whole seconds of SecondsPath, so a scaled wait is a task that pauses.
    const { SecondsPath, ...rest } = state;
    tasks.set(name, { kind: "wait", resource: "wait" });
    return {
      ...rest,
      Type: "Task",
      Parameters: { "Seconds.$": SecondsPath },
      ResultPath: null,
      TimeoutSeconds: MAX_TIMER_SECONDS,
    };
  };

  const prepareState = (name: string, given: Fields): Fields => {
    if (names.has(name)) refuse(`two states are named ${name}; names must be unique at every depth`);
    names.add(name);
    const field = REFUSED_FIELDS.find((one) => given[one] !== undefined);
    if (field !== undefined) refuse(`${name}: ${field} is not available here`);
    if ((given.QueryLanguage ?? "JSONPath") !== "JSONPath") refuse(`${name}: only JSONPath is available here`);

    const state: Fields = { ...given };
    // "$" is the default; the interpreter would make a key of that name.
    if (state.ResultPath === "$") delete state.ResultPath;
    if (Array.isArray(state.Catch)) {
      state.Catch = listOf(state.Catch).map(({ ResultPath, ...rest }) =>
        ResultPath === undefined || ResultPath === "$" ? rest : { ...rest, ResultPath },
      );
    }
    if (Array.isArray(state.Retry)) {
      state.Retry = listOf(state.Retry).map((retrier) => ({
        ...retrier,
        IntervalSeconds: secondsOr(retrier.IntervalSeconds, 1) * scale,
        ...(typeof retrier.MaxDelaySeconds === "number" ? { MaxDelaySeconds: retrier.MaxDelaySeconds * scale } : {}),
      }));
    }
    switch (state.Type) {
      case "Task":
        return prepareTask(name, state);
      case "Wait":
        return prepareWait(name, state);
      case "Choice":
        return { ...state, Choices: listOf(state.Choices).map(fixRule) };
      case "Map": {
        const key = state.ItemProcessor === undefined ? "Iterator" : "ItemProcessor";
        return { ...state, [key]: prepareMachine(state[key], name) };
      }
      case "Parallel":
        return { ...state, Branches: listOf(state.Branches).map((branch) => prepareMachine(branch, name)) };
      case "Pass":
        // A falsy Result is taken for none by the interpreter; Parameters has the same effect.
        if ("Result" in state && !state.Result) {
          const { Result, ...rest } = state;
          return { ...rest, Parameters: Result };
        }
        return state;
      default:
        return state;
    }
  };

  const prepareMachine = (given: unknown, where: string): Prepared["definition"] => {
    if (!isFields(given) || typeof given.StartAt !== "string" || !isFields(given.States)) {
      return refuse(`${where} has no StartAt and States`);
    }
    if ((given.QueryLanguage ?? "JSONPath") !== "JSONPath") refuse(`${where}: only JSONPath is available here`);
    const states: Record<string, Fields> = {};
    for (const [name, state] of Object.entries(given.States)) {
      states[name] = isFields(state) ? prepareState(name, state) : refuse(`${name} is not a state`);
    }
    if (!(given.StartAt in states)) refuse(`${where} starts at ${given.StartAt}, which does not exist`);
    // TimeoutSeconds is left out: the engine keeps that time itself, together with StopExecution.
    return { StartAt: given.StartAt, States: states };
  };

  const copy: unknown = JSON.parse(JSON.stringify(definition), readOrigin);
  return { definition: prepareMachine(copy, "the definition"), tasks };
};
