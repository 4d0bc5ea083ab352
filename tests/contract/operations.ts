import * as dynamodb from "@aws-sdk/client-dynamodb";
import * as dynamodbStreams from "@aws-sdk/client-dynamodb-streams";
import * as eventbridge from "@aws-sdk/client-eventbridge";
import * as greengrassv2 from "@aws-sdk/client-greengrassv2";
import * as iot from "@aws-sdk/client-iot";
import * as s3 from "@aws-sdk/client-s3";
import * as sfn from "@aws-sdk/client-sfn";

/** An operation's name and the members that its input must have, in the client's order. */
export type Operations = Readonly<Record<string, readonly string[]>>;

const CLIENTS: Readonly<Record<string, object>> = {
  dynamodb,
  "dynamodb-streams": dynamodbStreams,
  eventbridge,
  greengrassv2,
  iot,
  s3,
  sfn,
};

/** First elements of the schema tuples that the client packages export. */
const OPERATION = 9;
const STRUCTURE = 3;

/** A structure's required members come first, and its tuple ends with their number if there are any. */
const requiredOf = (schema: unknown): string[] => {
  const resolved: unknown = typeof schema === "function" ? schema() : schema;
  if (!Array.isArray(resolved)) return [];
  if (resolved[0] !== STRUCTURE) throw new Error(`an input of another kind than a structure: ${String(resolved[2])}`);
  return (resolved[4] as string[]).slice(0, (resolved[6] as number | undefined) ?? 0);
};

const operationsOf = (client: object): Operations =>
  Object.fromEntries(
    Object.values(client)
      .filter((value): value is unknown[] => Array.isArray(value) && value[0] === OPERATION)
      .map((schema): [string, string[]] => [String(schema[2]), requiredOf(schema[4])])
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );

/** The operations of every client whose service has a stand-in, by the package's last name. */
export const sdkOperations = (): Readonly<Record<string, Operations>> =>
  Object.fromEntries(Object.entries(CLIENTS).map(([name, client]) => [name, operationsOf(client)]));
