/// <reference path="../.sst/platform/config.d.ts" />
import { functions as declaredFunctions } from "../functions/declared.ts";
import { functionRoles } from "../functions/roles.ts";
import {
  type BehaviourDeclaration,
  BUDGET,
  behaviours,
  edgeFunctions,
  METHODS,
  OVER_BUDGET,
  publicKeys,
} from "../shared/declared/distribution.ts";
import { type EdgeFunction, edgeCode } from "./edge.ts";
import { keyAdministration } from "./encryption.ts";
import { type Functions, functionNamed } from "./functions.ts";
import { type Stage, signingKeysOf } from "./stage.ts";
import { bucketPolicy, type Storage } from "./storage.ts";

/** What CloudFront has of its own is in this region, whatever the stage's. */
export const EDGE_REGION = "us-east-1";

type OriginName = BehaviourDeclaration["origin"];

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The name of what the distribution has, as the account has it once. */
export const edgeName = ({ place: { stage } }: Stage, what: string): string => `${stage}-slipway-${what}`;

const edgeFunction = (stage: Stage, name: EdgeFunction): aws.cloudfront.Function =>
  new aws.cloudfront.Function(kebab(name), {
    name: edgeName(stage, kebab(name)),
    comment: `${name} of shared/ota/edge.ts`,
    runtime: "cloudfront-js-2.0",
    code: edgeCode(name),
    publish: true,
  });

/** The cache key and the TTLs of a declared behaviour. What is in the key goes to the origin, and nothing else does. */
const cachePolicy = (stage: Stage, { cache, ...declared }: BehaviourDeclaration): aws.cloudfront.CachePolicy => {
  const { queryStrings, headers } = declared.cacheKey;
  return new aws.cloudfront.CachePolicy(cache, {
    name: edgeName(stage, cache),
    comment: `${cache} of shared/declared/distribution.ts`,
    minTtl: declared.minTtl,
    defaultTtl: declared.defaultTtl,
    maxTtl: declared.maxTtl,
    parametersInCacheKeyAndForwardedToOrigin: {
      cookiesConfig: { cookieBehavior: "none" },
      headersConfig:
        headers.length === 0
          ? { headerBehavior: "none" }
          : { headerBehavior: "whitelist", headers: { items: [...headers] } },
      queryStringsConfig: { queryStringBehavior: queryStrings },
      // Archives and binaries are compressed as they are, and their ETags are of the bytes as stored.
      enableAcceptEncodingBrotli: false,
      enableAcceptEncodingGzip: false,
    },
  });
};

/**
 * What browsers are to make of answers: nothing. Binaries are the customers' own and of any type, under one name with
 * those of others.
 */
const responseHeaders = (stage: Stage): aws.cloudfront.ResponseHeadersPolicy =>
  new aws.cloudfront.ResponseHeadersPolicy("ota", {
    name: edgeName(stage, "ota"),
    securityHeadersConfig: {
      strictTransportSecurity: { accessControlMaxAgeSec: 31_536_000, override: true },
      contentTypeOptions: { override: true },
      contentSecurityPolicy: { contentSecurityPolicy: "default-src 'none'; sandbox", override: true },
    },
    removeHeadersConfig: {
      items: ["x-amz-server-side-encryption", "x-amz-version-id"].map((header) => ({ header })),
    },
  });

const visible = (metricName: string) => ({ metricName, cloudwatchMetricsEnabled: true, sampledRequestsEnabled: true });

/** A field that is absent has no size, and so none above 0. */
const ASKS_FOR_A_RANGE = {
  sizeConstraintStatement: {
    fieldToMatch: { singleHeader: { name: "range" } },
    comparisonOperator: "GT",
    size: 0,
    textTransformations: [{ priority: 0, type: "NONE" }],
  },
};

/**
 * Addresses of ill repute get nothing, and one address gets so much in five minutes and then 429. Requests for ranges are
 * counted on their own. For the distribution it
 * must be in us-east-1. https://docs.aws.amazon.com/waf/latest/developerguide/how-aws-waf-works-resources.html
 */
