/// <reference path="../.sst/platform/config.d.ts" />
import type { Role } from "../shared/declared/policies.ts";

/** A role with its policy; what is created under the role waits for both. */
export interface MadeRole {
  readonly role: aws.iam.Role;
  readonly policy: aws.iam.RolePolicy;
}

/** Makes a declared role. The name of the resource is the role's own. */
export const makeRole = ({ name, trust, policy }: Role): MadeRole => {
  const role = new aws.iam.Role(name, { name, assumeRolePolicy: JSON.stringify(trust) });
  return { role, policy: new aws.iam.RolePolicy(name, { name, role: role.name, policy: JSON.stringify(policy) }) };
};
