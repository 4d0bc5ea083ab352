import { afterToken, cut } from "../aws-json/paging.ts";
import { nameInArn } from "./arns.ts";
import { invalidToken, limitExceeded } from "./errors.ts";
import { ancestors, getThingGroup } from "./group-tree.ts";
import { getPolicy, policyNameAndArn } from "./policies.ts";
import { requirePrincipal } from "./principals.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";

export const POLICY_ATTACHMENTS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS policy_targets (
    policy TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (policy, target)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS policy_targets_by_target ON policy_targets (target);
`;

/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html */
const MAX_POLICIES = 10;

/**
 * A target is a thing group, or a principal: a certificate's ARN or an Amazon Cognito identity.
 *
 * @throws ResourceNotFoundException (404) for a group or certificate that does not exist; InvalidRequestException (400) for text that
 * is no target.
 */
const requireTarget = (iot: Iot, target: string): void => {
  const group = nameInArn(iot, "thinggroup", target);
  if (group !== undefined) getThingGroup(iot, group);
  else requirePrincipal(iot, target);
};

/** The target and, with `recursive`, the groups above it. */
const targets = (iot: Iot, target: string, recursive: boolean): string[] => {
  const group = recursive ? nameInArn(iot, "thinggroup", target) : undefined;
  if (group === undefined) return [target];
  return [target, ...ancestors(iot, getThingGroup(iot, group)).map((name) => iot.arn("thinggroup", name))];
};

export const policyAttachmentHandlers: IotHandlers = {
  /**
   * Attaching again succeeds.
   * https://docs.aws.amazon.com/iot/latest/apireference/API_AttachPolicy.html
   */
  AttachPolicy: (input, iot) => {
    const policy = getPolicy(iot, input.policyName);
    requireTarget(iot, input.target);
    const attached = iot.store.all<{ policy: string }>(
      "SELECT policy FROM policy_targets WHERE target = ?",
      input.target,
    );
    if (attached.some((row) => row.policy === policy.name)) return {};
    if (attached.length >= MAX_POLICIES) throw limitExceeded(`A target can have at most ${MAX_POLICIES} policies`);
    iot.store.run("INSERT INTO policy_targets VALUES (?, ?)", policy.name, input.target);
    return {};
  },

  /** Succeeds for a policy that is not attached: the operation has no ResourceNotFoundException. */
  DetachPolicy: (input, iot) => {
    iot.store.run("DELETE FROM policy_targets WHERE policy = ? AND target = ?", input.policyName, input.target);
    return {};
  },

  ListTargetsForPolicy: (input, iot) => {
    const policy = getPolicy(iot, input.policyName);
    const limit = input.pageSize ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.marker, invalidToken) ?? [];
    const rows = iot.store.all<{ target: string }>(
      "SELECT target FROM policy_targets WHERE policy = ? AND target > ? ORDER BY target LIMIT ?",
      policy.name,
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.target]);
    return { targets: page.items.map((row) => row.target), nextMarker: page.next };
  },

  /** With `recursive`, policies that a group inherits too. */
  ListAttachedPolicies: (input, iot) => {
    requireTarget(iot, input.target);
    const limit = input.pageSize ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.marker, invalidToken) ?? [];
    const rows = iot.store.all<{ policy: string }>(
      `SELECT DISTINCT policy FROM policy_targets
       WHERE target IN (SELECT value FROM json_each(?)) AND policy > ? ORDER BY policy LIMIT ?`,
      JSON.stringify(targets(iot, input.target, input.recursive === true)),
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.policy]);
    return { policies: page.items.map((row) => policyNameAndArn(iot, row.policy)), nextMarker: page.next };
  },
};