const webAcl = (stage: Stage): aws.wafv2.WebAcl => {
  const name = edgeName(stage, "ota");
  const { requestsPerFiveMinutes } = stage.settings.ota;
  const rate = (rule: string, priority: number, limit: number, scopeDownStatement: object) => ({
    name: rule,
    priority,
    action: {
      block: {
        customResponse: {
          responseCode: OVER_BUDGET.status,
          responseHeaders: [{ name: "retry-after", value: OVER_BUDGET.retryAfter }],
          customResponseBodyKey: "over-budget",
        },
      },
    },
    statement: {
      rateBasedStatement: {
        aggregateKeyType: "IP",
        evaluationWindowSec: BUDGET.windowSeconds,
        limit: Math.min(limit, 2_000_000_000), // WAF takes no more
        scopeDownStatement,
      },
    },
    visibilityConfig: visible(`${name}-${rule}`),
  });
  return new aws.wafv2.WebAcl("ota", {
    name,
    // Of punctuation, WAF takes no apostrophe here.
    description: `OTA of the Slipway stage ${stage.place.stage}`,
    scope: "CLOUDFRONT",
    region: EDGE_REGION,
    defaultAction: { allow: {} },
    customResponseBodies: [{ key: "over-budget", contentType: "APPLICATION_JSON", content: OVER_BUDGET.body }],
    rules: [
      {
        name: "reputation",
        priority: 0,
        overrideAction: { none: {} },
        statement: {
          managedRuleGroupStatement: { vendorName: "AWS", name: "AWSManagedRulesAmazonIpReputationList" },
        },
        visibilityConfig: visible(`${name}-reputation`),
      },
      rate("rate", 1, requestsPerFiveMinutes, { notStatement: { statements: [ASKS_FOR_A_RANGE] } }),
      rate("rate-of-ranges", 2, requestsPerFiveMinutes * BUDGET.rangesForOne, ASKS_FOR_A_RANGE),
    ],
    visibilityConfig: visible(name),
  });
};

const accessControl = (stage: Stage, origin: OriginName, type: "lambda" | "s3"): aws.cloudfront.OriginAccessControl =>
  new aws.cloudfront.OriginAccessControl(origin, {
    name: edgeName(stage, origin),
    originAccessControlOriginType: type,
    signingBehavior: "always",
    signingProtocol: "sigv4",
  });

/** CloudFront waits a minute for the first byte, its longest without a raised quota, and then as long as bytes come. */
const packagesOrigin = (stage: Stage, packages: aws.lambda.Function) => {
  const url = new aws.lambda.FunctionUrl("ota-package", {
    functionName: packages.name,
    authorizationType: "AWS_IAM",
    invokeMode: "RESPONSE_STREAM",
  });
  return {
    originId: "packages",
    domainName: url.functionUrl.apply((text) => new URL(text).host),
    originAccessControlId: accessControl(stage, "packages", "lambda").id,
    customOriginConfig: {
      httpPort: 80,
      httpsPort: 443,
      originProtocolPolicy: "https-only",
      originSslProtocols: ["TLSv1.2"],
      originReadTimeout: 60,
    },
  };
};

const binariesOrigin = (stage: Stage, bucket: aws.s3.Bucket) => ({
  originId: "binaries",
  domainName: bucket.bucketRegionalDomainName,
  originAccessControlId: accessControl(stage, "binaries", "s3").id,
});

/**
 * Lets this distribution, and no other, call the function and read what is public in the bucket. A function URL asks for
 * both permissions to call: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html. Whoever may list a bucket is told
 * of an absent object with 404 rather than 403; the distribution passes no request on that would list.
 */
