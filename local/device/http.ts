import { request as httpsRequest } from "node:https";
import * as z from "zod";
import type { Identity } from "./folder.ts";
import { hostAndPort } from "./link.ts";
import { PLATFORM } from "./recipe.ts";

/** An answer that is none of success. */
export class HttpError extends Error {
  readonly status: number;

  constructor(what: string, status: number, body: string) {
    super(`${what} answered ${status}: ${body.slice(0, 500)}`);
    this.name = "HttpError";
    this.status = status;
  }
}

interface Request {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const ANSWER_WITHIN_MS = 30_000;

/** What a device may ask over HTTPS, by its certificate: the Greengrass data plane, and credentials. */
export type Caller = Pick<Identity, "thing" | "roleAlias" | "endpoints" | "rootCa" | "certificatePem" | "privateKey">;

/** @throws HttpError, and what sockets throw */
const ask = (
  caller: Caller,
  address: string,
  port: number,
  { method, path, headers, body }: Request,
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const what = `${method} ${path}`;
    const sent = httpsRequest(
      {
        ...hostAndPort(address, port),
        method,
        path,
        ca: caller.rootCa,
        cert: caller.certificatePem,
        key: caller.privateKey,
        headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
        agent: false, // a device asks seldom; a thousand of them in one process keep no idle sockets
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          if (answer.statusCode !== 200) return reject(new HttpError(what, answer.statusCode ?? 0, text));
          try {
            resolve(JSON.parse(text));
          } catch (error) {
            reject(new Error(`${what} answered what is not JSON`, { cause: error }));
          }
        });
      },
    );
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });

const DATA_PLANE_PORT = 8443;
const CREDENTIALS_PORT = 443;

const Group = z.object({ thingGroupName: z.string() });
const Groups = z.object({
  thingGroups: z.array(Group.extend({ rootToParentThingGroups: z.array(Group).nullish() })).nullish(),
  nextToken: z.string().nullish(),
});

/** Names of the thing groups that the device is in, and of those above them. @throws HttpError */
export const thingGroups = async (caller: Caller): Promise<Set<string>> => {
  const names = new Set<string>();
  let nextToken: string | undefined;
  do {
    const query = nextToken === undefined ? "" : `?nextToken=${encodeURIComponent(nextToken)}`;
    const path = `/greengrass/v2/coreDevices/${encodeURIComponent(caller.thing)}/thingGroups${query}`;
    const page = Groups.parse(await ask(caller, caller.endpoints.greengrass, DATA_PLANE_PORT, { method: "GET", path }));
    for (const group of page.thingGroups ?? [])
      for (const { thingGroupName } of [group, ...(group.rootToParentThingGroups ?? [])]) names.add(thingGroupName);
    nextToken = page.nextToken ?? undefined;
  } while (nextToken !== undefined);
  return names;
};

const Resolution = z.object({
  resolvedComponentVersions: z
    .array(z.object({ arn: z.string(), componentName: z.string(), componentVersion: z.string(), recipe: z.base64() }))
    .length(1),
});

export interface Candidate {
  readonly name: string;
  /** The version that the device has. */
  readonly version?: string | undefined;
  /** By who has them. */
  readonly requirements: Readonly<Record<string, string>>;
}

/** The version of a component that meets all requirements, with its recipe as JSON. @throws HttpError */
export const resolveCandidate = async (caller: Caller, { name, version, requirements }: Candidate) => {
  const { os = "", architecture = "" } = PLATFORM;
  const answer = Resolution.parse(
    await ask(caller, caller.endpoints.greengrass, DATA_PLANE_PORT, {
      method: "POST",
      path: "/greengrass/v2/resolveComponentCandidates",
      body: {
        platform: { attributes: { os, architecture } },
        componentCandidates: [
          {
            componentName: name,
            ...(version !== undefined && { componentVersion: version }),
            versionRequirements: requirements,
          },
        ],
      },
    }),
  );
  const [found] = answer.resolvedComponentVersions;
  if (found?.componentName !== name) throw new Error(`asked for ${name}, and was given ${found?.componentName}`);
  return {
    arn: found.arn,
    version: found.componentVersion,
    recipe: Buffer.from(found.recipe, "base64").toString("utf8"),
  };
};

/** Where to fetch an artifact that Greengrass keeps itself. @throws HttpError */
export const artifactUrl = async (caller: Caller, arn: string, artifact: string): Promise<string> => {
  const path = `/greengrass/v2/components/${encodeURIComponent(arn)}/artifacts/${encodeURIComponent(artifact)}`;
  const answer = await ask(caller, caller.endpoints.greengrass, DATA_PLANE_PORT, { method: "GET", path });
  return z.object({ preSignedUrl: z.url() }).parse(answer).preSignedUrl;
};

const RoleCredentials = z.object({
  credentials: z.object({
    accessKeyId: z.string(),
    secretAccessKey: z.string(),
    sessionToken: z.string(),
    expiration: z.coerce.date(),
  }),
});

/** Credentials of the role alias, for AWS's services. @throws HttpError */
export const roleCredentials = async (caller: Caller) => {
  const path = `/role-aliases/${encodeURIComponent(caller.roleAlias)}/credentials`;
  const headers = { "x-amzn-iot-thingname": caller.thing };
  const answer = await ask(caller, caller.endpoints.credentials, CREDENTIALS_PORT, { method: "GET", path, headers });
  return RoleCredentials.parse(answer).credentials;
};
