/**
 * Every problem the product reports: HTTP answers (RFC 9457), failed intents, and the errors of workflow tasks.
 * The code is stable: clients may depend on it. `retry` says that the same wish may succeed later without a change.
 */
export const PROBLEMS = {
  "invalid-request": { status: 400, title: "The request is not valid" },
  "malformed-json": { status: 400, title: "The body is not JSON" },
  "invalid-recipe": { status: 400, title: "The recipe is not one that Greengrass takes" },
  "invalid-cursor": { status: 400, title: "The cursor is not one of this list" },
  "invalid-idempotency-key": { status: 400, title: "The Idempotency-Key is not valid" },
  "unsupported-grant-type": { status: 400, title: "The grant type is not client_credentials" },
  "invalid-scope": { status: 400, title: "The credential does not have this scope" },
  unauthorized: { status: 401, title: "A valid bearer token is needed" },
  forbidden: { status: 403, title: "The caller's role does not allow this" },
  "not-found": { status: 404, title: "There is no such thing" },
  "no-such-route": { status: 404, title: "There is no such path" },
  "method-not-allowed": { status: 405, title: "The path does not take this method" },
  "name-taken": { status: 409, title: "The name is taken" },
  "not-ready": { status: 409, title: "The resource is not in a state that allows this" },
  "workspace-not-empty": { status: 409, title: "The workspace is not empty" },
  "node-group-not-empty": { status: 409, title: "The node group has nodes" },
  "component-not-empty": { status: 409, title: "The component has versions" },
  "version-in-use": { status: 409, title: "Something uses this version" },
  "path-clash": { status: 409, title: "Two files' paths cannot be beside one another" },
  "upload-incomplete": { status: 409, title: "Parts of the upload are missing" },
  "version-immutable": { status: 409, title: "A published version never changes" },
  "last-owner": { status: 409, title: "A workspace keeps at least one owner" },
  "idempotency-in-progress": { status: 409, title: "The first request with this Idempotency-Key is still running" },
  ambiguous: { status: 409, title: "Deployments of equal priority disagree about a component" },
  "cannot-repair": { status: 409, title: "Slipway cannot put this right" },
  "cannot-adopt": { status: 409, title: "This cannot become what is wanted" },
  "limit-reached": { status: 409, title: "There can be no more of these" },
  conflict: { status: 409, title: "Something else changed this at the same time" },
  "precondition-failed": { status: 412, title: "The resource has changed since it was read" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "package-too-large": { status: 413, title: "The package is larger than one answer can be" },
  "range-not-satisfiable": { status: 416, title: "The range is beyond the end" },
  "unsupported-media-type": { status: 415, title: "The body's media type is not supported" },
  "idempotency-key-reused": { status: 422, title: "The Idempotency-Key was used for another request" },
  "deployment-too-large": { status: 422, title: "Together, the deployments of a node are more than a device takes" },
  unresolvable: { status: 422, title: "No published version satisfies the requirement" },
  "unmet-dependency": { status: 422, title: "A dependency of a component cannot be met" },
  "artifact-missing": { status: 422, title: "An artifact was not uploaded" },
  "artifact-mismatch": { status: 422, title: "An artifact is not what was declared" },
  "artifact-clash": { status: 422, title: "Two artifacts have the same file name" },
  "archive-refused": { status: 422, title: "An archive cannot be unpacked safely" },
  "version-too-large": { status: 422, title: "The version has more files or bytes than Greengrass takes" },
  "import-invalid": { status: 422, title: "The file of an import has lines that cannot be imported" },
  "too-many-groups": { status: 422, title: "A node is in at most nine node groups" },
  "component-rejected": { status: 422, title: "Greengrass did not accept the component version" },
  "precondition-required": { status: 428, title: "If-Match is needed" },
  throttled: { status: 429, title: "Too many requests", retry: true },
  "not-delivered": { status: 502, title: "AWS made no job for a device" },
  "aws-refused": { status: 502, title: "AWS refused a request" },
  aborted: { status: 500, title: "The workflow was aborted" },
  "import-incomplete": { status: 500, title: "Some nodes of an import were not created: start it again" },
  "timed-out": { status: 500, title: "The workflow took too long" },
  lost: { status: 500, title: "The workflow could not be started" },
  internal: { status: 500, title: "Something went wrong on our side" },
  unavailable: { status: 503, title: "A service that this needs does not answer", retry: true },
  stopped: { status: 503, title: "Packages are not given out for now" },
  preparing: { status: 503, title: "What was asked for is being made" },
  busy: { status: 503, title: "Another change of the same thing is being applied", retry: true },
} as const satisfies Record<string, { status: number; title: string; retry?: true }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One thing that is wrong with the input: where (a JSON pointer into the body, or a parameter's name) and which rule. */
export interface Finding {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly rule: string;
  readonly detail: string;
  /** What to do about it, where that can be said. */
  readonly hint?: string;
  /** A warning stands beside errors, and would not refuse the input alone; without it, it is an error. */
  readonly severity?: "error" | "warning";
  /** In a text within the body, from 1. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

/** A problem document, RFC 9457, as `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: readonly Finding[];
}

const pascalCase = (code: string) => code.replace(/(^|-)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());

/** A failure that a person or a client is told about. As a Lambda error its type is the code in PascalCase. */
export class AppError extends Error {
  readonly code: ProblemCode;
  readonly findings: readonly Finding[];

  constructor(code: ProblemCode, detail: string, options: ErrorOptions & { findings?: readonly Finding[] } = {}) {
    super(detail, options);
    this.name = pascalCase(code); // Lambda reports it as errorType, which the workflows' Retry and Catch match
    this.code = code;
    this.findings = options.findings ?? [];
  }
}

/** The error types of tasks for which a workflow's Retry makes sense. */
export const RETRYABLE_ERRORS: readonly string[] = Object.entries(PROBLEMS)
  .filter(([, problem]) => "retry" in problem)
  .map(([code]) => pascalCase(code));

export const problem = (code: ProblemCode, detail: string, findings: readonly Finding[] = []): Problem => ({
  type: `/v1/problems/${code}`,
  title: PROBLEMS[code].title,
  status: PROBLEMS[code].status,
  code,
  detail,
  ...(findings.length > 0 && { errors: findings }),
});

const CODE_BY_ERROR_TYPE = new Map(Object.keys(PROBLEMS).map((code) => [pascalCase(code), code as ProblemCode]));

/**
 * The problem behind an error that a workflow caught: `Error` is the error's name, `Cause` the JSON that Lambda gives
 * (`errorType`, `errorMessage`) or free text. What is not ours becomes `internal`, so that no stack reaches a client.
 */
export const problemOfTaskError = (error: { readonly Error?: string; readonly Cause?: string }): Problem => {
  const type = error.Error ?? "";
  if (type === "States.Timeout") return problem("timed-out", "a step of the workflow took longer than it may");
  const code = CODE_BY_ERROR_TYPE.get(type);
  if (code === undefined)
    return problem("internal", `a step of the workflow failed with ${type || "an unnamed error"}`);
  return problem(code, messageOf(error.Cause) ?? PROBLEMS[code].title);
};

const messageOf = (cause: string | undefined): string | undefined => {
  if (cause === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(cause);
    if (typeof parsed !== "object" || parsed === null || !("errorMessage" in parsed)) return cause;
    return String(parsed.errorMessage);
  } catch (error) {
    if (error instanceof SyntaxError) return cause; // a cause may be plain text
    throw error;
  }
};
