import { AppError, PROBLEMS, type Problem, type ProblemCode } from "../../shared/problems.ts";

const FORM = "application/x-www-form-urlencoded";

/**
 * The parameters of a form. One without a value is as one that is not sent, and none may be there twice (RFC 6749 §3.2).
 * @throws AppError `unsupported-media-type`, `invalid-request`
 */
export const formOf = (body: string, mediaType: string | undefined): Record<string, string> => {
  if (mediaType !== FORM) throw new AppError("unsupported-media-type", `the body must be ${FORM}`);
  const given = [...new URLSearchParams(body)];
  const twice = given.find(([name], index) => given.findIndex(([other]) => other === name) !== index);
  if (twice !== undefined) throw new AppError("invalid-request", `the parameter ${twice[0]} is there twice`);
  return Object.fromEntries(given.filter(([, value]) => value !== ""));
};

/** What RFC 6749 §5.2 calls our problems; what it has no word for, we call as §4.1.2.1 does. */
const OAUTH_ERRORS: Partial<Record<ProblemCode, string>> = {
  unauthorized: "invalid_client",
  "unsupported-grant-type": "unsupported_grant_type",
  "invalid-scope": "invalid_scope",
  throttled: "temporarily_unavailable",
  unavailable: "temporarily_unavailable",
  internal: "server_error",
};

/** A problem as RFC 6749 §5.2 has it. A description is ASCII there, without quotation marks and backslashes. */
export const oauthResult = ({ code, detail }: Problem, headers: Readonly<Record<string, string>> = {}) => ({
  statusCode: PROBLEMS[code].status,
  headers: { "content-type": "application/json", ...NOT_STORED, ...headers },
  body: JSON.stringify({
    error: OAUTH_ERRORS[code] ?? "invalid_request",
    error_description: detail.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'"),
  }),
});

/** RFC 6749 §5.1: answers with tokens are kept by nobody, old caches included. */
export const NOT_STORED = { "cache-control": "no-store", pragma: "no-cache" } as const;