const letIn = (
  { arn: sourceArn }: aws.cloudfront.Distribution,
  packages: aws.lambda.Function,
  bucket: aws.s3.Bucket,
): void => {
  const principal = "cloudfront.amazonaws.com";
  const shared = { function: packages.name, principal, sourceArn };
  new aws.lambda.Permission("ota-url", {
    ...shared,
    statementId: "distribution-url",
    action: "lambda:InvokeFunctionUrl",
    functionUrlAuthType: "AWS_IAM",
  });
  new aws.lambda.Permission("ota-function", {
    ...shared,
    statementId: "distribution",
    action: "lambda:InvokeFunction",
    invokedViaFunctionUrl: true,
  });
  bucketPolicy(
    "ota",
    bucket,
    $util.all([bucket.arn, sourceArn]).apply(([bucketArn, distribution]) =>
      [
        { Sid: "PublicObjects", Action: "s3:GetObject", Resource: publicKeys.map((keys) => `${bucketArn}/${keys}`) },
        { Sid: "AbsentObjects", Action: "s3:ListBucket", Resource: bucketArn },
      ].map((statement) => ({
        ...statement,
        Effect: "Allow",
        Principal: { Service: principal },
        Condition: { StringEquals: { "aws:SourceArn": distribution } },
      })),
    ),
  );
};

/**
 * Access logs into the stage's log bucket: version 2, since the older logs need a bucket with access lists.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
 * The bucket's policy comes first: to one that does not let deliveries in, AWS would add a statement of its own.
 */
const logAccess = (
  stage: Stage,
  distribution: aws.cloudfront.Distribution,
  { logBucket, logBucketPolicy }: Storage,
): void => {
  const common = { name: edgeName(stage, "ota"), region: EDGE_REGION };
  const source = new aws.cloudwatch.LogDeliverySource("ota", {
    ...common,
    logType: "ACCESS_LOGS",
    resourceArn: distribution.arn,
  });
  const destination = new aws.cloudwatch.LogDeliveryDestination("ota", {
    ...common,
    outputFormat: "json",
    deliveryDestinationConfiguration: { destinationResourceArn: logBucket.arn },
  });
  new aws.cloudwatch.LogDelivery(
    "ota",
    {
      region: EDGE_REGION,
      deliverySourceName: source.name,
      deliveryDestinationArn: destination.arn,
      s3DeliveryConfigurations: [{ enableHiveCompatiblePath: false, suffixPath: "{DistributionId}/{yyyy}/{MM}/{dd}" }],
    },
    { dependsOn: [logBucketPolicy] },
  );
};

/** The roles of the functions that sign. */
const signers = ({ place }: Stage): string[] => {
  const roles = functionRoles(place);
  return Object.entries(declaredFunctions).flatMap(([name, { permissions }]) => {
    const role = roles[name];
    if (role === undefined || !permissions.includes("signing:Sign")) return [];
    return [`arn:${place.partition}:iam::${place.accountId}:role/${role.name}`];
  });
};

/**
 * The keys with which releases and snapshots are signed, in software by nobody. Those who administer them may not sign, and
 * give the public half to whoever makes devices. Of the account's roles, those of the functions that sign may, where IAM lets
 * them as well: named in a condition rather than as principals, they need not be there before the key.
 */
const signingKeys = (stage: Stage): void => {
  for (const [index, alias] of signingKeysOf(stage).entries()) {
    const name = `signing-${index + 1}`;
    const key = new aws.kms.Key(
      name,
      {
        description: `Signatures of Slipway's stage ${stage.place.stage}, key ${index + 1}`,
        customerMasterKeySpec: "ECC_NIST_P256",
        keyUsage: "SIGN_VERIFY",
        deletionWindowInDays: 30,
        policy: JSON.stringify({
          Version: "2012-10-17",
          Statement: [
            keyAdministration(stage, ["kms:GetPublicKey"]),
            {
              Sid: "Signatures",
              Effect: "Allow",
              Principal: { AWS: `arn:${stage.place.partition}:iam::${stage.place.accountId}:root` },
              Action: ["kms:GetPublicKey", "kms:Sign"],
              Resource: "*",
              Condition: {
                ArnEquals: { "aws:PrincipalArn": signers(stage) },
                StringEquals: { "kms:RequestAlias": alias },
              },
            },
          ],
        }),
      },
      { retainOnDelete: stage.settings.retain },
    );
    new aws.kms.Alias(name, { name: alias, targetKeyId: key.keyId });
  }
};

