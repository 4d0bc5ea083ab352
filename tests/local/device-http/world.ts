import "reflect-metadata";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, type RequestOptions, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GreengrassV2 } from "@aws-sdk/client-greengrassv2";
import { S3 } from "@aws-sdk/client-s3";
import * as x509 from "@peculiar/x509";
import { serverCertificate } from "../../../local/certificates.ts";
import { type DeviceHttp, startDeviceHttp } from "../../../local/device-http/server.ts";
import { Faults } from "../../../local/faults.ts";
import { startGreengrass } from "../../../local/greengrass/server.ts";
import type { Identities } from "../../../local/iam/identities.ts";
import { stageIdentities } from "../../../local/iam/stage-identities.ts";
import { type S3Server, startS3 } from "../../../local/s3/server.ts";
import { deployStage } from "../../../local/stage.ts";
import { awsNames, stageNames } from "../../../shared/names.ts";
import { devicePolicy } from "../../../shared/node/device-policy.ts";
import { EC, keysOf, privateKeyOf, requestWithKey } from "../../differential/iot/csr.ts";
import { ACCOUNT, openIot, REGION } from "../iot-server.ts";

export { ACCOUNT, REGION };
export const STAGE = "local";
export const PLACE = { partition: "aws", region: REGION, accountId: ACCOUNT, stage: STAGE };
export const ROLE_ALIAS = awsNames.roleAlias(STAGE);
export const { otaBucket: OTA_BUCKET, importsBucket: IMPORTS_BUCKET } = stageNames(PLACE);
/** How long devices do not see a change of a membership, by the world's clock. */
export const LAG_MS = 60_000;
type Port = keyof Pick<DeviceHttp, "dataPlane" | "credentials">;
/** The pair that the stand-ins take from developers. */
export const DEVELOPER = { accessKeyId: "test", secretAccessKey: "test" };

/** A workspace as far as devices see it: its bucket, which is its thing type's name, and its IoT policy. */
export interface Workspace {
  readonly id: string;
  readonly bucket: string;
}
export const ACME: Workspace = { id: "ws_0123456789abcdefghjk", bucket: "ws-abc-acme-comp-artifacts" };
export const OTHER: Workspace = { id: "ws_0123456789abcdefghjm", bucket: "ws-abd-other-comp-artifacts" };

/** What a device has on its disk. */
export interface Device {
  readonly thing: string;
  readonly certificateId: string;
  readonly certificateArn: string;
  readonly cert: string;
  readonly key: string;
}

export interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly body: Record<string, unknown>;
}

export interface SessionKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: string;
}

/** A certificate by a CA of nobody's, and its key. */
export const selfSigned = async (notBefore: Date, notAfter: Date) => {
  const keys = await keysOf();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=device",
    keys,
    notBefore,
    notAfter,
    signingAlgorithm: EC,
  });
  return { cert: certificate.toString("pem"), key: privateKeyOf(keys) };
};

let last = 0;
const newThingName = (workspace: Workspace): string => {
  last += 1;
  return awsNames.thing(STAGE, workspace.id, `nod_${String(last).padStart(20, "0")}`);
};

export interface DeviceOptions {
  readonly workspace?: Workspace;
  /** Whether the thing has the workspace's type; true by default. */
  readonly typed?: boolean;
  /** Names of policies to attach to the certificate; the workspace's by default. */
  readonly policies?: readonly string[];
  readonly certificate?: Omit<Device, "thing">;
}

export type World = Awaited<ReturnType<typeof startWorld>>;

