import { request as httpsRequest } from "node:https";
import { type Client, type Identity, open } from "../../local/mqtt/client.ts";
import type { TestCloud } from "./cloud.ts";
import { newKey } from "./device-key.ts";
import { certificateId, registrationOf } from "./registration.ts";

/** What a device has for itself: the certificate and its key. */
export interface BoxIdentity extends Identity {
  readonly thing: string;
  readonly certificateId: string;
}

interface Claim extends Identity {
  readonly thing: string;
  readonly template: string;
  readonly roleAlias: string;
}

/** A device over its own wires alone. */
export const boxesOf = (cloud: TestCloud, ca: string) => {
  const { endpoints } = cloud;
  const port = Number(new URL(endpoints.mqtt).port);
  const { register } = registrationOf(cloud);

  /** A connection that was let in, or the code with which it was not; undefined where there was not even an answer. */
  const connect = async (identity: Identity, clientId: string): Promise<Client | number | undefined> => {
    const client = await open({ port, ca }, identity);
    if (client.closed) return undefined;
    client.send({ cmd: "connect", protocolVersion: 5, clientId, clean: true, keepalive: 60, properties: {} });
    const answer = await Promise.race([client.next("connack"), client.end().then(() => undefined)]);
    return answer?.reasonCode === 0 ? client : answer?.reasonCode;
  };

  const connected = async (identity: Identity, clientId: string): Promise<Client> => {
    const client = await connect(identity, clientId);
    if (client === undefined || typeof client === "number") throw new Error(`${clientId} is not let in: ${client}`);
    return client;
  };

  /** Exchanges a token for a claim. */
  const claim = async (token: string): Promise<Claim> => {
    const answer = await register(token);
    if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
    const body = (await answer.json()) as {
      thing: string;
      template: string;
      roleAlias: string;
      claim: { certificatePem: string; privateKey: string };
    };
    const { certificatePem: cert, privateKey: key } = body.claim;
    return { cert, key, thing: body.thing, template: body.template, roleAlias: body.roleAlias };
  };

  /** Asks for a certificate by the template; the answer is AWS IoT's. */
  const provision = async (
    by: Identity & { readonly template: string },
    parameters: Record<string, string>,
    options: { readonly clientId?: string; readonly key?: ReturnType<typeof newKey> } = {},
  ) => {
    const key = await (options.key ?? newKey());
    const client = await connected(by, options.clientId ?? "box");
    const made = await client.ask("$aws/certificates/create-from-csr/json", {
      certificateSigningRequest: await key.csr(),
    });
    const { certificateOwnershipToken, certificatePem } = made as Record<string, string>;
    const answer = await client.ask(`$aws/provisioning-templates/${by.template}/provision/json`, {
      certificateOwnershipToken,
      parameters,
    });
    await client.drop();
    const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", key.keys.privateKey)).toString("base64");
    const identity: Identity = {
      cert: String(certificatePem),
      key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.match(/.{1,64}/g)?.join("\n")}\n-----END PRIVATE KEY-----\n`,
    };
    return { answer, identity };
  };

  /** Registers, connects for the first time, and goes. */
  const enrol = async (token: string): Promise<BoxIdentity & { readonly template: string }> => {
    const by = await claim(token);
    const { answer, identity } = await provision(by, { Token: token });
    if (answer.thingName !== by.thing) throw new Error(JSON.stringify(answer));
    const client = await connected(identity, by.thing);
    await client.drop();
    return { ...identity, thing: by.thing, certificateId: certificateId(identity.cert), template: by.template };
  };

  /** A request to one of the HTTPS ports that devices speak to. */
  const https = (identity: Identity | undefined, url: string, headers: Record<string, string> = {}) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      httpsRequest(url, { ca, ...identity, headers }, (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          body += chunk;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
      })
        .on("error", reject)
        .end();
    });

  return { connect, connected, claim, provision, enrol, https };
};
