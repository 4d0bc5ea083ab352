import { join, relative } from "node:path";
import { PLATFORM } from "./platform.ts";

export type Inputs = Readonly<Record<string, unknown>>;

/** A resource that a stage asks of AWS. */
export interface Resource {
  /** Of Pulumi, such as `aws:dynamodb/table:Table`. */
  readonly type: string;
  /** Unique among the resources of its type. */
  readonly name: string;
  /** Resolved; what AWS would have made up is made up. */
  readonly inputs: Inputs;
  /** Left as it is when it leaves the stage. */
  readonly retained: boolean;
}

/** Everything that a stage asks of AWS. */
export interface Synthesis {
  readonly stage: string;
  readonly app: { readonly removal: string; readonly protect: boolean; readonly providers: { readonly aws: Inputs } };
  readonly resources: readonly Resource[];
  /** What a deployment tells. */
  readonly outputs: Inputs;
}

interface MockedResource {
  readonly type: string;
  readonly name: string;
  readonly inputs: Inputs;
}

interface Transformed {
  readonly type: string;
  readonly name: string;
  readonly opts: { readonly retainOnDelete?: boolean };
}

/** What is used of `@pulumi/pulumi`, which is in SST's platform. */
interface Pulumi {
  readonly runtime: {
    setMocks(
      mocks: {
        newResource(resource: MockedResource): Promise<{ id: string; state: Inputs }>;
        call(called: { readonly token: string }): Inputs;
      },
      project: string,
      stack: string,
      preview: boolean,
    ): Promise<void>;
    registerStackTransformation(see: (resource: Transformed) => undefined): void;
    runInPulumiStack(program: () => Promise<unknown>): Promise<unknown>;
    disconnect(): Promise<void>;
  };
  output(value: unknown): { apply(see: (resolved: Inputs) => void): void };
}

interface Configuration {
  app(input: { readonly stage: string }): Promise<Synthesis["app"]>;
  run(): Promise<unknown>;
}

const ROOT = join(import.meta.dirname, "../..");

export const REGION = "eu-west-1";
export const ACCOUNT = "123456789012";

const load = async <T>(file: string): Promise<T> => ((await import(file)) as { default: T }).default;

/** What AWS would make up for a new resource: its ids and its ARN. */
const computed = ({ type, name, inputs }: MockedResource): { id: string; state: Inputs } => {
  const own = (field: string): string => String(inputs[field] ?? name);
  const arn = (service: string, resource: string, region = REGION, account = ACCOUNT): string =>
    `arn:aws:${service}:${region}:${account}:${resource}`;
  const service = /^aws:([^/]+)/.exec(type)?.[1] ?? "";
  const kind = /:(\w+)$/.exec(type)?.[1] ?? "";
  switch (type) {
    case "aws:dynamodb/table:Table": {
      const table = arn("dynamodb", `table/${own("name")}`);
      const streamArn = `${table}/stream/2026-01-01T00:00:00.000`;
      return { id: own("name"), state: { arn: table, ...(inputs.streamEnabled === true && { streamArn }) } };
    }
    case "aws:s3/bucket:Bucket": {
      const bucket = own("bucket");
      const bucketRegionalDomainName = `${bucket}.s3.${REGION}.amazonaws.com`;
      return { id: bucket, state: { arn: `arn:aws:s3:::${bucket}`, bucketRegionalDomainName } };
    }
    case "aws:iam/role:Role":
      return { id: own("name"), state: { arn: arn("iam", `role/${own("name")}`, "") } };
    case "aws:cloudwatch/logGroup:LogGroup":
      return {
        id: own("name"),
        state: { arn: arn("logs", `log-group:${own("name")}`, String(inputs.region ?? REGION)) },
      };
    case "aws:cloudwatch/eventBus:EventBus":
      return { id: own("name"), state: { arn: arn("events", `event-bus/${own("name")}`) } };
    case "aws:cloudwatch/eventRule:EventRule": {
      const bus = inputs.eventBusName === undefined ? "" : `${inputs.eventBusName}/`;
      return { id: own("name"), state: { arn: arn("events", `rule/${bus}${own("name")}`) } };
    }
    case "aws:lambda/function:Function": {
      const functionArn = arn("lambda", `function:${own("name")}`);
      const invokeArn = `arn:aws:apigateway:${REGION}:lambda:path/2015-03-31/functions/${functionArn}/invocations`;
      return { id: own("name"), state: { arn: functionArn, qualifiedArn: `${functionArn}:1`, invokeArn } };
    }
    case "aws:lambda/functionUrl:FunctionUrl": {
      const functionUrl = `https://${name}-id.lambda-url.${REGION}.on.aws/`;
      return { id: name, state: { functionUrl, urlId: `${name}-id` } };
    }
    case "aws:sfn/stateMachine:StateMachine": {
      const machine = arn("states", `stateMachine:${own("name")}`);
      return { id: machine, state: { arn: machine } };
    }
    case "aws:sqs/queue:Queue": {
      const url = `https://sqs.${REGION}.amazonaws.com/${ACCOUNT}/${own("name")}`;
      return { id: url, state: { arn: arn("sqs", own("name")), url } };
    }
    case "aws:iot/topicRule:TopicRule":
      return { id: own("name"), state: { arn: arn("iot", `rule/${own("name")}`) } };
    case "aws:sns/topic:Topic": {
      const topic = arn("sns", own("name"), String(inputs.region ?? REGION));
      return { id: topic, state: { arn: topic } };
    }
    case "aws:kms/key:Key":
      return { id: `${name}-key-id`, state: { arn: arn("kms", `key/${name}-key-id`), keyId: `${name}-key-id` } };
    case "aws:cognito/userPool:UserPool": {
      const pool = `${REGION}_${name}`;
      return {
        id: pool,
        state: { arn: arn("cognito-idp", `userpool/${pool}`), endpoint: `cognito-idp.${REGION}.amazonaws.com/${pool}` },
      };
    }
    case "aws:apigatewayv2/api:Api": {
      const apiEndpoint = `https://${name}-id.execute-api.${REGION}.amazonaws.com`;
      return { id: `${name}-id`, state: { apiEndpoint, executionArn: arn("execute-api", `${name}-id`) } };
    }
    case "aws:apigatewayv2/domainName:DomainName": {
      const targetDomainName = `d-${name}.execute-api.${REGION}.amazonaws.com`;
      const configuration = { ...(inputs.domainNameConfiguration as Inputs), targetDomainName };
      return { id: own("domainName"), state: { domainNameConfiguration: configuration } };
    }
    case "aws:wafv2/webAcl:WebAcl": {
      const id = `${name}-id`;
      return { id, state: { arn: arn("wafv2", `global/webacl/${own("name")}/${id}`, String(inputs.region)) } };
    }
    case "aws:cloudfront/distribution:Distribution":
      return {
        id: `${name}-id`,
        state: { arn: arn("cloudfront", `distribution/${name}-id`, ""), domainName: `${name}-id.cloudfront.net` },
      };
    default:
      return { id: `${name}-id`, state: { arn: arn(service, `${kind}/${own("name")}`) } };
  }
};

