import type { Emulation } from "../emulation.ts";
import { ROUTES } from "./routes.ts";

/** What this engine has of Amazon S3, and where it differs. */
export const emulation: Emulation = {
  service: "Amazon S3",
  client: "@aws-sdk/client-s3",
  operations: [...ROUTES.keys()].sort(),
  differences: [
    {
      of: "addressing",
      aws: "Buckets are hosts (virtual-hosted style) or paths.",
      here: "Paths alone; plain HTTP on loopback.",
    },
    {
      of: "anonymous requests",
      aws: "Are let in by a policy or an ACL for everyone, if public access is not blocked.",
      here: "Are AccessDenied always, but for CORS preflights.",
    },
    {
      of: "bucket policies",
      aws: "Are evaluated for every request.",
      here: "Are checked for their form and for being public (BlockPublicPolicy refuses those), and stored; not evaluated.",
    },
    {
      of: "other accounts",
      aws: "A bucket's owner may let other accounts in.",
      here: "A bucket of another account is AccessDenied. Tests can make one; no request can.",
    },
    {
      of: "versioning, object lock",
      aws: "Keep versions and protect them.",
      here: "501; a key has one version, `null`.",
    },
    {
      of: "ACLs",
      aws: "Exist, disabled for new buckets.",
      here: "501, but for the canned ACLs private and bucket-owner-full-control.",
    },
    {
      of: "encryption",
      aws: "SSE-S3, SSE-KMS, DSSE-KMS and SSE-C.",
      here: "Answers say AES256 (SSE-S3) and the bytes on disk are plain; the others are 501.",
    },
    { of: "storage classes", aws: "Many.", here: "STANDARD; the others are 501." },
    {
      of: "checksum algorithms",
      aws: "Ten.",
      here: "CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256 and SHA512; the XXHASH ones are 501.",
    },
    {
      of: "lifecycle rules",
      aws: "Expire, move and abort, once a day.",
      here: "Expiration by days or date, and AbortIncompleteMultipartUpload, every hour; transitions and versions are 501.",
    },
    {
      of: "notifications",
      aws: "To EventBridge, Lambda, SNS and SQS.",
      here: "To EventBridge: objects created and deleted, tags added and deleted.",
    },
    {
      of: "CompleteMultipartUpload",
      aws: "Repeated, succeeds again for a time that is not documented; a long one sends spaces while it works.",
      here: "Repeated with the same parts within a day, gives the same answer; never takes long.",
    },
    {
      of: "ListParts, HeadObject of multipart uploads without a checksum",
      aws: "The default CRC64NVME may be left out of some answers.",
      here: "It is in all of them.",
    },
    {
      of: "CreateBucket",
      aws: "Takes tags, and locations of other kinds.",
      here: "Takes LocationConstraint; the others are 501.",
    },
    {
      of: "limits",
      aws: "3,500 writes and 5,500 reads a second and prefix, then SlowDown; names are unique in the world.",
      here: "None, but for faults that are asked for; names are unique in this data folder.",
    },
  ],
};
