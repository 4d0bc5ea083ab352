import { invalid } from "./errors.ts";
import type { GreengrassHandlers } from "./state.ts";

export const SERVICE_ROLE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS service_role (
    id INTEGER PRIMARY KEY CHECK (id = 1), arn TEXT NOT NULL, associated_at TEXT NOT NULL
  ) STRICT;
`;

/** ISO 8601 without a fraction, as the API shows these times. */
const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, "Z");

/** The account's role in this Region: https://docs.aws.amazon.com/greengrass/v2/developerguide/greengrass-service-role.html */
export const serviceRoleHandlers: GreengrassHandlers = {
  /** @throws ValidationException (400) for what is no role's ARN */
  AssociateServiceRoleToAccount: (input, greengrass) => {
    if (!/^arn:[^:]+:iam::\d{12}:role\/.+$/.test(input.roleArn))
      throw invalid(`${input.roleArn} is not the ARN of a role`);
    const associatedAt = now();
    greengrass.store.run("INSERT OR REPLACE INTO service_role VALUES (1, ?, ?)", input.roleArn, associatedAt);
    return { associatedAt };
  },

  /** Without a role, an answer without one. */
  GetServiceRoleForAccount: (_input, greengrass) => {
    const row = greengrass.store.get<{ arn: string; associated_at: string }>("SELECT * FROM service_role");
    return row === undefined ? {} : { roleArn: row.arn, associatedAt: row.associated_at };
  },

  DisassociateServiceRoleFromAccount: (_input, greengrass) => {
    greengrass.store.run("DELETE FROM service_role");
    return { disassociatedAt: now() };
  },
};
