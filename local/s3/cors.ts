import type { Context, Handler } from "./context.ts";
import { S3Error } from "./errors.ts";
import type { S3Request } from "./request.ts";
import { childrenOf, type Element, parseXml, textOf } from "./xml.ts";

const VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method";

const textsOf = (rule: Element, name: string): string[] => childrenOf(rule, name).map(({ text }) => text);

const matches = (pattern: string, value: string): boolean => {
  const [start = "", end] = pattern.split("*");
  if (end === undefined) return pattern === value;
  return value.length >= start.length + end.length && value.startsWith(start) && value.endsWith(end);
};

const rulesOf = ({ store }: Context, bucket: string): Element[] => {
  const document = store.setting(bucket, "cors");
  return document === undefined ? [] : childrenOf(parseXml(document), "CORSRule");
};

/** The first rule that allows all of it: S3 does not combine rules. */
const findRule = (rules: readonly Element[], origin: string, method: string, headers: readonly string[]) =>
  rules.find(
    (rule) =>
      textsOf(rule, "AllowedOrigin").some((pattern) => matches(pattern, origin)) &&
      textsOf(rule, "AllowedMethod").includes(method) &&
      headers.every((header) =>
        textsOf(rule, "AllowedHeader").some((pattern) => matches(pattern.toLowerCase(), header)),
      ),
  );

const headersFor = (rule: Element, origin: string): Record<string, string> => {
  const everyone = textsOf(rule, "AllowedOrigin").includes("*");
  const exposed = textsOf(rule, "ExposeHeader");
  const maxAge = textOf(rule, "MaxAgeSeconds");
  return {
    "access-control-allow-origin": everyone ? "*" : origin,
    "access-control-allow-methods": textsOf(rule, "AllowedMethod").join(", "),
    ...(exposed.length > 0 ? { "access-control-expose-headers": exposed.join(", ") } : {}),
    ...(maxAge === undefined ? {} : { "access-control-max-age": maxAge }),
    ...(everyone ? {} : { "access-control-allow-credentials": "true" }),
    vary: VARY,
  };
};

/**
 * The headers that a browser needs on the answer of a request with an `Origin`, errors too; none when no rule allows it.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
 */
export const corsHeaders = (context: Context, { bucket, method, headers }: S3Request): Record<string, string> => {
  const origin = headers.get("origin");
  if (origin === undefined) return {};
  const rule = findRule(rulesOf(context, bucket), origin, method, []);
  return rule === undefined ? {} : headersFor(rule, origin);
};

/**
 * Answers a browser's preflight; it carries no signature.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
 * @throws S3Error BadRequest without an origin or a method, AccessForbidden when no rule allows the request
 */
export const preflight: Handler = (context, { bucket, headers }) => {
  const origin = headers.get("origin");
  const method = headers.get("access-control-request-method");
  if (origin === undefined) {
    throw S3Error.of("BadRequest", "Insufficient information. Origin request header needed.");
  }
  if (method === undefined) throw S3Error.of("BadRequest", "Invalid Access-Control-Request-Method: null");
  const rules = rulesOf(context, bucket);
  if (rules.length === 0) {
    throw S3Error.of("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.");
  }
  const wanted = (headers.get("access-control-request-headers") ?? "")
    .split(",")
    .map((header) => header.trim().toLowerCase())
    .filter((header) => header !== "");
  const rule = findRule(rules, origin, method, wanted);
  if (rule === undefined) {
    throw S3Error.of(
      "AccessForbidden",
      "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
      { Method: method, ResourceType: "OBJECT" },
    );
  }
  return {
    status: 200,
    headers: {
      ...headersFor(rule, origin),
      ...(wanted.length > 0 ? { "access-control-allow-headers": wanted.join(", ") } : {}),
    },
  };
};
