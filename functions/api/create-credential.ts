import { randomBytes } from "node:crypto";
import { workspaceRoutes } from "../../shared/declared/routes/workspaces.ts";
import { SCOPES } from "../../shared/declared/scopes.ts";
import { AppError } from "../../shared/problems.ts";
import { makeSecret, SECRET_BYTES } from "../../shared/secrets.ts";
import { createCredential, SECRET_PREFIX, viewCredential } from "../../shared/workspace/credential.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(
  workspaceRoutes,
  "createCredential",
  async ({ workspace, body, caller, may, moment, commit }) => {
    if (!may(body.role, "credentials:write"))
      throw new AppError("forbidden", `only who has the role ${body.role} may give it`);
    const unknown = (body.scopes ?? []).findIndex((scope) => !SCOPES.includes(scope));
    if (unknown >= 0) {
      const pointer = `/scopes/${unknown}`;
      const detail = `there is no such scope; there are ${SCOPES.join(", ")}`;
      throw new AppError("invalid-request", `the body is not valid: ${pointer}: ${detail}`, {
        findings: [{ pointer, rule: "unknown-scope", detail }],
      });
    }
    const secret = makeSecret(SECRET_PREFIX, randomBytes(SECRET_BYTES));
    const { credential, writes } = createCredential(workspace, body, secret, caller, moment);
    return commit(writes, { body: { ...viewCredential(credential), secret } });
  },
);
