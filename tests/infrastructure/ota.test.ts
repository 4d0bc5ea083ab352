import { createContext, runInContext } from "node:vm";
import { beforeAll, describe, expect, test } from "vitest";
import { behaviours, edgeFunctions, METHODS, publicKeys } from "../../shared/declared/distribution.ts";
import { stageNames } from "../../shared/names.ts";
import { noSuchPath, objectRequest, objectResponse, viewerRequest, viewerResponse } from "../../shared/ota/edge.ts";
import { edgeCode } from "../../stacks/edge.ts";
import { type Policy, resourcePolicies } from "./policies.ts";
import { at, type Inputs, ofType, only, type Resource, STAGES, type Synthesis, synthesiseAll, text } from "./stages.ts";
import { ACCOUNT, REGION } from "./synthesise.ts";

const edge = { viewerRequest, viewerResponse, objectRequest, objectResponse, noSuchPath };
const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const DISTRIBUTION = `arn:aws:cloudfront::${ACCOUNT}:distribution/ota-id`;
/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html, "Function size" */
const MAX_EDGE_CODE = 10 * 1_024;

let all: Synthesis[];
beforeAll(async () => {
  all = await synthesiseAll();
});

describe.each(STAGES)("the OTA distribution of stage %s", (stage) => {
  const names = stageNames({ stage, accountId: ACCOUNT });
  let it: Synthesis;
  let distribution: Resource;
  beforeAll(() => {
    const found = all.find((synthesis) => synthesis.stage === stage);
    if (found === undefined) throw new Error(`${stage} was not evaluated`);
    it = found;
    distribution = only(ofType(it, "cloudfront/distribution:Distribution"));
  });
  const inputsOf = (type: string, name: string): Inputs =>
    only(ofType(it, type).filter((resource) => resource.name === name)).inputs;
  const list = (path: string) => at(distribution.inputs, path) as Inputs[];
  const origin = (id: string): Inputs => {
    const found = list("origins").filter(({ originId }) => originId === id);
    expect(found.length).toBe(1);
    return found[0] as Inputs;
  };
  const associated = ({ functionAssociations }: Inputs) =>
    (functionAssociations as Inputs[]).map(({ eventType, functionArn }) => [
      eventType,
      String(functionArn).replace(/^.*\//, ""),
    ]);

  test("has every declared behaviour once, in order, with its own cache key and times", () => {
    expect(list("orderedCacheBehaviors").map(({ pathPattern }) => pathPattern)).toEqual(
      behaviours.map(({ pathPattern }) => pathPattern),
    );
    for (const declared of behaviours) {
      const made = list("orderedCacheBehaviors").find(({ pathPattern }) => pathPattern === declared.pathPattern);
      expect(made).toMatchObject({
        targetOriginId: declared.origin,
        allowedMethods: METHODS,
        cachedMethods: ["GET", "HEAD"],
        viewerProtocolPolicy: "https-only",
        compress: false,
        responseHeadersPolicyId: "ota-id",
      });
      const policy = inputsOf("cloudfront/cachePolicy:CachePolicy", String(made?.cachePolicyId).replace(/-id$/, ""));
      expect(policy).toMatchObject({
        minTtl: declared.minTtl,
        defaultTtl: declared.defaultTtl,
        maxTtl: declared.maxTtl,
      });
      const { headers, queryStrings } = declared.cacheKey;
      expect(policy.parametersInCacheKeyAndForwardedToOrigin).toEqual({
        cookiesConfig: { cookieBehavior: "none" },
        headersConfig:
          headers.length === 0
            ? { headerBehavior: "none" }
            : { headerBehavior: "whitelist", headers: { items: headers } },
        queryStringsConfig: { queryStringBehavior: queryStrings },
        enableAcceptEncodingBrotli: false,
        enableAcceptEncodingGzip: false,
      });
      const [before, after] = edgeFunctions[declared.edge];
      expect(associated(made as Inputs)).toEqual([
        ["viewer-request", `${stage}-slipway-${kebab(before)}`],
        ["viewer-response", `${stage}-slipway-${kebab(after)}`],
      ]);
    }
  });

  test("answers everything else at the edge, over HTTPS", () => {
    const made = distribution.inputs.defaultCacheBehavior as Inputs;
    expect(associated(made)).toEqual([["viewer-request", `${stage}-slipway-no-such-path`]]);
    expect(made.viewerProtocolPolicy).toBe("https-only");
    expect(made.allowedMethods).toEqual(METHODS);
  });

  test("signs what it asks of the package function, which is called by it alone", () => {
    const { domainName, originAccessControlId, customOriginConfig } = origin("packages");
    const control = String(originAccessControlId).replace(/-id$/, "");
    expect(inputsOf("cloudfront/originAccessControl:OriginAccessControl", control)).toMatchObject({
      originAccessControlOriginType: "lambda",
      signingBehavior: "always",
      signingProtocol: "sigv4",
    });
    const url = only(ofType(it, "lambda/functionUrl:FunctionUrl"));
    expect(url.inputs).toMatchObject({
      functionName: names.function("ota-package"),
      authorizationType: "AWS_IAM",
      invokeMode: "RESPONSE_STREAM",
    });
    expect(domainName).toBe(`${url.name}-id.lambda-url.${REGION}.on.aws`);
    expect(customOriginConfig).toMatchObject({ originProtocolPolicy: "https-only", originSslProtocols: ["TLSv1.2"] });

    const callers = ofType(it, "lambda/permission:Permission").filter(
      ({ inputs }) => inputs.function === names.function("ota-package"),
    );
    const both = callers.map(({ inputs: { statementId: _, ...inputs } }) => inputs);
    const from = {
      function: names.function("ota-package"),
      principal: "cloudfront.amazonaws.com",
      sourceArn: DISTRIBUTION,
    };
    expect(both.length).toBe(2);
    expect(both).toEqual(
      expect.arrayContaining([
        { ...from, action: "lambda:InvokeFunctionUrl", functionUrlAuthType: "AWS_IAM" },
        { ...from, action: "lambda:InvokeFunction", invokedViaFunctionUrl: true },
      ]),
    );
  });

  test("signs what it asks of the bucket, which lets it read releases, and nobody else anything", () => {
    const { domainName, originAccessControlId } = origin("binaries");
    expect(domainName).toBe(`${names.otaBucket}.s3.${REGION}.amazonaws.com`);
    const control = String(originAccessControlId).replace(/-id$/, "");
    expect(inputsOf("cloudfront/originAccessControl:OriginAccessControl", control)).toMatchObject({
      originAccessControlOriginType: "s3",
      signingBehavior: "always",
      signingProtocol: "sigv4",
    });
    const policy = resourcePolicies(it).find(({ of }) => of === "aws:s3/bucketPolicy:BucketPolicy ota") as Policy;
    const arn = `arn:aws:s3:::${names.otaBucket}`;
    const allowed = policy.statements.filter(({ Effect }) => Effect === "Allow");
    expect(allowed.map(({ Action, Resource }) => [...Action, ...Resource])).toEqual([
      ["s3:GetObject", ...publicKeys.map((keys) => `${arn}/${keys}`)],
      ["s3:ListBucket", arn],
    ]);
    for (const { Principal, Condition } of allowed) {
      expect(Principal).toEqual({ Service: "cloudfront.amazonaws.com" });
      expect(Condition).toEqual({ StringEquals: { "aws:SourceArn": DISTRIBUTION } });
    }
  });

  test("has a web ACL that turns away who asks too often, with the status that says so", () => {
    const acl = only(ofType(it, "wafv2/webAcl:WebAcl"));
    expect(acl.inputs).toMatchObject({ scope: "CLOUDFRONT", region: "us-east-1" });
    // https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html, Description
    expect(text(acl.inputs, "description")).toMatch(/^[\w+=:#@/\-,.][\w+=:#@/\-,.\s]+[\w+=:#@/\-,.]$/);
    expect(distribution.inputs.webAclId).toBe(
      `arn:aws:wafv2:us-east-1:${ACCOUNT}:global/webacl/${text(acl.inputs, "name")}/${acl.name}-id`,
    );
    const rate = (acl.inputs.rules as Inputs[]).find(({ name }) => name === "rate");
    expect(at(rate, "statement.rateBasedStatement")).toMatchObject({
      aggregateKeyType: "IP",
      limit: stage === "production" ? 10_000 : 2_000,
      evaluationWindowSec: 300,
    });
    const told = { responseCode: 429, responseHeaders: [{ name: "retry-after", value: "300" }] };
    const [body] = acl.inputs.customResponseBodies as Inputs[];
    expect(at(rate, "action.block.customResponse")).toEqual({ ...told, customResponseBodyKey: body?.key });
    expect(body?.contentType).toBe("APPLICATION_JSON");
    expect(JSON.parse(text(body as Inputs, "content"))).toMatchObject({ status: 429, code: "throttled" });
    const ranges = (acl.inputs.rules as Inputs[]).find(({ name }) => name === "rate-of-ranges");
    const isRange = at(ranges, "statement.rateBasedStatement.scopeDownStatement") as object;
    expect(isRange).toMatchObject({ sizeConstraintStatement: { fieldToMatch: { singleHeader: { name: "range" } } } });
    expect(at(rate, "statement.rateBasedStatement.scopeDownStatement")).toEqual({
      notStatement: { statements: [isRange] },
    });
    expect(at(ranges, "statement.rateBasedStatement.limit")).toBe(stage === "production" ? 200_000 : 40_000);
    const priorities = (acl.inputs.rules as Inputs[]).map(({ priority }) => priority);
    expect(new Set(priorities).size).toBe(priorities.length);
  });

  test("writes its access logs where they may be written", () => {
    const source = only(ofType(it, "cloudwatch/logDeliverySource:LogDeliverySource"));
    expect(source.inputs).toMatchObject({ logType: "ACCESS_LOGS", resourceArn: DISTRIBUTION, region: "us-east-1" });
    const destination = only(ofType(it, "cloudwatch/logDeliveryDestination:LogDeliveryDestination"));
    const logBucket = `arn:aws:s3:::slipway-${stage}-logs-${ACCOUNT}`;
    expect(at(destination.inputs, "deliveryDestinationConfiguration.destinationResourceArn")).toBe(logBucket);
    const delivery = only(ofType(it, "cloudwatch/logDelivery:LogDelivery"));
    expect(delivery.inputs).toMatchObject({ deliverySourceName: source.inputs.name, region: "us-east-1" });
    const policy = resourcePolicies(it).find(({ of }) => of === "aws:s3/bucketPolicy:BucketPolicy logs") as Policy;
    const written = policy.statements.find(({ Sid }) => Sid === "LogsOfDistributions");
    expect(written?.Resource).toEqual([`${logBucket}/AWSLogs/${ACCOUNT}/*`]);
    const sources = String(written?.Condition?.ArnLike?.["aws:SourceArn"]);
    const sourceArn = `arn:aws:logs:us-east-1:${ACCOUNT}:delivery-source:${source.inputs.name}`;
    expect(sources.endsWith("*") && sourceArn.startsWith(sources.slice(0, -1))).toBe(true);
  });

  test("speaks TLS 1.2 or newer under its own name, and says where that name must lead", () => {
    const { viewerCertificate, aliases } = distribution.inputs;
    if (stage === "production") {
      expect(aliases).toEqual(["ota.example.com"]);
      expect(viewerCertificate).toMatchObject({
        minimumProtocolVersion: "TLSv1.2_2021",
        sslSupportMethod: "sni-only",
        acmCertificateArn: expect.stringContaining(":acm:us-east-1:"),
      });
    } else expect(viewerCertificate).toEqual({ cloudfrontDefaultCertificate: true });
    expect(it.outputs.ota).toEqual({
      url: stage === "production" ? "https://ota.example.com" : "https://ota-id.cloudfront.net",
      dnsTarget: "ota-id.cloudfront.net",
    });
  });

  test("has a key that signs for the functions that sign alone, and under its own alias", () => {
    const { inputs, retained } = only(ofType(it, "kms/key:Key").filter(({ name }) => name === "signing-1"));
    expect(inputs).toMatchObject({ keyUsage: "SIGN_VERIFY", customerMasterKeySpec: "ECC_NIST_P256" });
    expect(retained).toBe(stage !== "dev");
    const alias = only(ofType(it, "kms/alias:Alias").filter(({ name }) => name === "signing-1"));
    expect(alias.inputs).toMatchObject({ name: `alias/${stage}-slipway-signing-1`, targetKeyId: "signing-1-key-id" });
    const { statements } = resourcePolicies(it).find(({ of }) => of === "aws:kms/key:Key signing-1") as Policy;
    const [signing, ...others] = statements.filter(({ Action }) => Action.includes("kms:Sign"));
    expect(others).toEqual([]);
    expect(signing?.Action).toEqual(["kms:GetPublicKey", "kms:Sign"]);
    expect(signing?.Condition).toEqual({
      ArnEquals: {
        "aws:PrincipalArn": ["sign-release", "refresh-snapshots", "renew-snapshots"].map(
          (name) => `arn:aws:iam::${ACCOUNT}:role/${stage}-${name}`,
        ),
      },
      StringEquals: { "kms:RequestAlias": `alias/${stage}-slipway-signing-1` },
    });
  });

  test("runs shared/ota/edge.ts at the edge, within its bounds", () => {
    const functions = ofType(it, "cloudfront/function:Function");
    expect(Object.fromEntries(functions.map(({ inputs }) => [inputs.name, inputs.code]))).toEqual(
      Object.fromEntries(
        (Object.keys(edge) as (keyof typeof edge)[]).map((name) => [`${stage}-slipway-${kebab(name)}`, edgeCode(name)]),
      ),
    );
    for (const { inputs } of functions) {
      expect(inputs).toMatchObject({ runtime: "cloudfront-js-2.0", publish: true });
      expect(Buffer.byteLength(text(inputs, "code"))).toBeLessThan(MAX_EDGE_CODE);
    }
  });
});

describe("what runs at the edge", () => {
  const hash = "A".repeat(64);
  const request = (over: object) => ({
    request: {
      method: "GET",
      uri: "/acme/package",
      querystring: { cpuArch: { value: "ARMv8" }, app: { value: "b", multiValue: [{ value: "b" }, { value: "A" }] } },
      headers: { host: { value: "ota.example.com" }, "if-none-match": { value: `W/"${hash}", "x"` } },
      ...over,
    },
  });
  const response = { statusCode: 200, headers: { "x-ota-not-modified": { value: "1" }, etag: { value: '"e"' } } };

  test.each<[name: keyof typeof edge, event: object]>([
    ["viewerRequest", request({})],
    ["viewerRequest", request({ headers: { "x-ota-have": { value: "forged" }, host: { value: "h" } } })],
    ["viewerRequest", request({ querystring: `a=${"b".repeat(5_000)}` })],
    ["viewerRequest", request({ querystring: { a: { value: "%00" } } })],
    ["viewerResponse", { ...request({}), response }],
    ["viewerResponse", { ...request({}), response: { statusCode: 200, headers: {} } }],
    ["viewerRequest", request({ method: "POST" })],
    ["viewerResponse", { ...request({}), response: { statusCode: 206, headers: { etag: { value: '"x"' } } } }],
    ["objectRequest", request({})],
    ["objectRequest", request({ method: "DELETE" })],
    [
      "objectResponse",
      {
        ...request({}),
        response: { statusCode: 200, headers: { "x-amz-meta-repr-digest": { value: "sha-256=:x:" } } },
      },
    ],
    ["noSuchPath", request({})],
  ])("is %s of shared/ota/edge.ts, by what it does to %j", (name, event) => {
    const context = createContext({ encodeURIComponent, decodeURIComponent, URIError });
    runInContext(edgeCode(name), context);
    const answer = runInContext(`JSON.stringify(handler(${JSON.stringify(event)}))`, context);
    const expected = (edge[name] as (event: unknown) => unknown)(structuredClone(event));
    expect(JSON.parse(answer)).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  test.each(Object.keys(edge) as (keyof typeof edge)[])("%s needs no modules", (name) => {
    expect(edgeCode(name)).not.toMatch(/\b(import|export|require)\b/);
  });
});
