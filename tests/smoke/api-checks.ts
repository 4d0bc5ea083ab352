import { apiClient } from "../../local/api-client.ts";
import { documentedPath } from "../../shared/api/openapi.ts";
import { routes } from "../../shared/declared/routes.ts";
import { type Context, expecting, send, sha256, type Upload } from "./context.ts";
import { type Check, expectThat, Skip } from "./run.ts";

const SCRIPT = new TextEncoder().encode("echo hello\n");
const FILE = { path: "dist/run.sh", size: SCRIPT.length, sha256: sha256(SCRIPT) };

const plain = (context: Context, method: string, path: string, headers: Record<string, string> = {}) =>
  fetch(`${context.target.api}${path}`, { method, headers });

const bodyAt = async (answer: Response, status: number): Promise<Record<string, unknown>> => {
  const text = await answer.text();
  expectThat(answer.status === status, `answers ${answer.status}, not ${status}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
};

const versionPath = ({ workspace, component }: Context): string => `${workspace}/components/${component}/versions`;

/** The API and what it starts: gateway, functions, tables, streams, workflows, S3, AWS IoT, Greengrass. */
export const apiChecks: readonly Check<Context>[] = [
  {
    name: "api-document",
    run: async (context) => {
      const { paths } = (await bodyAt(await plain(context, "GET", "/v1/openapi.json"), 200)) as { paths: object };
      const missing = Object.values(routes).filter(({ path }) => !(documentedPath(path) in paths));
      expectThat(missing.length === 0, `the document does not tell of ${missing.map(({ path }) => path).join(", ")}`);
    },
  },
  {
    name: "api-without-token",
    run: async (context) => {
      const body = await bodyAt(await plain(context, "GET", "/v1/workspaces"), 401);
      expectThat("message" in body, `the 401 has no message: ${JSON.stringify(body)}`);
    },
  },
  {
    name: "api-bad-token",
    run: async (context) => {
      for (const token of ["not.a.token", `sla_${"0".repeat(38)}`]) {
        const answer = await plain(context, "GET", "/v1/workspaces", { authorization: `Bearer ${token}` });
        expectThat(answer.headers.has("www-authenticate"), "the 401 does not say how to authenticate");
        const { code } = await bodyAt(answer, 401);
        expectThat(code === "unauthorized", `the 401 is ${code}, and no problem of the operation`);
      }
    },
  },
  {
    name: "api-no-route",
    run: async (context) => {
      const missing = await bodyAt(await plain(context, "GET", "/v1/nothing"), 404);
      expectThat(missing.code === "no-such-route", `the 404 is no problem document: ${JSON.stringify(missing)}`);
      const wrong = await plain(context, "DELETE", "/v1/workspaces");
      expectThat(wrong.headers.get("allow") !== null, "the 405 has no Allow");
      await bodyAt(wrong, 405);
    },
  },
  {
    name: "workspace",
    run: async ({ client, done, run, workspace }) => {
      await done("POST", "/v1/workspaces", { name: `smoke-${run}` });
      const { body } = expecting(200, await client.call("GET", workspace));
      expectThat(body.status === "active", `the workspace is ${body.status}`);
    },
  },
  {
    name: "machine-credential",
    needs: ["workspace"],
    run: async (context) => {
      const { client, target, workspace } = context;
      const path = `${workspace}/credentials`;
      const body = { name: "smoke", role: "viewer", scopes: ["nodes:read"], expiresInSeconds: 600 };
      const { id, secret } = expecting(
        201,
        await client.call<{ id: string; secret: string }>("POST", path, { body }),
      ).body;
      const answer = await fetch(`${target.api}/v1/token`, {
        method: "POST",
        headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` },
        body: new URLSearchParams({ grant_type: "client_credentials" }),
      });
      const { access_token: token } = await bodyAt(answer, 200);
      const machine = apiClient(target.api, String(token));
      expecting(200, await machine.call("GET", `${workspace}/nodes`));
      expecting(403, await machine.call("GET", `${workspace}/node-groups`));
      expecting(204, await client.call("DELETE", `${path}/${id}`));
      expecting(401, await machine.call("GET", `${workspace}/nodes`));
    },
  },
  {
    name: "idempotency-key",
    needs: ["workspace"],
    run: async ({ client, run, workspace }) => {
      const asked = { body: { name: "once" }, headers: { "idempotency-key": `smoke-${run}` } };
      const answers = [];
      for (let times = 0; times < 2; times += 1) {
        answers.push(expecting(202, await client.call<{ id: string }>("POST", `${workspace}/node-groups`, asked)));
      }
      const [first, second] = answers.map(({ body }) => body.id);
      expectThat(first === second, `the repeat is another intent: ${first}, ${second}`);
      const intent = await client.ended(String(first));
      expectThat(intent.status === "succeeded", `the intent fails: ${JSON.stringify(intent.problem)}`);
    },
  },
  {
    name: "node-group",
    needs: ["workspace"],
    run: async ({ done, workspace }) => {
      await done("POST", `${workspace}/node-groups`, { name: "gateways" });
    },
  },
  {
    name: "node",
    needs: ["node-group"],
    run: async ({ done, workspace }) => {
      await done("POST", `${workspace}/nodes`, { name: "gateway-1", groups: ["gateways"] });
    },
  },
  {
    name: "component-upload",
    needs: ["workspace"],
    run: async (context) => {
      const { client, component, workspace } = context;
      expecting(201, await client.call("POST", `${workspace}/components`, { body: { name: component } }));
      const versions = versionPath(context);
      const draft = { version: "1.0.0", recipe: { run: "sh {artifacts:path}/run.sh" } };
      expecting(201, await client.call("POST", versions, { body: draft }));
      const answer = await client.call<{ upload: Upload }>("POST", `${versions}/1.0.0/files`, { body: FILE });
      const { upload } = expecting(201, answer).body;
      const other = await send(upload, new TextEncoder().encode("echo HELLO\n"));
      expectThat(other >= 400 && other < 500, `other bytes than declared are answered ${other}`);
      const status = await send(upload, SCRIPT);
      expectThat(status === 200, `the upload is answered ${status}`);
    },
  },
  {
    name: "upload-from-browser",
    needs: ["component-upload"],
    run: async (context) => {
      const { origin } = context.target;
      if (origin === undefined) throw new Skip("SLIPWAY_ORIGIN is not set: an origin of the setting uploads.origins");
      const path = `${versionPath(context)}/1.0.0/files`;
      // One of its own: what is there already has no URL to send it to.
      const other = { ...FILE, path: "dist/from-a-browser" };
      const { body } = expecting(201, await context.client.call<{ upload: Upload }>("POST", path, { body: other }));
      const answer = await fetch(body.upload.url, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "PUT",
          "access-control-request-headers": "x-amz-checksum-sha256",
        },
      });
      const text = await answer.text();
      expecting(204, await context.client.call("DELETE", `${path}/${other.path}`));
      expectThat(answer.status === 200, `the preflight is answered ${answer.status}: ${text}`);
    },
  },
  {
    name: "component-publish",
    needs: ["component-upload"],
    run: async (context) => {
      await context.done("POST", `${versionPath(context)}/1.0.0/publish`);
      const { body } = expecting(200, await context.client.call("GET", `${versionPath(context)}/1.0.0`));
      expectThat(body.status === "published" && typeof body.arn === "string", `the version is ${JSON.stringify(body)}`);
    },
  },
  {
    name: "deployment",
    needs: ["node", "component-publish"],
    run: async ({ client, component, done, workspace }) => {
      const path = `${workspace}/node-groups/gateways/deployment`;
      await done("PATCH", path, { components: { [component]: { version: "^1.0.0" } } });
      const { body } = expecting(200, await client.call<{ components: object }>("GET", path));
      expectThat(component in body.components, `the deployment is ${JSON.stringify(body)}`);
    },
  },
  {
    name: "intents",
    needs: ["deployment"],
    run: async ({ client, workspace }) => {
      const { body } = expecting(
        200,
        await client.call<{ items: { kind: string; status: string }[] }>("GET", `${workspace}/intents`),
      );
      const open = body.items.filter(({ status }) => status !== "succeeded");
      expectThat(body.items.length >= 5 && open.length === 0, `not all have succeeded: ${JSON.stringify(open)}`);
    },
  },
];
