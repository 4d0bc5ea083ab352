import { afterToken, cut } from "../aws-json/paging.ts";
import { alreadyExists, invalidToken, limitExceeded, notFound } from "./errors.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";
import { createTagged, dropTags } from "./tags.ts";

export const ROLE_ALIASES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS role_aliases (
    name TEXT PRIMARY KEY, role_arn TEXT NOT NULL, duration INTEGER NOT NULL,
    created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL
  ) STRICT;
`;

interface RoleAliasRow {
  readonly name: string;
  readonly role_arn: string;
  readonly duration: number;
  readonly created_at: number;
  readonly modified_at: number;
}

const DEFAULT_DURATION_SECONDS = 3600;
/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html */
const MAX_ROLE_ALIASES = 100;

/** What devices take credentials by. */
export interface RoleAlias {
  readonly arn: string;
  readonly roleArn: string;
  /** How long the credentials are valid. */
  readonly seconds: number;
}

const findRow = (iot: Iot, name: string): RoleAliasRow | undefined =>
  iot.store.get<RoleAliasRow>("SELECT * FROM role_aliases WHERE name = ?", name);

export const findRoleAlias = (iot: Iot, name: string): RoleAlias | undefined => {
  const row = findRow(iot, name);
  return row && { arn: iot.arn("rolealias", name), roleArn: row.role_arn, seconds: row.duration };
};

/** @throws ResourceNotFoundException (404) */
export const getRoleAlias = (iot: Iot, name: string): RoleAliasRow => {
  const alias = findRow(iot, name);
  if (alias === undefined) throw notFound(`Role alias ${name} not found`);
  return alias;
};

const nameAndArn = (iot: Iot, name: string) => ({ roleAlias: name, roleAliasArn: iot.arn("rolealias", name) });

export const roleAliasHandlers: IotHandlers = {
  /** https://docs.aws.amazon.com/iot/latest/apireference/API_CreateRoleAlias.html */
  CreateRoleAlias: (input, iot) => {
    const arn = iot.arn("rolealias", input.roleAlias);
    if (findRow(iot, input.roleAlias) !== undefined)
      throw alreadyExists(`Role alias ${input.roleAlias} already exists`, input.roleAlias, arn);
    const count = iot.store.get<{ count: number }>("SELECT count(*) AS count FROM role_aliases")?.count ?? 0;
    if (count >= MAX_ROLE_ALIASES) throw limitExceeded(`An account can have at most ${MAX_ROLE_ALIASES} role aliases`);
    const now = iot.clock.now();
    createTagged(iot, arn, input.tags, () =>
      iot.store.run(
        "INSERT INTO role_aliases VALUES (?, ?, ?, ?, ?)",
        input.roleAlias,
        input.roleArn,
        input.credentialDurationSeconds ?? DEFAULT_DURATION_SECONDS,
        now,
        now,
      ),
    );
    return nameAndArn(iot, input.roleAlias);
  },

  DescribeRoleAlias: (input, iot) => {
    const alias = getRoleAlias(iot, input.roleAlias);
    return {
      roleAliasDescription: {
        ...nameAndArn(iot, alias.name),
        roleArn: alias.role_arn,
        owner: iot.accountId,
        credentialDurationSeconds: alias.duration,
        creationDate: new Date(alias.created_at),
        lastModifiedDate: new Date(alias.modified_at),
      },
    };
  },

  UpdateRoleAlias: (input, iot) => {
    const alias = getRoleAlias(iot, input.roleAlias);
    iot.store.run(
      "UPDATE role_aliases SET role_arn = ?, duration = ?, modified_at = ? WHERE name = ?",
      input.roleArn ?? alias.role_arn,
      input.credentialDurationSeconds ?? alias.duration,
      iot.clock.now(),
      alias.name,
    );
    return nameAndArn(iot, alias.name);
  },

  DeleteRoleAlias: (input, iot) => {
    const alias = getRoleAlias(iot, input.roleAlias);
    iot.store.transact(() => {
      iot.store.run("DELETE FROM role_aliases WHERE name = ?", alias.name);
      dropTags(iot, iot.arn("rolealias", alias.name));
    });
    return {};
  },

  ListRoleAliases: (input, iot) => {
    const limit = input.pageSize ?? DEFAULT_PAGE;
    const after = afterToken(input.marker, invalidToken)?.[0] ?? null;
    const [beyond, order] = input.ascendingOrder === false ? ["<", "DESC"] : [">", "ASC"];
    const rows = iot.store.all<RoleAliasRow>(
      `SELECT * FROM role_aliases WHERE ? IS NULL OR name ${beyond} ? ORDER BY name ${order} LIMIT ?`,
      after,
      after,
      limit + 1,
    );
    const page = cut(rows, limit, (row) => [row.name]);
    return { roleAliases: page.items.map((row) => row.name), nextMarker: page.next };
  },
};
