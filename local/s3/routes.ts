import { createBucket, deleteBucket, headBucket, listBuckets } from "./buckets.ts";
import type { Handler } from "./context.ts";
import { copyObject } from "./copy-object.ts";
import { deleteObject, deleteObjects } from "./delete-object.ts";
import { getObject, headObject } from "./get-object.ts";
import { listObjectsV2 } from "./list-objects.ts";
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listParts,
  uploadPart,
} from "./multipart.ts";
import { putObject } from "./put-object.ts";
import {
  cors,
  deleteBucketPolicy,
  encryption,
  getBucketPolicy,
  getSetting,
  notification,
  ownershipControls,
  publicAccessBlock,
  putBucketPolicy,
  putSetting,
  tagging,
} from "./settings.ts";

/** Every operation that this engine has; `operationOf` names what a request asks for, and the rest answers 501. */
export const ROUTES: ReadonlyMap<string, Handler> = new Map(
  Object.entries({
    AbortMultipartUpload: abortMultipartUpload,
    CompleteMultipartUpload: completeMultipartUpload,
    CopyObject: copyObject,
    CreateBucket: createBucket,
    CreateMultipartUpload: createMultipartUpload,
    DeleteBucket: deleteBucket,
    DeleteBucketPolicy: deleteBucketPolicy,
    DeleteObject: deleteObject,
    DeleteObjects: deleteObjects,
    GetBucketCors: getSetting(cors),
    GetBucketEncryption: getSetting(encryption),
    GetBucketNotificationConfiguration: getSetting(notification),
    GetBucketOwnershipControls: getSetting(ownershipControls),
    GetBucketPolicy: getBucketPolicy,
    GetBucketTagging: getSetting(tagging),
    GetObject: getObject,
    GetPublicAccessBlock: getSetting(publicAccessBlock),
    HeadBucket: headBucket,
    HeadObject: headObject,
    ListBuckets: listBuckets,
    ListObjectsV2: listObjectsV2,
    ListParts: listParts,
    PutBucketCors: putSetting(cors),
    PutBucketEncryption: putSetting(encryption),
    PutBucketNotificationConfiguration: putSetting(notification),
    PutBucketOwnershipControls: putSetting(ownershipControls),
    PutBucketPolicy: putBucketPolicy,
    PutBucketTagging: putSetting(tagging),
    PutObject: putObject,
    PutPublicAccessBlock: putSetting(publicAccessBlock),
    UploadPart: uploadPart,
  }),
);
