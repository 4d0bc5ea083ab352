import { afterToken, cut } from "../aws-json/paging.ts";
import {
  alreadyExists,
  deleteConflict,
  invalidRequest,
  invalidToken,
  limitExceeded,
  notFound,
  versionsLimitExceeded,
} from "./errors.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";
import { createTagged, dropTags } from "./tags.ts";

export const PROVISIONING_TEMPLATES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS provisioning_templates (
    name TEXT PRIMARY KEY, type TEXT NOT NULL, description TEXT, enabled INTEGER NOT NULL, role_arn TEXT NOT NULL,
    hook TEXT, default_version INTEGER NOT NULL, last_version INTEGER NOT NULL,
    created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS provisioning_template_versions (
    template TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, created_at INTEGER NOT NULL,
    PRIMARY KEY (template, version)
  ) STRICT, WITHOUT ROWID;
`;

interface TemplateRow {
  readonly name: string;
  readonly type: "FLEET_PROVISIONING" | "JITP";
  readonly description: string | null;
  readonly enabled: number;
  readonly role_arn: string;
  /** The pre-provisioning hook as JSON. */
  readonly hook: string | null;
  readonly default_version: number;
  readonly last_version: number;
  readonly created_at: number;
  readonly modified_at: number;
}

interface VersionRow {
  readonly version: number;
  readonly body: string;
  readonly created_at: number;
}

interface Hook {
  readonly payloadVersion?: string | undefined;
  readonly targetArn: string | undefined;
}

/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html */
const MAX_TEMPLATES = 256;
const MAX_VERSIONS = 5;
/** The only payload version that AWS knows. */
const HOOK_PAYLOAD_VERSION = "2020-04-01";

const findTemplate = (iot: Iot, name: string): TemplateRow | undefined =>
  iot.store.get<TemplateRow>("SELECT * FROM provisioning_templates WHERE name = ?", name);

/** @throws ResourceNotFoundException (404) */
export const getTemplate = (iot: Iot, name: string): TemplateRow => {
  const template = findTemplate(iot, name);
  if (template === undefined) throw notFound(`Provisioning template ${name} not found`);
  return template;
};

/** @throws ResourceNotFoundException (404) */
const getVersion = (iot: Iot, template: string, version: number): VersionRow => {
  const sql = "SELECT * FROM provisioning_template_versions WHERE template = ? AND version = ?";
  const row = iot.store.get<VersionRow>(sql, template, version);
  if (row === undefined) throw notFound(`Provisioning template ${template} has no version ${version}`);
  return row;
};

/** @throws InvalidRequestException (400) for a body that is not a JSON object with resources. */
const checkBody = (body: string): void => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    throw invalidRequest(`The template body is not JSON: ${String(error)}`);
  }
  if (typeof parsed !== "object" || parsed === null || !("Resources" in parsed))
    throw invalidRequest("The template body needs Resources");
};

const hookText = (hook: Hook): string =>
  JSON.stringify({ payloadVersion: hook.payloadVersion ?? HOOK_PAYLOAD_VERSION, targetArn: hook.targetArn });

const insertVersion = (iot: Iot, template: string, version: number, body: string): void => {
  iot.store.run(
    "INSERT INTO provisioning_template_versions VALUES (?, ?, ?, ?)",
    template,
    version,
    body,
    iot.clock.now(),
  );
};

const summary = (iot: Iot, template: TemplateRow) => ({
  templateArn: iot.arn("provisioningtemplate", template.name),
  templateName: template.name,
  description: template.description ?? undefined,
  creationDate: new Date(template.created_at),
  lastModifiedDate: new Date(template.modified_at),
  enabled: template.enabled === 1,
  type: template.type,
});

/** A template with its default version's body, for who provisions by it. */
export interface ProvisioningTemplate {
  readonly name: string;
  readonly arn: string;
  readonly enabled: boolean;
  readonly type: "FLEET_PROVISIONING" | "JITP";
  readonly roleArn: string;
  readonly body: string;
  readonly hook?: { readonly payloadVersion: string; readonly targetArn: string };
}

export const findTemplateWithBody = (iot: Iot, name: string): ProvisioningTemplate | undefined => {
  const template = findTemplate(iot, name);
  if (template === undefined) return undefined;
  return {
    name,
    arn: iot.arn("provisioningtemplate", name),
    enabled: template.enabled === 1,
    type: template.type,
    roleArn: template.role_arn,
    body: getVersion(iot, name, template.default_version).body,
    ...(template.hook !== null && { hook: JSON.parse(template.hook) as NonNullable<ProvisioningTemplate["hook"]> }),
  };
};

export const provisioningTemplateHandlers: IotHandlers = {
  /** https://docs.aws.amazon.com/iot/latest/apireference/API_CreateProvisioningTemplate.html */
  CreateProvisioningTemplate: (input, iot) => {
    checkBody(input.templateBody);
    const name = input.templateName;
    const arn = iot.arn("provisioningtemplate", name);
    if (findTemplate(iot, name) !== undefined)
      throw alreadyExists(`Provisioning template ${name} already exists`, name, arn);
    const count = iot.store.get<{ count: number }>("SELECT count(*) AS count FROM provisioning_templates")?.count ?? 0;
    if (count >= MAX_TEMPLATES) throw limitExceeded(`An account can have at most ${MAX_TEMPLATES} templates`);
    const now = iot.clock.now();
    createTagged(iot, arn, input.tags, () => {
      iot.store.run(
        "INSERT INTO provisioning_templates VALUES (?, ?, ?, ?, ?, ?, 1, 1, ?, ?)",
        name,
        input.type ?? "FLEET_PROVISIONING",
        input.description ?? null,
        input.enabled === true ? 1 : 0,
        input.provisioningRoleArn,
        input.preProvisioningHook === undefined ? null : hookText(input.preProvisioningHook),
        now,
        now,
      );
      insertVersion(iot, name, 1, input.templateBody);
    });
    return { templateArn: arn, templateName: name, defaultVersionId: 1 };
  },

  DescribeProvisioningTemplate: (input, iot) => {
    const template = getTemplate(iot, input.templateName);
    return {
      ...summary(iot, template),
      defaultVersionId: template.default_version,
      templateBody: getVersion(iot, template.name, template.default_version).body,
      provisioningRoleArn: template.role_arn,
      preProvisioningHook: template.hook === null ? undefined : (JSON.parse(template.hook) as Required<Hook>),
    };
  },

  UpdateProvisioningTemplate: (input, iot) => {
    const template = getTemplate(iot, input.templateName);
    if (input.removePreProvisioningHook === true && input.preProvisioningHook !== undefined)
      throw invalidRequest("preProvisioningHook and removePreProvisioningHook cannot be used together");
    const version = input.defaultVersionId ?? template.default_version;
    getVersion(iot, template.name, version);
    const hook = input.preProvisioningHook === undefined ? template.hook : hookText(input.preProvisioningHook);
    iot.store.run(
      `UPDATE provisioning_templates SET description = ?, enabled = ?, role_arn = ?, hook = ?, default_version = ?,
       modified_at = ? WHERE name = ?`,
      input.description ?? template.description,
      input.enabled === undefined ? template.enabled : Number(input.enabled),
      input.provisioningRoleArn ?? template.role_arn,
      input.removePreProvisioningHook === true ? null : hook,
      version,
      iot.clock.now(),
      template.name,
    );
    return {};
  },

  /** A template whose versions beside the default one are still there cannot be deleted. */
  DeleteProvisioningTemplate: (input, iot) => {
    const template = getTemplate(iot, input.templateName);
    const others = "SELECT 1 AS found FROM provisioning_template_versions WHERE template = ? AND version <> ?";
    if (iot.store.get(others, template.name, template.default_version) !== undefined)
      throw deleteConflict(`Provisioning template ${template.name} has versions beside the default one`);
    iot.store.transact(() => {
      iot.store.run("DELETE FROM provisioning_template_versions WHERE template = ?", template.name);
      iot.store.run("DELETE FROM provisioning_templates WHERE name = ?", template.name);
      iot.store.run("DELETE FROM provisioning_claims WHERE template = ?", template.name);
      dropTags(iot, iot.arn("provisioningtemplate", template.name));
    });
    return {};
  },

  ListProvisioningTemplates: (input, iot) => {
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const sql = "SELECT * FROM provisioning_templates WHERE name > ? ORDER BY name LIMIT ?";
    const page = cut(iot.store.all<TemplateRow>(sql, after, limit + 1), limit, (row) => [row.name]);
    return { templates: page.items.map((row) => summary(iot, row)), nextToken: page.next };
  },

  CreateProvisioningTemplateVersion: (input, iot) => {
    checkBody(input.templateBody);
    const template = getTemplate(iot, input.templateName);
    const sql = "SELECT version FROM provisioning_template_versions WHERE template = ?";
    if (iot.store.all(sql, template.name).length >= MAX_VERSIONS)
      throw versionsLimitExceeded(`Provisioning template ${template.name} already has ${MAX_VERSIONS} versions`);
    const version = template.last_version + 1;
    const isDefaultVersion = input.setAsDefault === true;
    iot.store.transact(() => {
      insertVersion(iot, template.name, version, input.templateBody);
      iot.store.run(
        "UPDATE provisioning_templates SET last_version = ?, default_version = ?, modified_at = ? WHERE name = ?",
        version,
        isDefaultVersion ? version : template.default_version,
        iot.clock.now(),
        template.name,
      );
    });
    return {
      templateArn: iot.arn("provisioningtemplate", template.name),
      templateName: template.name,
      versionId: version,
      isDefaultVersion,
    };
  },

  DescribeProvisioningTemplateVersion: (input, iot) => {
    const template = getTemplate(iot, input.templateName);
    const row = getVersion(iot, template.name, input.versionId);
    return {
      versionId: row.version,
      creationDate: new Date(row.created_at),
      templateBody: row.body,
      isDefaultVersion: row.version === template.default_version,
    };
  },

  ListProvisioningTemplateVersions: (input, iot) => {
    const template = getTemplate(iot, input.templateName);
    const limit = input.maxResults ?? DEFAULT_PAGE;
    const [after = 0] = afterToken(input.nextToken, invalidToken) ?? [];
    const rows = iot.store.all<VersionRow>(
      "SELECT * FROM provisioning_template_versions WHERE template = ? AND version > ? ORDER BY version LIMIT ?",
      template.name,
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.version]);
    return {
      versions: page.items.map((row) => ({
        versionId: row.version,
        creationDate: new Date(row.created_at),
        isDefaultVersion: row.version === template.default_version,
      })),
      nextToken: page.next,
    };
  },

  DeleteProvisioningTemplateVersion: (input, iot) => {
    const template = getTemplate(iot, input.templateName);
    const { version } = getVersion(iot, template.name, input.versionId);
    if (version === template.default_version)
      throw deleteConflict(`Version ${version} is the default version of provisioning template ${template.name}`);
    const sql = "DELETE FROM provisioning_template_versions WHERE template = ? AND version = ?";
    iot.store.run(sql, template.name, version);
    return {};
  },
};
