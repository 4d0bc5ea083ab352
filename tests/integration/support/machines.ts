import { type ApiClient, apiClient } from "../../../local/api-client.ts";
import { expecting, type TestCloud } from "./cloud.ts";

export interface Machine {
  readonly id: string;
  readonly secret: string;
  /** Of the API, with an access token of the credential. */
  readonly client: ApiClient;
}

/** What the token endpoint answers to a form. @param headers a Basic authentication, or nothing */
export const tokenFrom = async (
  { endpoints }: Pick<TestCloud, "endpoints">,
  form: Record<string, string> | string,
  headers: Record<string, string> = {},
) => {
  const answer = await fetch(`${endpoints.api}/v1/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(form).toString(),
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
};

/** A machine credential of a workspace, and a client with an access token of it. */
export const machineOf = async (
  owner: ApiClient,
  cloud: Pick<TestCloud, "endpoints">,
  workspace: string,
  of: { readonly role: string; readonly scopes?: readonly string[]; readonly expiresInSeconds?: number },
): Promise<Machine> => {
  const path = `/v1/workspaces/${workspace}/credentials`;
  const { body } = await expecting(
    201,
    owner.call<{ id: string; secret: string }>("POST", path, { body: { name: "machine", ...of } }),
  );
  const { id, secret } = body;
  const token = await tokenFrom(cloud, {
    grant_type: "client_credentials",
    client_id: id,
    client_secret: secret,
  });
  return { id, secret, client: apiClient(cloud.endpoints.api, String(token.body.access_token)) };
};
