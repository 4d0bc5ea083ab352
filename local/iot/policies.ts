import { afterToken, cut } from "../aws-json/paging.ts";
import { alreadyExists, deleteConflict, invalidToken, notFound, versionsLimitExceeded } from "./errors.ts";
import { checkPolicyDocument } from "./policy-document.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";
import { createTagged, dropTags } from "./tags.ts";

export const POLICIES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS policies (
    name TEXT PRIMARY KEY, default_version INTEGER NOT NULL, last_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS policy_versions (
    policy TEXT NOT NULL, version INTEGER NOT NULL, document TEXT NOT NULL, created_at INTEGER NOT NULL,
    PRIMARY KEY (policy, version)
  ) STRICT, WITHOUT ROWID;
`;

interface PolicyRow {
  readonly name: string;
  readonly default_version: number;
  readonly last_version: number;
  readonly created_at: number;
  readonly modified_at: number;
}

interface PolicyVersionRow {
  readonly policy: string;
  readonly version: number;
  readonly document: string;
  readonly created_at: number;
}

const MAX_VERSIONS = 5;

/** @throws ResourceNotFoundException (404) */
export const getPolicy = (iot: Iot, name: string): PolicyRow => {
  const policy = iot.store.get<PolicyRow>("SELECT * FROM policies WHERE name = ?", name);
  if (policy === undefined) throw notFound(`Policy ${name} not found`);
  return policy;
};

/** @throws ResourceNotFoundException (404) */
const getVersion = (iot: Iot, name: string, version: number): PolicyVersionRow => {
  const sql = "SELECT * FROM policy_versions WHERE policy = ? AND version = ?";
  const row = iot.store.get<PolicyVersionRow>(sql, name, version);
  if (row === undefined) throw notFound(`Policy ${name} has no version ${version}`);
  return row;
};

export const policyNameAndArn = (iot: Iot, name: string) => ({ policyName: name, policyArn: iot.arn("policy", name) });

const insertVersion = (iot: Iot, name: string, version: number, document: string): void => {
  iot.store.run("INSERT INTO policy_versions VALUES (?, ?, ?, ?)", name, version, document, iot.clock.now());
};

const setDefault = (iot: Iot, name: string, version: number): void => {
  iot.store.run(
    "UPDATE policies SET default_version = ?, modified_at = ? WHERE name = ?",
    version,
    iot.clock.now(),
    name,
  );
};

const dates = (policy: PolicyRow) => ({
  creationDate: new Date(policy.created_at),
  lastModifiedDate: new Date(policy.modified_at),
});

export const policyHandlers: IotHandlers = {
  /** https://docs.aws.amazon.com/iot/latest/apireference/API_CreatePolicy.html */
  CreatePolicy: (input, iot) => {
    const { policyName, policyDocument } = input;
    checkPolicyDocument(policyDocument);
    const arn = iot.arn("policy", policyName);
    if (iot.store.get("SELECT 1 AS found FROM policies WHERE name = ?", policyName) !== undefined)
      throw alreadyExists(`Policy cannot be created - name already exists (name=${policyName})`, policyName, arn);
    createTagged(iot, arn, input.tags, () => {
      const now = iot.clock.now();
      iot.store.run("INSERT INTO policies VALUES (?, 1, 1, ?, ?)", policyName, now, now);
      insertVersion(iot, policyName, 1, policyDocument);
    });
    return { ...policyNameAndArn(iot, policyName), policyDocument, policyVersionId: "1" };
  },

  GetPolicy: (input, iot) => {
    const policy = getPolicy(iot, input.policyName);
    const { document } = getVersion(iot, policy.name, policy.default_version);
    return {
      ...policyNameAndArn(iot, policy.name),
      ...dates(policy),
      policyDocument: document,
      defaultVersionId: String(policy.default_version),
      generationId: String(policy.last_version),
    };
  },

  ListPolicies: (input, iot) => {
    const limit = input.pageSize ?? DEFAULT_PAGE;
    const after = afterToken(input.marker, invalidToken)?.[0] ?? null;
    const [beyond, order] = input.ascendingOrder === false ? ["<", "DESC"] : [">", "ASC"];
    const rows = iot.store.all<PolicyRow>(
      `SELECT * FROM policies WHERE ? IS NULL OR name ${beyond} ? ORDER BY name ${order} LIMIT ?`,
      after,
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.name]);
    return { policies: page.items.map((row) => policyNameAndArn(iot, row.name)), nextMarker: page.next };
  },

  /**
   * A policy that is attached, or that has versions beside the default one, cannot be deleted.
   * https://docs.aws.amazon.com/iot/latest/apireference/API_DeletePolicy.html
   */
  DeletePolicy: (input, iot) => {
    const policy = getPolicy(iot, input.policyName);
    if (iot.store.get("SELECT 1 AS found FROM policy_targets WHERE policy = ?", policy.name) !== undefined)
      throw deleteConflict(
        `The policy cannot be deleted as the policy is attached to one or more principals (name=${policy.name})`,
      );
    const others = "SELECT 1 AS found FROM policy_versions WHERE policy = ? AND version <> ?";
    if (iot.store.get(others, policy.name, policy.default_version) !== undefined)
      throw deleteConflict(
        `Cannot delete the policy because it has one or more policy versions attached to it (name=${policy.name})`,
      );
    iot.store.transact(() => {
      iot.store.run("DELETE FROM policy_versions WHERE policy = ?", policy.name);
      iot.store.run("DELETE FROM policies WHERE name = ?", policy.name);
      dropTags(iot, iot.arn("policy", policy.name));
    });
    return {};
  },

  /** https://docs.aws.amazon.com/iot/latest/apireference/API_CreatePolicyVersion.html */
  CreatePolicyVersion: (input, iot) => {
    checkPolicyDocument(input.policyDocument);
    const policy = getPolicy(iot, input.policyName);
    const versions = iot.store.all("SELECT version FROM policy_versions WHERE policy = ?", policy.name).length;
    if (versions >= MAX_VERSIONS)
      throw versionsLimitExceeded(
        `The policy ${policy.name} already has the maximum number of versions (${MAX_VERSIONS})`,
      );
    const version = policy.last_version + 1;
    iot.store.transact(() => {
      insertVersion(iot, policy.name, version, input.policyDocument);
      iot.store.run("UPDATE policies SET last_version = ? WHERE name = ?", version, policy.name);
      if (input.setAsDefault === true) setDefault(iot, policy.name, version);
    });
    return {
      policyArn: iot.arn("policy", policy.name),
      policyDocument: input.policyDocument,
      policyVersionId: String(version),
      isDefaultVersion: input.setAsDefault === true,
    };
  },

  GetPolicyVersion: (input, iot) => {
    const policy = getPolicy(iot, input.policyName);
    const row = getVersion(iot, policy.name, Number(input.policyVersionId));
    return {
      ...policyNameAndArn(iot, policy.name),
      policyDocument: row.document,
      policyVersionId: String(row.version),
      isDefaultVersion: row.version === policy.default_version,
      creationDate: new Date(row.created_at),
      lastModifiedDate: new Date(row.created_at),
      generationId: String(row.version),
    };
  },

  ListPolicyVersions: (input, iot) => {
    const policy = getPolicy(iot, input.policyName);
    const sql = "SELECT * FROM policy_versions WHERE policy = ? ORDER BY version DESC";
    return {
      policyVersions: iot.store.all<PolicyVersionRow>(sql, policy.name).map((row) => ({
        versionId: String(row.version),
        isDefaultVersion: row.version === policy.default_version,
        createDate: new Date(row.created_at),
      })),
    };
  },

  DeletePolicyVersion: (input, iot) => {
    const policy = getPolicy(iot, input.policyName);
    const { version } = getVersion(iot, policy.name, Number(input.policyVersionId));
    if (version === policy.default_version)
      throw deleteConflict(`Cannot delete the default version of a policy (name=${policy.name}, version=${version})`);
    iot.store.run("DELETE FROM policy_versions WHERE policy = ? AND version = ?", policy.name, version);
    return {};
  },

  SetDefaultPolicyVersion: (input, iot) => {
    const { policy, version } = getVersion(iot, getPolicy(iot, input.policyName).name, Number(input.policyVersionId));
    setDefault(iot, policy, version);
    return {};
  },
};
