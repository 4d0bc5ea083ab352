import { groupsSeen } from "../iot/memberships.ts";
import { type Iot, parseStrings } from "../iot/state.ts";
import { parsePolicy, permits, type Statement } from "./policy-language.ts";
import { certificateVariables } from "./principals.ts";
import type { Broker, Connection } from "./state.ts";

interface Thing {
  readonly name: string;
  readonly type: string | null;
  readonly attributes: string;
}

/** What a connection may do, as it was read from the control plane. */
export interface Access {
  /** Of the store's changes, and the time in milliseconds at which it is to be read again. */
  readonly changes: number;
  readonly until: number;
  readonly statements: readonly Statement[];
  readonly thing: Thing | undefined;
  certificate: ReadonlyMap<string, string> | undefined;
}

/** Memberships are seen with a lag, which no change of the store tells of. */
const LIFE_MS = 1_000;

/**
 * The thing that a connection is: the one that its certificate is attached to exclusively, or else the one that has the
 * client id as its name and that the certificate is attached to. A client id alone makes nobody a thing.
 * https://docs.aws.amazon.com/iot/latest/developerguide/thing-policy-variables.html
 */
const thingOf = (iot: Iot, { principal, clientId }: Connection): Thing | undefined =>
  iot.store.get<Thing>(
    `SELECT name, type, attributes FROM things WHERE name IN (SELECT thing FROM thing_principals WHERE principal = ?1)
     AND (name = ?2 OR ?1 IN (SELECT principal FROM exclusive_principals))`,
    principal.arn,
    clientId,
  );

/** The default versions of the policies of the certificate, of the groups of its thing and of the groups above those. */
const documentsOf = (iot: Iot, principal: string, thing: Thing | undefined): string[] => {
  const groups = thing === undefined ? [] : groupsSeen(iot, thing.name);
  const targets = [principal, ...groups.flatMap(({ arn, rootToParent }) => [arn, ...rootToParent.map((it) => it.arn)])];
  return iot.store
    .all<{ document: string }>(
      `SELECT document FROM policy_versions JOIN policies ON policies.name = policy AND default_version = version
       WHERE policy IN (SELECT policy FROM policy_targets WHERE target IN (SELECT value FROM json_each(?)))`,
      JSON.stringify(targets),
    )
    .map(({ document }) => document);
};

/**
 * What a temporary claim may do. AWS does not say which policy these certificates have; it is what provisioning by the
 * claim's template takes: https://docs.aws.amazon.com/iot/latest/developerguide/provision-wo-cert.html
 */
const claimPolicy = (iot: Iot, template: string): string => {
  const arn = (resource: string) => `arn:aws:iot:${iot.region}:${iot.accountId}:${resource}`;
  const topics = [
    "$aws/certificates/create/*",
    "$aws/certificates/create-from-csr/*",
    `$aws/provisioning-templates/${template}/provision/*`,
  ];
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      // Any name: what a claim may do does not depend on its client id.
      { Effect: "Allow", Action: "iot:Connect", Resource: arn("client/*") },
      { Effect: "Allow", Action: ["iot:Publish", "iot:Receive"], Resource: topics.map((it) => arn(`topic/${it}`)) },
      { Effect: "Allow", Action: "iot:Subscribe", Resource: topics.map((it) => arn(`topicfilter/${it}`)) },
    ],
  });
};

/** Few documents serve many certificates: each is parsed once. */
const MAX_PARSED = 1_000;
const parsed = new Map<string, Statement[]>();
const statementsOf = (document: string): Statement[] => {
  const known = parsed.get(document);
  if (known !== undefined) return known;
  if (parsed.size >= MAX_PARSED) parsed.clear();
  const statements = parsePolicy(document);
  parsed.set(document, statements);
  return statements;
};

/** What the connection may do now: kept until something in the store changes, and for a second at most. */
const accessOf = ({ iot }: Broker, connection: Connection): Access => {
  const changes = iot.store.changes();
  const now = iot.clock.now();
  const known = connection.access;
  if (known !== undefined && known.changes === changes && now < known.until) return known;
  const { principal } = connection;
  const thing = thingOf(iot, connection);
  const documents =
    principal.claimFor === undefined ? documentsOf(iot, principal.arn, thing) : [claimPolicy(iot, principal.claimFor)];
  const access: Access = {
    changes,
    until: now + LIFE_MS,
    statements: documents.flatMap(statementsOf),
    thing,
    certificate: undefined,
  };
  connection.access = access;
  return access;
};

const ATTRIBUTE = /^iot:Connection\.Thing\.Attributes\[(.+)\]$/;

/** The variables and condition keys of a connection. */
const variableOf = (broker: Broker, connection: Connection, access: Access, name: string): string | undefined => {
  const { thing } = access;
  switch (name) {
    case "iot:ClientId":
      return connection.clientId;
    case "aws:SourceIp":
      return connection.address;
    case "iot:Connection.Thing.IsAttached":
      return String(thing !== undefined);
    case "iot:Connection.Thing.ThingName":
      return thing?.name;
    case "iot:Connection.Thing.ThingTypeName":
      return thing?.type ?? undefined;
  }
  const attribute = ATTRIBUTE.exec(name)?.[1];
  if (attribute !== undefined) return thing === undefined ? undefined : parseStrings(thing.attributes)[attribute];
  if (!name.startsWith("iot:Certificate.")) return undefined;
  access.certificate ??= certificateVariables(broker.iot, connection.principal.certificateId);
  return access.certificate.get(name);
};

export type PolicyAction = "Connect" | "Publish" | "Subscribe" | "Receive" | "RetainPublish";

const RESOURCES: Readonly<Record<PolicyAction, string>> = {
  Connect: "client",
  Publish: "topic",
  Receive: "topic",
  RetainPublish: "topic",
  Subscribe: "topicfilter",
};

/**
 * Whether the connection's policies permit an action on a client id, topic or filter.
 *
 * @param attributes of a connect, `PersistentConnect` and `LastWill`: the condition key `iot:ConnectAttributes`
 */
export const mayDo = (
  broker: Broker,
  connection: Connection,
  action: PolicyAction,
  name: string,
  attributes?: readonly string[],
): boolean => {
  const access = accessOf(broker, connection);
  const { region, accountId } = broker.iot;
  return permits(
    access.statements,
    `iot:${action}`,
    `arn:aws:iot:${region}:${accountId}:${RESOURCES[action]}/${name}`,
    (key) => (key === "iot:ConnectAttributes" ? attributes : variableOf(broker, connection, access, key)),
  );
};

/** The thing that the connection is, if it is one. */
export const thingNameOf = (broker: Broker, connection: Connection): string | undefined =>
  accessOf(broker, connection).thing?.name;