/** The stand-ins that a device meets, with the stage and two workspaces as the product makes them. */
export const startWorld = async () => {
  const dir = await mkdtemp(join(tmpdir(), "device-http-"));
  const closers: (() => unknown)[] = [() => rm(dir, { recursive: true, force: true })];
  const later = <T extends { close(): unknown }>(server: T): T => {
    closers.push(() => server.close());
    return server;
  };
  const asLast = <T extends { destroy(): unknown }>(client: T): T => {
    closers.push(() => client.destroy());
    return client;
  };
  const faults = new Faults();
  const place = { region: REGION, accountId: ACCOUNT };
  const { server: iotServer, iot, clock } = later(await openIot(join(dir, "iot"), { membershipLagMs: LAG_MS }));

  /** Identities as a process has them that was started on the same data folder. */
  const openIdentities = (): Identities =>
    stageIdentities(dir, PLACE, { developer: DEVELOPER, enforce: false, withoutStatements: [], log: () => undefined });
  const clientOf = (credentials: Partial<SessionKeys> & typeof DEVELOPER, url: string): S3 => {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    return asLast(
      new S3({
        endpoint: url,
        region: REGION,
        forcePathStyle: true,
        maxAttempts: 1,
        requestChecksumCalculation: "WHEN_REQUIRED",
        credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
      }),
    );
  };
  const openS3 = async (identities: Identities, folder: string): Promise<S3Server> =>
    later(
      await startS3({
        ...place,
        dir: join(dir, folder),
        port: 0,
        secretOf: identities.secretOf,
        identities,
        faults,
        publish: () => undefined,
      }),
    );

  const identities = openIdentities();
  const s3Server = await openS3(identities, "s3");
  const s3 = clientOf(DEVELOPER, s3Server.url);
  const greengrassServer = later(
    await startGreengrass({
      ...place,
      dir: join(dir, "greengrass"),
      port: 0,
      faults,
      readArtifact: async (uri) => ({ sha256Base64: createHash("sha256").update(uri).digest("base64"), size: 1 }),
      targetExists: (arn) => iotServer.hasTarget(arn),
    }),
  );
  const greengrass = asLast(
    new GreengrassV2({ endpoint: greengrassServer.url, region: REGION, credentials: DEVELOPER }),
  );
  const certificate = await serverCertificate(join(dir, "tls"));
  const ca = readFileSync(certificate.caFile, "utf8");
  const http = later(
    await startDeviceHttp({
      ...place,
      certificate,
      ports: { dataPlane: 0, credentials: 0 },
      faults,
      iot: iotServer,
      greengrass: greengrassServer,
      identities,
      now: clock.now,
    }),
  );
  await deployStage(PLACE, { iot, s3 }, { dir: join(dir, "iam"), origins: ["http://localhost"] });

  for (const { id, bucket } of [ACME, OTHER]) {
    await iot.createThingType({ thingTypeName: bucket });
    await iot.createPolicy({
      policyName: awsNames.devicePolicy(STAGE, id),
      policyDocument: devicePolicy({
        ...place,
        stage: STAGE,
        workspaceId: id,
        roleAlias: ROLE_ALIAS,
        template: awsNames.provisioningTemplate(STAGE),
      }),
    });
    await s3.createBucket({ Bucket: bucket });
    await s3.putObject({ Bucket: bucket, Key: "dist/hello.sh", Body: `hello from ${bucket}` });
  }

  /** A certificate that AWS IoT gave for a signing request. */
  const newCertificate = async (setAsActive = true): Promise<Omit<Device, "thing">> => {
    const { csr, key } = await requestWithKey();
    const made = await iot.createCertificateFromCsr({ certificateSigningRequest: csr, setAsActive });
    return {
      certificateId: String(made.certificateId),
      certificateArn: String(made.certificateArn),
      cert: String(made.certificatePem),
      key,
    };
  };

  /** A thing of a workspace, with a certificate. */
  const newDevice = async (options: DeviceOptions = {}): Promise<Device> => {
    const { workspace = ACME, typed = true, policies = [awsNames.devicePolicy(STAGE, workspace.id)] } = options;
    const thing = newThingName(workspace);
    const own = options.certificate ?? (await newCertificate());
    await iot.createThing({ thingName: thing, ...(typed && { thingTypeName: workspace.bucket }) });
    await iot.attachThingPrincipal({ thingName: thing, principal: own.certificateArn });
    for (const policyName of policies) await iot.attachPolicy({ policyName, target: own.certificateArn });
    return { ...own, thing };
  };

  /** Makes an IoT policy and answers its name. */
  const newPolicy = async (...Statement: object[]): Promise<string> => {
    last += 1;
    const policyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    const { policyName } = await iot.createPolicy({ policyName: `policy-${last}`, policyDocument });
    return String(policyName);
  };

  /** Where a port is, for who speaks TLS itself. */
  const tls = (port: Port) => ({ host: "127.0.0.1", port: http[port].port, ca });

  /** Sends the path as it is: no client tidies it up. */
  const ask = (
    port: Port,
    path: string,
    options: RequestOptions & { readonly body?: string } = {},
  ): Promise<Answer> => {
    const { body, ...more } = options;
    return new Promise((resolve, reject) => {
      const message = request({ ...tls(port), path, agent: false, ...more });
      message.on("error", reject);
      message.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const code = response.headers["x-amzn-errortype"];
          resolve({
            status: response.statusCode ?? 0,
            code: code === undefined ? undefined : String(code),
            body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>,
          });
        });
      });
      message.end(body);
    });
  };

  /** An agent that keeps its one connection. */
  const oneConnection = (): Agent => asLast(new Agent({ keepAlive: true, maxSockets: 1 }));

  /** @param thing the header's value; the device's own thing by default, and no header if it is null */
  const askCredentials = (
    device: Partial<Device>,
    options: { readonly alias?: string; readonly thing?: string | null } = {},
  ): Promise<Answer> => {
    const { alias = ROLE_ALIAS, thing = device.thing ?? null } = options;
    return ask("credentials", `/role-aliases/${alias}/credentials`, {
      cert: device.cert,
      key: device.key,
      headers: thing === null ? {} : { "x-amzn-iot-thingname": thing },
    });
  };

  /** @throws Error with the answer when there are none */
  const credentialsOf = async (...parameters: Parameters<typeof askCredentials>): Promise<SessionKeys> => {
    const answer = await askCredentials(...parameters);
    if (answer.status !== 200) throw new Error(JSON.stringify(answer));
    return answer.body.credentials as SessionKeys;
  };

  return {
    iot,
    clock,
    faults,
    greengrass,
    s3,
    s3Server,
    identities,
    openIdentities,
    openS3,
    newCertificate,
    newDevice,
    newPolicy,
    tls,
    ask,
    askCredentials,
    credentialsOf,
    oneConnection,
    s3As: (credentials: Partial<SessionKeys> & typeof DEVELOPER, { url } = s3Server): S3 => clientOf(credentials, url),
    close: async () => {
      for (const closer of closers.reverse()) await closer();
    },
  };
};

/** The status of a success, or the error's code and status. */
export const outcome = async (sent: Promise<{ $metadata: { httpStatusCode?: number } }>): Promise<string> => {
  try {
    return String((await sent).$metadata.httpStatusCode);
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } };
    return `${name} ${$metadata?.httpStatusCode ?? String(error)}`;
  }
};