/** Archives by their path below the project's folder; everything else as it is. */
const portable = async (value: unknown): Promise<unknown> => {
  if (Array.isArray(value)) return Promise.all(value.map(portable));
  if (typeof value !== "object" || value === null) return value;
  if ("__pulumiArchive" in value && "path" in value) return { archive: relative(ROOT, String(await value.path)) };
  const entries = Object.entries(value).map(async ([name, inner]) => [name, await portable(inner)] as const);
  return Object.fromEntries(await Promise.all(entries));
};

/**
 * Evaluates `sst.config.ts` for a stage as `sst deploy` does, with Pulumi's mocks in AWS's place. Staging and production
 * have the settings in `stages` beside this file. One at a time: Pulumi's state is the process's.
 */
export const synthesise = async (stage: string): Promise<Synthesis> => {
  const pulumi = await load<Pulumi>(join(PLATFORM, "node_modules/@pulumi/pulumi/index.js"));
  const made: Omit<Resource, "retained">[] = [];
  const retained = new Set<string>();
  const keyOf = ({ type, name }: { type: string; name: string }) => `${type} ${name}`;
  await pulumi.runtime.setMocks(
    {
      newResource: async ({ type, name, inputs }) => {
        if (type !== "pulumi:pulumi:Stack") made.push({ type, name, inputs: (await portable(inputs)) as Inputs });
        const { id, state } = computed({ type, name, inputs });
        return { id, state: { ...inputs, ...state } };
      },
      call: ({ token }) => {
        switch (token) {
          case "aws:index/getCallerIdentity:getCallerIdentity":
            return { accountId: ACCOUNT };
          case "aws:index/getPartition:getPartition":
            return { partition: "aws" };
          case "aws:index/getRegion:getRegion":
            return { region: REGION };
          default:
            throw new Error(`no answer for ${token}`);
        }
      },
    },
    "slipway",
    stage,
    false,
  );
  const aws = await load<unknown>(join(PLATFORM, "node_modules/@pulumi/aws/index.js"));
  Object.assign(globalThis, {
    aws,
    $util: pulumi,
    $app: { name: "slipway", stage },
    $config: (config: unknown) => config,
  });
  process.env.SLIPWAY_STAGES = join(import.meta.dirname, "stages");
  const config = await load<Configuration>(join(ROOT, "sst.config.ts"));
  const app = await config.app({ stage });
  let told: unknown;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // Pulumi takes a trace for each of some ten thousand promises: two thirds of the time
  try {
    await pulumi.runtime.runInPulumiStack(async () => {
      pulumi.runtime.registerStackTransformation((resource) => {
        if (resource.opts.retainOnDelete === true) retained.add(keyOf(resource));
        return undefined;
      });
      told = await config.run();
    });
    await pulumi.runtime.disconnect();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  const outputs = await new Promise<Inputs>((resolve) => pulumi.output(told).apply(resolve));
  return {
    stage,
    app,
    resources: made.map((resource) => ({ ...resource, retained: retained.has(keyOf(resource)) })),
    outputs,
  };
};
