import { CERTIFICATES_SCHEMA, certificateHandlers } from "./certificates.ts";
import { endpointHandlers } from "./endpoints.ts";
import { jobExecutionHandlers } from "./job-executions.ts";
import { jobHandlers } from "./jobs.ts";
import { JOBS_SCHEMA } from "./jobs-store.ts";
import { MEMBERSHIPS_SCHEMA, membershipHandlers } from "./memberships.ts";
import { POLICIES_SCHEMA, policyHandlers } from "./policies.ts";
import { POLICY_ATTACHMENTS_SCHEMA, policyAttachmentHandlers } from "./policy-attachments.ts";
import { PRINCIPALS_SCHEMA, principalHandlers } from "./principals.ts";
import { PROVISIONING_CLAIMS_SCHEMA, provisioningClaimHandlers } from "./provisioning-claims.ts";
import { PROVISIONING_TEMPLATES_SCHEMA, provisioningTemplateHandlers } from "./provisioning-templates.ts";
import { ROLE_ALIASES_SCHEMA, roleAliasHandlers } from "./role-aliases.ts";
import type { IotHandlers } from "./state.ts";
import { TAGS_SCHEMA, tagHandlers } from "./tags.ts";
import { THING_GROUPS_SCHEMA, thingGroupHandlers } from "./thing-groups.ts";
import { THING_TYPES_SCHEMA, thingTypeHandlers } from "./thing-types.ts";
import { THINGS_SCHEMA, thingHandlers } from "./things.ts";

export const SCHEMA = [
  THINGS_SCHEMA,
  THING_TYPES_SCHEMA,
  THING_GROUPS_SCHEMA,
  MEMBERSHIPS_SCHEMA,
  POLICIES_SCHEMA,
  POLICY_ATTACHMENTS_SCHEMA,
  CERTIFICATES_SCHEMA,
  ROLE_ALIASES_SCHEMA,
  PROVISIONING_TEMPLATES_SCHEMA,
  PROVISIONING_CLAIMS_SCHEMA,
  PRINCIPALS_SCHEMA,
  JOBS_SCHEMA,
  TAGS_SCHEMA,
].join("\n");

/** Every operation that is emulated. */
export const HANDLERS: IotHandlers = {
  ...thingHandlers,
  ...thingTypeHandlers,
  ...thingGroupHandlers,
  ...membershipHandlers,
  ...policyHandlers,
  ...policyAttachmentHandlers,
  ...certificateHandlers,
  ...principalHandlers,
  ...roleAliasHandlers,
  ...provisioningTemplateHandlers,
  ...provisioningClaimHandlers,
  ...jobHandlers,
  ...jobExecutionHandlers,
  ...tagHandlers,
  ...endpointHandlers,
};
