import { beforeAll, describe, expect, test } from "vitest";
import { createRelease } from "../../shared/ota/release.ts";
import {
  faultsOf,
  identityPolicies,
  type Policy,
  resourcePolicies,
  type Statement,
  trustPolicies,
} from "./policies.ts";
import { at, ofType, only, type Resource, STAGES, type Synthesis, synthesiseAll, text } from "./stages.ts";
import { ACCOUNT, REGION } from "./synthesise.ts";
import { unscoped } from "./unscoped.ts";

let all: Synthesis[];
beforeAll(async () => {
  all = await synthesiseAll();
});

const FOURTEEN_DAYS = 14 * 86_400;
/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, inline policies of one role, characters */
const MAX_INLINE_POLICIES = 10_240;

describe.each(STAGES)("in stage %s", (stage) => {
  const place = { partition: "aws", region: REGION, accountId: ACCOUNT, stage };
  let it: Synthesis;
  beforeAll(() => {
    const found = all.find((synthesis) => synthesis.stage === stage);
    if (found === undefined) throw new Error(`${stage} was not evaluated`);
    it = found;
  });

  /** By resource, the faults that a check finds; a check that looks at nothing is a fault as well. */
  const faults = (resources: readonly Resource[], check: (resource: Resource) => unknown): string[] =>
    resources.length === 0
      ? ["there is none"]
      : resources.filter((resource) => !check(resource)).map(({ name }) => name);
  /** The policy of a bucket or a queue; an empty one if there is none. */
  const policyOf = (type: string, field: string, value: string): Policy => {
    const [found] = ofType(it, type).filter(({ inputs }) => inputs[field] === value);
    const policy = resourcePolicies(it).find(({ of }) => of === `aws:${type} ${found?.name}`);
    return policy ?? { of: value, statements: [] };
  };
  const refuses = (policy: Policy, operator: string, key: string, value: string): boolean =>
    policy.statements.some(
      ({ Effect, Principal, Action, Condition }) =>
        Effect === "Deny" && Principal === "*" && Action[0]?.endsWith(":*") && Condition?.[operator]?.[key] === value,
    );

  describe("what is stored", () => {
    test("in tables is encrypted, and can be restored", () => {
      expect(
        faults(ofType(it, "dynamodb/table:Table"), ({ inputs }) => {
          const days = at(inputs, "pointInTimeRecovery.recoveryPeriodInDays");
          return at(inputs, "serverSideEncryption.enabled") === true && Number(days) >= 1;
        }),
      ).toEqual([]);
    });

    test("in buckets is encrypted, closed to the public, and over TLS 1.2 alone", () => {
      const has = (type: string, bucket: unknown, check: (inputs: Resource["inputs"]) => unknown): boolean =>
        ofType(it, `s3/${type}`).some(({ inputs }) => inputs.bucket === bucket && check(inputs));
      expect(
        faults(ofType(it, "s3/bucket:Bucket"), ({ inputs: { bucket } }) => {
          const policy = policyOf("s3/bucketPolicy:BucketPolicy", "bucket", String(bucket));
          return (
            has(
              "bucketPublicAccessBlock:BucketPublicAccessBlock",
              bucket,
              (block) =>
                block.blockPublicAcls &&
                block.blockPublicPolicy &&
                block.ignorePublicAcls &&
                block.restrictPublicBuckets,
            ) &&
            has(
              "bucketOwnershipControls:BucketOwnershipControls",
              bucket,
              ({ rule }) => text(rule, "objectOwnership") === "BucketOwnerEnforced",
            ) &&
            has(
              "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
              bucket,
              ({ rules }) => JSON.stringify(rules).includes("sseAlgorithm"),
            ) &&
            refuses(policy, "Bool", "aws:SecureTransport", "false") &&
            refuses(policy, "NumericLessThan", "s3:TlsVersion", "1.2")
          );
        }),
      ).toEqual([]);
    });

    describe("in buckets", () => {
      interface Rule {
        readonly status: string;
        readonly filter: { readonly prefix: string };
        readonly abortIncompleteMultipartUpload?: { readonly daysAfterInitiation: number };
        readonly expiration?: { readonly days?: number };
        readonly noncurrentVersionExpiration?: { readonly noncurrentDays: number };
      }
      const rulesOf = (bucket: string): Rule[] => {
        const type = "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration";
        const { inputs } = only(ofType(it, type).filter((one) => one.inputs.bucket === bucket));
        return (inputs.rules as Rule[]).filter(({ status }) => status === "Enabled");
      };
      const everywhere = ({ filter }: Rule) => filter.prefix === "";

      test("an upload that was broken off goes", () => {
        expect(
          faults(ofType(it, "s3/bucket:Bucket"), ({ inputs }) =>
            rulesOf(String(inputs.bucket)).some(
              (rule) => everywhere(rule) && Number(rule.abortIncompleteMultipartUpload?.daysAfterInitiation) <= 7,
            ),
          ),
        ).toEqual([]);
      });

      test("access logs go", () => {
        const rules = rulesOf(`slipway-${stage}-logs-${ACCOUNT}`);
        expect(rules.filter((rule) => everywhere(rule) && Number(rule.expiration?.days) > 0).length).toBe(1);
      });

      test("binaries live as long as their release; what was overwritten, deleted or never published goes", () => {
        const rules = rulesOf(`slipway-${stage}-ota-${ACCOUNT}`);
        const old = rules.filter(({ noncurrentVersionExpiration }) => noncurrentVersionExpiration !== undefined);
        expect(
          old.map((rule) => [everywhere(rule), Number(rule.noncurrentVersionExpiration?.noncurrentDays) > 0]),
        ).toEqual([[true, true]]);
        const { release } = createRelease(
          { id: "ws_1", name: "uploads" } as never,
          { app: "os_armv8", environment: "prod", version: "1", size: 1, sha256: "0".repeat(64) } as never,
          "olga",
          { now: new Date(0), newId: () => "rel_1", randomText: () => "" },
        );
        const going = (key: string) =>
          rules.filter(({ filter, expiration }) => expiration?.days !== undefined && key.startsWith(filter.prefix))
            .length;
        expect({
          upload: going(release.uploadKey),
          binary: going(release.binaryKey),
          segment: going(release.segmentKey),
        }).toEqual({ upload: 1, binary: 0, segment: 0 });
      });
    });

    test("in a bucket of the product's own comes back for a while after it was deleted", () => {
      const bucket = `slipway-${stage}-ota-${ACCOUNT}`;
      const versioning = only(
        ofType(it, "s3/bucketVersioning:BucketVersioning").filter((one) => one.inputs.bucket === bucket),
      );
      expect(at(versioning.inputs, "versioningConfiguration.status")).toBe("Enabled");
      only(ofType(it, "s3/bucketLogging:BucketLogging").filter(({ inputs }) => inputs.bucket === bucket));
    });

    test("in queues is encrypted, kept for fourteen days, over TLS alone", () => {
      expect(
        faults(ofType(it, "sqs/queue:Queue"), ({ inputs }) => {
          const url = `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${inputs.name}`;
          const policy = policyOf("sqs/queuePolicy:QueuePolicy", "queueUrl", url);
          return (
            (inputs.sqsManagedSseEnabled === true || inputs.kmsMasterKeyId) &&
            inputs.messageRetentionSeconds === FOURTEEN_DAYS &&
            refuses(policy, "Bool", "aws:SecureTransport", "false")
          );
        }),
      ).toEqual([]);
    });

    test("in log groups is encrypted with a key that serves them, and goes some day", () => {
      const servedBy = (keyArn: string): string[] =>
        resourcePolicies(it)
          .filter(
            ({ of }) => `arn:aws:kms:${REGION}:${ACCOUNT}:key/${of.replace("aws:kms/key:Key ", "")}-key-id` === keyArn,
          )
          .flatMap(({ statements }) => statements)
          .filter(({ Principal }) => JSON.stringify(Principal) === `{"Service":"logs.${REGION}.amazonaws.com"}`)
          .flatMap(({ Condition }) => (Condition?.ArnLike?.["kms:EncryptionContext:aws:logs:arn"] ?? []) as string[])
          .map((pattern) => pattern.replace(/\*$/, ""));
      expect(
        faults(ofType(it, "cloudwatch/logGroup:LogGroup"), ({ inputs }) => {
          const arn = `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${inputs.name}`;
          const served = servedBy(String(inputs.kmsKeyId));
          return served.some((prefix) => arn.startsWith(prefix)) && Number(inputs.retentionInDays) > 0;
        }),
      ).toEqual([]);
    });

    test("in topics is encrypted with a key of the stage, and comes over TLS alone", () => {
      expect(
        faults(ofType(it, "sns/topic:Topic"), ({ name, inputs }) => {
          const policy = resourcePolicies(it).find(({ of }) => of === `aws:sns/topicPolicy:TopicPolicy ${name}`);
          const refusesPlain = policy?.statements.some(
            ({ Effect, Condition }) => Effect === "Deny" && Condition?.Bool?.["aws:SecureTransport"] === "false",
          );
          return /^arn:aws:kms:/.test(String(inputs.kmsMasterKeyId)) && refusesPlain;
        }),
      ).toEqual([]);
    });
  });

  describe("nothing is public:", () => {
    const opens = ({ Effect, Principal }: Statement): boolean =>
      Effect === "Allow" && /"\*"/.test(JSON.stringify(Principal ?? "*"));

    test("no policy of a resource lets everybody in", () => {
      const policies = resourcePolicies(it);
      expect(policies.length).toBeGreaterThan(0);
      expect(policies.filter(({ statements }) => statements.some(opens)).map(({ of }) => of)).toEqual([]);
    });

    test("no policy but a key's names an account", () => {
      const naming = resourcePolicies(it).filter(({ of, statements }) =>
        statements.some(
          ({ Effect, Principal }) =>
            Effect === "Allow" &&
            Object.keys(Principal as object).join() !== "Service" &&
            !of.startsWith("aws:kms/key:Key "),
        ),
      );
      expect(naming.map(({ of }) => of)).toEqual([]);
    });

    test("no function can be called but by a service, for one thing of this account", () => {
      expect(
        faults(ofType(it, "lambda/permission:Permission"), ({ inputs }) => {
          return /^\w+\.amazonaws\.com$/.test(text(inputs, "principal")) && text(inputs, "sourceArn").includes(ACCOUNT);
        }),
      ).toEqual([]);
    });

    test("no function's URL is open", () => {
      const open = ofType(it, "lambda/functionUrl:FunctionUrl").filter(
        ({ inputs }) => inputs.authorizationType !== "AWS_IAM",
      );
      expect(open.map(({ name }) => name)).toEqual([]);
    });
  });

  test("domains speak TLS 1.2 or newer", () => {
    for (const { inputs } of ofType(it, "apigatewayv2/domainName:DomainName")) {
      expect(at(inputs, "domainNameConfiguration.securityPolicy")).toBe("TLS_1_2");
    }
    for (const { inputs } of ofType(it, "cloudfront/distribution:Distribution")) {
      const { cloudfrontDefaultCertificate: default_, minimumProtocolVersion } = inputs.viewerCertificate as never;
      if (default_ !== true) expect(minimumProtocolVersion).toMatch(/^TLSv1\.[23]_20(2[1-9]|[3-9]\d)$/);
    }
  });

  describe("roles", () => {
    test("can be taken by services alone", () => {
      const trusts = trustPolicies(it);
      expect(trusts.length).toBeGreaterThan(0);
      const others = trusts.filter(({ statements }) =>
        statements.some(
          ({ Action, Principal }) =>
            Action.join() !== "sts:AssumeRole" ||
            Object.keys(Principal as object).join() !== "Service" ||
            !/^[\w.-]+\.amazonaws\.com$/.test(String((Principal as { Service: unknown }).Service)),
        ),
      );
      expect(others.map(({ of }) => of)).toEqual([]);
    });

    test("are one for each function and each state machine", () => {
      const users = [
        ...ofType(it, "lambda/function:Function").map(({ inputs }) => inputs.role),
        ...ofType(it, "sfn/stateMachine:StateMachine").map(({ inputs }) => inputs.roleArn),
      ];
      expect(new Set(users).size).toBe(users.length);
    });

    test("have all of their policy, in the room that AWS gives", () => {
      const sizes = new Map<string, number>();
      for (const { inputs } of ofType(it, "iam/rolePolicy:RolePolicy")) {
        const role = text(inputs, "role");
        sizes.set(role, (sizes.get(role) ?? 0) + text(inputs, "policy").replace(/\s/g, "").length);
      }
      const roles = ofType(it, "iam/role:Role").map(({ inputs }) => text(inputs, "name"));
      expect(roles.filter((role) => !sizes.has(role))).toEqual([]);
      expect(roles.filter((role) => role.length > 64)).toEqual([]);
      expect([...sizes].filter(([, size]) => size > MAX_INLINE_POLICIES)).toEqual([]);
    });

    test("may do what AWS knows, on what it is for", async () => {
      const found: Record<string, string[]> = {};
      for (const policy of identityPolicies(it)) {
        const wrong = await faultsOf(policy);
        if (wrong.length > 0) found[policy.of] = wrong;
      }
      expect(found).toEqual({});
    });

    test("reach no further than their stage, but for what has a reason to", () => {
      const reasons = unscoped(place);
      const ofStage = new RegExp(`^[^*?]*(?<![a-z0-9])${stage}(?![a-z0-9])`);
      const wide: string[] = [];
      for (const { of, statements } of identityPolicies(it)) {
        for (const { Sid, Effect, Action, Resource, Condition } of statements) {
          expect(Effect).toBe("Allow");
          for (const action of Action) if (action.includes("*")) wide.push(`${of}, ${Sid}: ${action}`);
          for (const resource of Resource) {
            if (ofStage.test(resource)) continue;
            const bounded = (condition: unknown) => JSON.stringify(condition) === JSON.stringify(Condition);
            if (reasons.some(({ arn, condition }) => arn === resource && bounded(condition))) continue;
            wide.push(`${of}, ${Sid}: ${resource}`);
          }
        }
      }
      expect(wide).toEqual([]);
    });
  });

  test("the key can be administered from the account, and be used by AWS's services alone", () => {
    for (const { statements } of resourcePolicies(it).filter(({ of }) => of.startsWith("aws:kms/key:Key "))) {
      for (const { Action, Principal, Condition } of statements) {
        const isAccount = JSON.stringify(Principal).includes(":root");
        const uses = Action.filter((action) =>
          /:(\*|Decrypt|Encrypt|ReEncrypt|GenerateDataKey|GenerateMac|Sign|CreateGrant)/.test(action),
        );
        // Signatures and webhooks' secrets are of roles of the account, each of which its condition names.
        if (isAccount && uses.length > 0) {
          expect([["kms:Sign"], ["kms:GenerateMac"]]).toContainEqual(uses);
          expect(Condition?.ArnEquals?.["aws:PrincipalArn"]).toEqual(
            expect.arrayContaining([expect.stringMatching(/:role\//)]),
          );
        } else if (isAccount) expect(uses).toEqual([]);
        else {
          expect(uses).not.toEqual([]);
          expect(Condition).toBeDefined();
        }
      }
    }
  });

  test("policies of resources say what AWS knows", async () => {
    for (const { of, statements } of resourcePolicies(it)) {
      const named = statements.map((statement) => ({
        ...statement,
        Resource: [],
        Action: statement.Action.filter((action) => !action.endsWith("*")),
      }));
      const wrong = await faultsOf({ of, statements: named });
      expect(
        wrong.filter((fault) => fault.includes("there is no")),
        of,
      ).toEqual([]);
    }
  });

  test("what holds data stays when it leaves the stage, unless the stage is somebody's own", () => {
    const isOwn = stage === "dev";
    expect(it.app).toMatchObject({ removal: isOwn ? "remove" : "retain", protect: stage === "production" });
    const keeping = ["dynamodb/table:Table", "s3/bucket:Bucket", "cognito/userPool:UserPool"].flatMap((type) =>
      ofType(it, type),
    );
    expect(keeping.filter(({ retained }) => retained === isOwn).map(({ name }) => name)).toEqual([]);
    for (const { inputs } of ofType(it, "dynamodb/table:Table")) expect(inputs.deletionProtectionEnabled).toBe(!isOwn);
    for (const { inputs } of ofType(it, "s3/bucket:Bucket")) expect(inputs.forceDestroy).toBe(isOwn);
  });
});
