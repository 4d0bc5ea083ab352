import { CommanderError } from "commander";
import { ConnectionError, DeadlineError, type Finding, InputError, ProblemError } from "../client/errors.ts";

/** What the command line exits with: scripts may depend on it. */
export const EXIT = {
  done: [0, "done"],
  failed: [1, "something went wrong here that is none of the below"],
  usage: [2, "the command, its options or a file that it was given are not right"],
  login: [3, "there is no valid login: see slipway login"],
  forbidden: [4, "your role does not allow it"],
  "not-found": [5, "there is no such thing, or you are no member of its workspace"],
  conflict: [6, "it is in a state that does not allow this, or was changed at the same time"],
  refused: [7, "the API refuses what it was given"],
  unavailable: [8, "the API does not answer, or not now: the same command may succeed later"],
  "intent-failed": [9, "it was accepted, and then failed"],
  timeout: [10, "it was accepted, and had not ended in time: it goes on"],
  changes: [11, "--exit-code: the plan has changes"],
  interrupted: [130, "interrupted by Ctrl-C"],
} as const satisfies Record<string, readonly [number, string]>;

export type Exit = keyof typeof EXIT;

/** A failure that the command line found by itself. @param next what to do about it, as a sentence @param errors what is wrong, place by place */
export class CliError extends Error {
  readonly exit: Exit;
  readonly next: string | undefined;
  readonly errors: readonly Finding[];
  constructor(exit: Exit, message: string, next?: string, errors: readonly Finding[] = []) {
    super(message);
    this.name = "CliError";
    this.exit = exit;
    this.next = next;
    this.errors = errors;
  }
}

/** A wait that ended before what was waited for; `cause` is why. What was accepted goes on. */
export class BrokenWait extends Error {
  readonly intent: string;
  constructor(intent: string, cause: unknown) {
    super(`the wait for the intent ${intent} broke off`, { cause });
    this.name = "BrokenWait";
    this.intent = intent;
  }
}

/** A failure as people and scripts are told of it. */
export interface Failure {
  readonly exit: Exit;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly Finding[];
  readonly next?: string | undefined;
  readonly requestId?: string | undefined;
  readonly intent?: string | undefined;
}

const EXIT_BY_STATUS: Readonly<Record<number, Exit>> = {
  401: "login",
  403: "forbidden",
  404: "not-found",
  405: "usage",
  409: "conflict",
  412: "conflict",
  428: "conflict",
  429: "unavailable",
};

const exitOf = (error: ProblemError): Exit => {
  if (error.intent !== undefined) return "intent-failed";
  // Whatever its status is: it is not the API that answered.
  if (error.code === "unexpected-answer") return "unavailable";
  return EXIT_BY_STATUS[error.status] ?? (error.status >= 500 ? "unavailable" : "refused");
};

const TRY_LATER = "Try again in a moment: nothing was left half done.";

/** What to do next, where the problem's own words do not say it. */
const NEXT: Partial<Record<ProblemError["code"], string>> = {
  unauthorized: "Log in again: slipway login.",
  forbidden: "Ask an owner of the workspace for a higher role.",
  "not-found": "Look at what there is with the noun's list command; names are case-sensitive.",
  "no-such-route": "The server is older or newer than this command line: use the one that came with it.",
  "method-not-allowed": "The server is older or newer than this command line: use the one that came with it.",
  "unexpected-answer": "Check the address: slipway context show.",
  "name-taken": "Choose another name, or look at what has it.",
  "not-ready":
    "Look at its status with the noun's get command, and wait for intents that still run: slipway intent list.",
  "workspace-not-empty": "Delete what is in it first: nodes, groups, components and releases.",
  "node-group-not-empty": "Delete its nodes first: slipway node list --group NAME.",
  "component-not-empty": "Delete its versions first: slipway version list COMPONENT.",
  "version-in-use": "See who uses it: slipway version usage, and the same with --of component-versions.",
  "version-immutable": "Make another version: slipway version create, or slipway component push.",
  "idempotency-key-reused": "Use another --idempotency-key.",
  conflict: "Try again: it is decided anew on what is there then.",
  "precondition-failed": "Read it again, and repeat the change on what it is now.",
  unresolvable:
    "Publish a version that satisfies the requirement, or ask for another one: slipway version list COMPONENT.",
  "artifact-missing": "Upload it with slipway component push, and publish again.",
  "artifact-mismatch": "Upload it once more with slipway component push, and publish again.",
  "component-rejected": "Correct the recipe: slipway version findings shows what is known to be wrong with it.",
  "import-invalid": "Correct these lines of the file, and import it again.",
  "import-incomplete": "Start it again: slipway node-import start ID goes on where it was.",
  throttled: TRY_LATER,
  unavailable: TRY_LATER,
  busy: TRY_LATER,
  internal: "Try again; if it stays, tell the operators of the API, with the request's id.",
  "timed-out": "Try again; if it stays, tell the operators of the API, with the intent's id.",
  lost: "Try again: the work was never begun.",
};

/** Any error as a failure; one that is not expected here is a mistake of the command line itself. */
export const failureOf = (error: unknown): Failure => {
  if (error instanceof ProblemError) {
    const { code, detail, errors, requestId, intent } = error;
    return {
      exit: exitOf(error),
      code,
      detail,
      errors,
      next: Object.hasOwn(NEXT, code) ? NEXT[code] : undefined,
      requestId,
      intent: intent?.id,
    };
  }
  if (error instanceof BrokenWait) {
    const { intent, message, cause } = error;
    const why = failureOf(cause);
    const next = [why.next, `It goes on: slipway intent wait ${intent}.`].filter(Boolean).join(" ");
    return { ...why, detail: `${message}: ${why.detail}`, next, intent };
  }
  if (error instanceof DeadlineError) {
    const { id } = error.intent;
    return {
      ...{ exit: "timeout", code: "timeout", detail: error.message, errors: [], intent: id },
      next: `It goes on: slipway intent wait ${id}.`,
    };
  }
  if (error instanceof ConnectionError) {
    const next = "Check the address (slipway context show), the network, and that the server runs.";
    return { exit: "unavailable", code: "no-answer", detail: error.message, errors: [], next };
  }
  if (error instanceof CliError) {
    return { exit: error.exit, code: error.exit, detail: error.message, errors: error.errors, next: error.next };
  }
  if (error instanceof CommanderError) {
    const detail = error.message.replace(/^error: /, "").replaceAll("\n", " ");
    return { exit: "usage", code: "usage", detail, errors: [], next: "--help tells more." };
  }
  if (error instanceof InputError) {
    return { exit: "usage", code: "usage", detail: error.message, errors: [] };
  }
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && "syscall" in error && "path" in error) {
    const next = "Look at the file, its folder and who may use them.";
    return { exit: "usage", code: "usage", detail, errors: [], next };
  }
  return {
    ...{ exit: "failed", code: "failed", detail, errors: [] },
    next: "SLIPWAY_DEBUG=1 shows where. It is a mistake of this program, or of the machine it runs on.",
  };
};
