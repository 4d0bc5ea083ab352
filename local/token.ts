import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, TransactWriteCommand } from "@aws-sdk/lib-dynamodb";
import { isId } from "../shared/ids.ts";
import { keys } from "../shared/keys.ts";
import { isRole, ROLES } from "../shared/workspace/access.ts";
import { type Endpoints, readEndpoints } from "./endpoints.ts";
import { clientSecretOf, fetchToken } from "./issuer.ts";

const USAGE = `Usage: npm run -s token -- [--subject S] [--workspace W --role R] [--data DIR]
Prints a bearer token for S (default "developer"). With a workspace (id or name), makes S a member of it with role
${ROLES.join(", ")}.`;

/** Makes a subject a member of a workspace, as who runs the account may do past the API. */
const join = async (endpoints: Endpoints, subject: string, workspace: string, role: string): Promise<void> => {
  if (!isRole(role)) throw new Error(`--role must be one of ${ROLES.join(", ")}, not ${role}`);
  const { accessKeyId, secretAccessKey } = endpoints;
  const client = DynamoDBDocumentClient.from(
    new DynamoDBClient({
      region: endpoints.region,
      endpoint: endpoints.dynamodb,
      credentials: { accessKeyId, secretAccessKey },
    }),
  );
  const TableName = `${endpoints.stage}-control`;
  const id = isId(workspace, "workspace")
    ? workspace
    : String((await client.send(new GetCommand({ TableName, Key: keys.workspaceName(workspace) }))).Item?.id ?? "");
  const { Item } = await client.send(new GetCommand({ TableName, Key: keys.workspace(id || "none") }));
  if (Item === undefined) throw new Error(`there is no workspace ${workspace}`);
  const membership = { type: "membership", workspaceId: id, subject, role, createdAt: new Date().toISOString() };
  await client.send(
    new TransactWriteCommand({
      TransactItems: [
        { Put: { TableName, Item: { ...keys.membership(subject, id), ...membership } } },
        { Put: { TableName, Item: { ...keys.member(id, subject), ...membership } } },
      ],
    }),
  );
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      subject: { type: "string", default: "developer" },
      workspace: { type: "string" },
      role: { type: "string" },
      seconds: { type: "string" },
      data: { type: "string", default: process.env.SLIPWAY_DATA ?? ".slipway" },
    },
  });
  const dir = resolve(values.data);
  const endpoints = readEndpoints(dir);
  if ((values.workspace === undefined) !== (values.role === undefined)) {
    throw new Error("--workspace and --role go together");
  }
  if (values.workspace !== undefined && values.role !== undefined) {
    await join(endpoints, values.subject, values.workspace, values.role);
  }
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  process.stdout.write(`${await fetchToken(endpoints.issuer, clientSecretOf(dir), values.subject, seconds)}\n`);
};

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
  process.exit(1);
});