export interface Ota {
  readonly url: $util.Output<string>;
  /** Where a CNAME from the distribution's own name leads, for whoever runs the zone. */
  readonly dnsTarget: $util.Output<string>;
  readonly distribution: aws.cloudfront.Distribution;
  readonly webAcl: aws.wafv2.WebAcl;
}

/**
 * What anonymous devices reach: the declared behaviours over the package function and the OTA bucket, and a 404 at the
 * edge for everything else. HTTPS alone: clients that follow no redirect would gain nothing from one.
 * With a name of its own the distribution speaks TLS 1.2 or newer; under CloudFront's own name AWS lets no one choose
 * (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html).
 */
export const ota = (
  stage: Stage,
  { functions, storage }: { readonly functions: Functions; readonly storage: Storage },
): Ota => {
  const { domain, priceClass } = stage.settings.ota;
  const packages = functionNamed(functions, "ota-package");
  const at = (eventType: string, called: aws.cloudfront.Function) => ({ eventType, functionArn: called.arn });
  const around = ([request, response]: readonly [EdgeFunction, EdgeFunction]) => [
    at("viewer-request", edgeFunction(stage, request)),
    at("viewer-response", edgeFunction(stage, response)),
  ];
  const associations = { packages: around(edgeFunctions.packages), objects: around(edgeFunctions.objects) };
  const firstOf = (cache: BehaviourDeclaration["cache"]): BehaviourDeclaration => {
    const found = behaviours.find((behaviour) => behaviour.cache === cache);
    if (found === undefined) throw new Error(`no behaviour is declared for ${cache}`);
    return found;
  };
  const policies = {
    packages: cachePolicy(stage, firstOf("packages")),
    snapshots: cachePolicy(stage, firstOf("snapshots")),
    binaries: cachePolicy(stage, firstOf("binaries")),
  };
  const common = {
    viewerProtocolPolicy: "https-only",
    responseHeadersPolicyId: responseHeaders(stage).id,
    compress: false,
    allowedMethods: [...METHODS],
    cachedMethods: ["GET", "HEAD"],
  };
  const acl = webAcl(stage);
  const distribution = new aws.cloudfront.Distribution("ota", {
    comment: `OTA of Slipway's stage ${stage.place.stage}`,
    enabled: true,
    httpVersion: "http2and3",
    isIpv6Enabled: true,
    priceClass,
    webAclId: acl.arn,
    origins: [packagesOrigin(stage, packages), binariesOrigin(stage, storage.otaBucket)],
    orderedCacheBehaviors: behaviours.map(({ pathPattern, origin, edge, cache }) => ({
      ...common,
      pathPattern,
      targetOriginId: origin,
      cachePolicyId: policies[cache].id,
      functionAssociations: associations[edge],
    })),
    defaultCacheBehavior: {
      ...common,
      targetOriginId: "binaries",
      cachePolicyId: policies.binaries.id,
      functionAssociations: [at("viewer-request", edgeFunction(stage, "noSuchPath"))],
    },
    restrictions: { geoRestriction: { restrictionType: "none" } },
    ...(domain === undefined
      ? { viewerCertificate: { cloudfrontDefaultCertificate: true } }
      : {
          aliases: [domain.name],
          viewerCertificate: {
            acmCertificateArn: domain.certificateArn,
            sslSupportMethod: "sni-only",
            minimumProtocolVersion: "TLSv1.2_2021",
          },
        }),
  });
  letIn(distribution, packages, storage.otaBucket);
  logAccess(stage, distribution, storage);
  signingKeys(stage);
  return {
    url: $util.interpolate`https://${domain?.name ?? distribution.domainName}`,
    dnsTarget: distribution.domainName,
    distribution,
    webAcl: acl,
  };
};
