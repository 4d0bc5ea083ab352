import { type Context, type Handler, requireBucket, xmlResponse } from "./context.ts";
import { S3Error } from "./errors.ts";
import { readText } from "./payload.ts";
import { parseXml, render, textOf } from "./xml.ts";

const MAX_POLICY = 20 * 1024;

interface Statement {
  readonly Effect?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
  readonly [element: string]: unknown;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const malformed = (message: string): S3Error => S3Error.of("MalformedPolicy", message);

/** An element of a statement or its `Not…` form, not both. */
const expectOne = (statement: Statement, name: string): void => {
  const [plain, not] = [statement[name], statement[`Not${name}`]];
  if (plain === undefined && not === undefined) throw malformed(`Missing required field ${name}`);
  if (plain !== undefined && not !== undefined) throw malformed(`Policy has both ${name} and Not${name}`);
};

const expectStatement = (statement: unknown, bucket: string): Statement => {
  if (!isObject(statement)) throw malformed("Policy has an invalid statement");
  if (statement.Effect !== "Allow" && statement.Effect !== "Deny") throw malformed("Invalid effect");
  for (const name of ["Principal", "Action", "Resource"]) expectOne(statement, name);
  const arn = `arn:aws:s3:::${bucket}`;
  for (const resource of listOf(statement.Resource ?? statement.NotResource)) {
    const inside = typeof resource === "string" && (resource === arn || resource.startsWith(`${arn}/`));
    if (!inside) throw malformed("Policy has invalid resource");
  }
  for (const action of listOf(statement.Action ?? statement.NotAction)) {
    if (typeof action !== "string" || !/^(\*|s3:.+)$/i.test(action)) throw malformed("Policy has invalid action");
  }
  return statement;
};

/** The statements of a policy's text. @throws S3Error MalformedPolicy */
const statementsOf = (text: string, bucket: string): Statement[] => {
  const noJson = "Policies must be valid JSON and the first byte must be '{'";
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch (cause) {
    throw Object.assign(malformed(noJson), { cause });
  }
  if (!isObject(policy) || !text.startsWith("{")) throw malformed(noJson);
  if (!("Statement" in policy)) throw malformed("Missing required field Statement");
  if ("Version" in policy && !["2008-10-17", "2012-10-17"].includes(String(policy.Version))) {
    throw malformed("The policy must contain a valid version string");
  }
  const statements = listOf(policy.Statement);
  if (statements.length === 0) throw malformed("Could not parse the policy: Statement is empty!");
  return statements.map((statement) => expectStatement(statement, bucket));
};

/** What makes a statement for everyone one for few, if its values are fixed. */
const NARROWING =
  /^(aws:(sourcearn|sourcevpc|sourcevpce|sourceaccount|sourceowner|sourceip|sourceorgid|sourceorgpaths|principalorgid|principalorgpaths|userid)|s3:(x-amz-server-side-encryption-aws-kms-key-id|dataaccesspointarn|dataaccesspointaccount))$/i;

const isNarrowed = (condition: unknown): boolean =>
  isObject(condition) &&
  Object.values(condition).some(
    (keys) =>
      isObject(keys) &&
      Object.entries(keys).some(
        ([key, values]) =>
          NARROWING.test(key) && listOf(values).every((value) => !/[*?]|\$\{|^(0\.0\.0\.0|::)\/0$/.test(String(value))),
      ),
  );

/** Whether a policy lets everyone in, as far as Amazon S3's rules for that look at principals and conditions. */
const isPublic = (statements: readonly Statement[]): boolean =>
  statements.some(({ Effect, Principal, NotPrincipal, Condition }) => {
    const everyone = Principal === "*" || (isObject(Principal) && listOf(Principal.AWS).includes("*"));
    return Effect === "Allow" && (everyone || NotPrincipal !== undefined) && !isNarrowed(Condition);
  });

const blocks = ({ store }: Context, bucket: string): boolean => {
  const document = store.setting(bucket, "publicAccessBlock");
  return document !== undefined && textOf(parseXml(document), "BlockPublicPolicy")?.toLowerCase() === "true";
};

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
 * @throws S3Error NoSuchBucket, MalformedPolicy, PolicyTooLarge; AccessDenied for a public policy while these are blocked
 */
export const putBucketPolicy: Handler = async (context, request) => {
  const { bucket } = request;
  requireBucket(context, bucket);
  const text = await readText(request);
  if (Buffer.byteLength(text) > MAX_POLICY) throw S3Error.of("PolicyTooLarge");
  const statements = statementsOf(text, bucket);
  context.store.transaction(() => {
    requireBucket(context, bucket);
    if (isPublic(statements) && blocks(context, bucket)) {
      throw S3Error.of(
        "AccessDenied",
        `public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access`,
      );
    }
    context.store.putSetting(bucket, "policy", text);
  });
  return { status: 204 };
};

const requirePolicy = (context: Context, bucket: string): string => {
  requireBucket(context, bucket);
  const policy = context.store.setting(bucket, "policy");
  if (policy === undefined) throw S3Error.of("NoSuchBucketPolicy", undefined, { BucketName: bucket });
  return policy;
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html @throws S3Error NoSuchBucket, NoSuchBucketPolicy */
export const getBucketPolicy: Handler = (context, { bucket }) => ({
  status: 200,
  headers: { "content-type": "application/json" },
  body: requirePolicy(context, bucket),
});

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicyStatus.html and, for what counts as public,
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
 * @throws S3Error NoSuchBucket, NoSuchBucketPolicy
 */
export const getBucketPolicyStatus: Handler = (context, { bucket }) => {
  const statements = statementsOf(requirePolicy(context, bucket), bucket);
  return xmlResponse(render("PolicyStatus", { IsPublic: isPublic(statements) ? "TRUE" : "FALSE" }));
};

/** https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html @throws S3Error NoSuchBucket */
export const deleteBucketPolicy: Handler = (context, { bucket }) => {
  requireBucket(context, bucket);
  context.store.removeSetting(bucket, "policy");
  return { status: 204 };
};
