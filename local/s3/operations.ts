/** The sub-resources of a bucket and of an object, as the query names them, with the noun of their operations. */
const BUCKET_SUBRESOURCES: Readonly<Record<string, string>> = {
  abac: "BucketAbac",
  accelerate: "BucketAccelerateConfiguration",
  acl: "BucketAcl",
  analytics: "BucketAnalyticsConfiguration",
  cors: "BucketCors",
  encryption: "BucketEncryption",
  "intelligent-tiering": "BucketIntelligentTieringConfiguration",
  inventory: "BucketInventoryConfiguration",
  lifecycle: "BucketLifecycleConfiguration",
  location: "BucketLocation",
  logging: "BucketLogging",
  metadataAnnotationTable: "BucketMetadataAnnotationTableConfiguration",
  metadataConfiguration: "BucketMetadataConfiguration",
  metadataInventoryTable: "BucketMetadataInventoryTableConfiguration",
  metadataJournalTable: "BucketMetadataJournalTableConfiguration",
  metadataTable: "BucketMetadataTableConfiguration",
  metrics: "BucketMetricsConfiguration",
  notification: "BucketNotificationConfiguration",
  "object-lock": "ObjectLockConfiguration",
  ownershipControls: "BucketOwnershipControls",
  policy: "BucketPolicy",
  policyStatus: "BucketPolicyStatus",
  publicAccessBlock: "PublicAccessBlock",
  replication: "BucketReplication",
  requestPayment: "BucketRequestPayment",
  tagging: "BucketTagging",
  versioning: "BucketVersioning",
  website: "BucketWebsite",
};
const OBJECT_SUBRESOURCES: Readonly<Record<string, string>> = {
  acl: "ObjectAcl",
  annotation: "ObjectAnnotation",
  attributes: "ObjectAttributes",
  encryption: "ObjectEncryption",
  "legal-hold": "ObjectLegalHold",
  retention: "ObjectRetention",
  tagging: "ObjectTagging",
  torrent: "ObjectTorrent",
};
/** Operations that are not named by verb and noun. */
const NAMES: Readonly<Record<string, string>> = { DeleteBucketLifecycleConfiguration: "DeleteBucketLifecycle" };
const VERBS: Readonly<Record<string, string>> = { GET: "Get", PUT: "Put", DELETE: "Delete" };

/** Rows that have a marker (a query parameter, with or without its value, or a header) come before the row that has none. */
type Row = readonly [method: string, operation: string, query?: string | undefined, header?: string];
const SERVICE: readonly Row[] = [
  ["GET", "ListDirectoryBuckets", "x-id=ListDirectoryBuckets"],
  ["GET", "ListBuckets"],
];
const BUCKET: readonly Row[] = [
  ["GET", "ListMultipartUploads", "uploads"],
  ["GET", "ListObjectVersions", "versions"],
  ["GET", "ListObjectsV2", "list-type"],
  ["GET", "CreateSession", "session"],
  ["GET", "ListObjects"],
  ["HEAD", "HeadBucket"],
  ["POST", "DeleteObjects", "delete"],
  ["POST", "PostObject"],
  ["PUT", "CreateBucket"],
  ["DELETE", "DeleteBucket"],
];
const OBJECT: readonly Row[] = [
  ["GET", "ListParts", "uploadId"],
  ["GET", "GetObject"],
  ["HEAD", "HeadObject"],
  ["POST", "CreateMultipartUpload", "uploads"],
  ["POST", "CompleteMultipartUpload", "uploadId"],
  ["POST", "RestoreObject", "restore"],
  ["POST", "SelectObjectContent", "select"],
  ["PUT", "UploadPartCopy", "uploadId", "x-amz-copy-source"],
  ["PUT", "UploadPart", "uploadId"],
  ["PUT", "RenameObject", "renameObject"],
  ["PUT", "CopyObject", undefined, "x-amz-copy-source"],
  ["PUT", "PutObject"],
  ["DELETE", "AbortMultipartUpload", "uploadId"],
  ["DELETE", "DeleteObject"],
];

interface Addressed {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  readonly headers: ReadonlyMap<string, string>;
}

const subresource = ({ method, key, query }: Addressed): string | undefined => {
  const verb = VERBS[method];
  const nouns = key === "" ? BUCKET_SUBRESOURCES : OBJECT_SUBRESOURCES;
  const name = [...query.keys()].find((parameter) => Object.hasOwn(nouns, parameter));
  if (verb === undefined || name === undefined) return undefined;
  const operation = `${verb}${nouns[name]}`;
  return NAMES[operation] ?? operation;
};

const hasParameter = (query: ReadonlyMap<string, string>, parameter: string): boolean => {
  const [name = "", value] = parameter.split("=");
  return value === undefined ? query.has(name) : query.get(name) === value;
};

/** The name of the operation that a request asks for, or its method when S3 has none there. */
export const operationOf = (request: Addressed): string => {
  const { method, bucket, key, query, headers } = request;
  const rows = bucket === "" ? SERVICE : key === "" ? BUCKET : OBJECT;
  const row = rows.find(
    ([rowMethod, , parameter, header]) =>
      rowMethod === method &&
      (parameter === undefined || hasParameter(query, parameter)) &&
      (header === undefined || headers.has(header)),
  );
  return (
    (bucket === "" ? undefined : subresource(request)) ?? row?.[1] ?? `${method} of a ${key === "" ? "bucket" : "key"}`
  );
};
