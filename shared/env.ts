import * as z from "zod";

/** Every environment variable that a function of ours may be given. A function's declaration names those it gets. */
export const ENVIRONMENT = {
  STAGE: z.string().regex(/^[a-z][a-z0-9-]{0,15}$/),
  CONTROL_TABLE: z.string().min(3),
  OTA_TABLE: z.string().min(3),
  OTA_BUCKET: z.string().min(3),
  /** What is uploaded to be imported, and what came of it. */
  IMPORTS_BUCKET: z.string().min(3),
  /** How often a second an import calls that operation of AWS IoT which it calls most. */
  IMPORT_CALLS_PER_SECOND: z.string().regex(/^[1-9]\d*$/),
  /** How often a second operations of AWS may be called that all functions share: `CreateDeployment=1,…`. */
  AWS_RATES: z.string().regex(/^[A-Za-z]+=[1-9]\d*(?:,[A-Za-z]+=[1-9]\d*)*$/),
  /** How long what AWS shows of memberships in thing groups is given to show what was done, in seconds. */
  MEMBERSHIP_LAG_SECONDS: z.string().regex(/^[1-9]\d*$/),
  /** How long after a node has joined its cell AWS IoT is given to make its job, in seconds. */
  JOB_WITHIN_SECONDS: z.string().regex(/^[1-9]\d*$/),
  /** ARN of any state machine of the stage up to and with the last colon: a machine's name follows. */
  STATE_MACHINE_PREFIX: z.string().startsWith("arn:"),
  EVENT_BUS: z.string().min(1),
  /** What the URI of every event's schema starts with: an address with a slash at its end, or a URN with a colon. */
  EVENT_SCHEMAS: z.string().regex(/^(https?:\/\/.+\/|urn:[a-z0-9-]+:.*:)$/),
  /** The alias of the key from which webhooks' secrets are derived. */
  WEBHOOK_KEY: z.string().regex(/^alias\/[\w/-]+$/),
  /** Whether webhooks may be on this machine itself. */
  WEBHOOK_LOOPBACK: z.enum(["refused", "allowed"]),
  /** How often a delivery is tried, and how long the first pause is, in seconds. */
  WEBHOOK_TRIES: z.string().regex(/^[1-9]\d*$/),
  WEBHOOK_RETRY_SECONDS: z.string().regex(/^[1-9]\d*$/),
  /** Workspace that `/package` means when the path names none; empty for none. */
  OTA_DEFAULT_WORKSPACE: z.string(),
  /** Archives of up to so many bytes are streamed to devices. */
  OTA_STREAMED_BYTES: z.string().regex(/^\d+$/),
  /** How many archives a workspace's devices may have stored in an hour. */
  OTA_ARCHIVES_PER_HOUR: z.string().regex(/^\d+$/),
  /** The aliases of the keys that sign, the eldest first, comma separated. */
  OTA_SIGNING_KEYS: z.string().regex(/^alias\/[\w/-]+(,alias\/[\w/-]+)*$/),
  /** How long devices believe a snapshot. */
  OTA_SNAPSHOT_HOURS: z.string().regex(/^[1-9]\d*$/),
  ACCOUNT_ID: z.string().regex(/^\d{12}$/),
  /** Where the Greengrass data plane is, as host and port. */
  GREENGRASS_ENDPOINT: z.string().regex(/^[^:/]+:\d+$/),
  /** What devices trust AWS IoT's servers by: a certificate in PEM. */
  DEVICE_ROOT_CA: z.string().startsWith("-----BEGIN CERTIFICATE-----"),
  /** How many tries to register one source address has a minute. */
  REGISTRATIONS_PER_MINUTE: z.string().regex(/^[1-9]\d*$/),
  /** For how many days audit records are kept. */
  AUDIT_DAYS: z.string().regex(/^[1-9]\d*$/),
  /** Who issues the bearer tokens of people: an OpenID Connect issuer. */
  TOKEN_ISSUER: z.url(),
  /** Values of `aud`, or `client_id`, of tokens that are let in: a JSON array. */
  TOKEN_AUDIENCES: z.string().startsWith("["),
  /** How often a minute a machine's credential is exchanged for access tokens, from one source address. */
  TOKENS_PER_MINUTE: z.string().regex(/^[1-9]\d*$/),
  /** Origins that may upload to workspace buckets from a browser, comma separated. */
  UPLOAD_ORIGINS: z.string().min(1),
} as const;

export type EnvironmentName = keyof typeof ENVIRONMENT;

/**
 * A variable of this function's environment.
 * @throws Error that names the variable when it is absent or not of its form: a fault of the deployment, not of a client.
 */
export const env = (name: EnvironmentName): string => {
  const parsed = ENVIRONMENT[name].safeParse(process.env[name]);
  if (!parsed.success) throw new Error(`environment variable ${name}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
};
