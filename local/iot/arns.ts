import type { Iot } from "./state.ts";

/** The resources that have a name of their own, by the type in their ARN, with the table that holds them. */
const TABLES = {
  thing: "things",
  thinggroup: "thing_groups",
  thingtype: "thing_types",
  policy: "policies",
  rolealias: "role_aliases",
  provisioningtemplate: "provisioning_templates",
  job: "jobs",
  cert: "certificates",
} as const;

export type ArnKind = keyof typeof TABLES;

/** The types that can be tagged: https://docs.aws.amazon.com/iot/latest/developerguide/tagging-iot.html (things and certificates cannot). */
const TAGGABLE: ReadonlySet<ArnKind> = new Set([
  "thinggroup",
  "thingtype",
  "policy",
  "rolealias",
  "provisioningtemplate",
  "job",
]);

const isKind = (text: string): text is ArnKind => Object.hasOwn(TABLES, text);

/** The kind and name in an ARN of this account and region, or undefined for any other text. */
export const parseArn = (iot: Iot, arn: string): { kind: ArnKind; name: string } | undefined => {
  const prefix = `arn:aws:iot:${iot.region}:${iot.accountId}:`;
  if (!arn.startsWith(prefix)) return undefined;
  const [kind = "", ...rest] = arn.slice(prefix.length).split("/");
  const name = rest.join("/");
  return isKind(kind) && name !== "" ? { kind, name } : undefined;
};

/** The name in an ARN of that kind, or undefined. */
export const nameInArn = (iot: Iot, kind: ArnKind, arn: string): string | undefined => {
  const parsed = parseArn(iot, arn);
  return parsed?.kind === kind ? parsed.name : undefined;
};

/** Whether the account has that resource. */
export const exists = (iot: Iot, kind: ArnKind, name: string): boolean =>
  iot.store.get(`SELECT 1 AS found FROM ${TABLES[kind]} WHERE name = ?`, name) !== undefined;

export const isTaggable = (kind: ArnKind): boolean => TAGGABLE.has(kind);
