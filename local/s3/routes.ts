import { createBucket, deleteBucket, getBucketLocation, headBucket, listBuckets } from "./buckets.ts";
import type { Handler } from "./context.ts";
import { copyObject } from "./copy-object.ts";
import { deleteObject, deleteObjects } from "./delete-object.ts";
import { getObject, headObject } from "./get-object.ts";
import { listObjects, listObjectsV2 } from "./list-objects.ts";
import { listMultipartUploads, listParts } from "./list-uploads.ts";
import { abortMultipartUpload, completeMultipartUpload, createMultipartUpload } from "./multipart.ts";
import { getObjectAttributes } from "./object-attributes.ts";
import { deleteBucketPolicy, getBucketPolicy, getBucketPolicyStatus, putBucketPolicy } from "./policy.ts";
import { putObject } from "./put-object.ts";
import {
  cors,
  deleteSetting,
  encryption,
  getSetting,
  lifecycle,
  notification,
  ownershipControls,
  publicAccessBlock,
  putSetting,
  tagging,
} from "./settings.ts";
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from "./tags.ts";
import { uploadPart, uploadPartCopy } from "./upload-part.ts";

/** Every operation that this engine has; `operationOf` names what a request asks for, and the rest answers 501. */
export const ROUTES: ReadonlyMap<string, Handler> = new Map(
  Object.entries({
    AbortMultipartUpload: abortMultipartUpload,
    CompleteMultipartUpload: completeMultipartUpload,
    CopyObject: copyObject,
    CreateBucket: createBucket,
    CreateMultipartUpload: createMultipartUpload,
    DeleteBucket: deleteBucket,
    DeleteBucketCors: deleteSetting(cors),
    DeleteBucketEncryption: deleteSetting(encryption),
    DeleteBucketLifecycle: deleteSetting(lifecycle),
    DeleteBucketOwnershipControls: deleteSetting(ownershipControls),
    DeleteBucketPolicy: deleteBucketPolicy,
    DeleteBucketTagging: deleteSetting(tagging),
    DeleteObject: deleteObject,
    DeleteObjectTagging: deleteObjectTagging,
    DeleteObjects: deleteObjects,
    DeletePublicAccessBlock: deleteSetting(publicAccessBlock),
    GetBucketCors: getSetting(cors),
    GetBucketEncryption: getSetting(encryption),
    GetBucketLifecycleConfiguration: getSetting(lifecycle),
    GetBucketLocation: getBucketLocation,
    GetBucketNotificationConfiguration: getSetting(notification),
    GetBucketOwnershipControls: getSetting(ownershipControls),
    GetBucketPolicy: getBucketPolicy,
    GetBucketPolicyStatus: getBucketPolicyStatus,
    GetBucketTagging: getSetting(tagging),
    GetObject: getObject,
    GetObjectAttributes: getObjectAttributes,
    GetObjectTagging: getObjectTagging,
    GetPublicAccessBlock: getSetting(publicAccessBlock),
    HeadBucket: headBucket,
    HeadObject: headObject,
    ListBuckets: listBuckets,
    ListMultipartUploads: listMultipartUploads,
    ListObjects: listObjects,
    ListObjectsV2: listObjectsV2,
    ListParts: listParts,
    PutBucketCors: putSetting(cors),
    PutBucketEncryption: putSetting(encryption),
    PutBucketLifecycleConfiguration: putSetting(lifecycle),
    PutBucketNotificationConfiguration: putSetting(notification),
    PutBucketOwnershipControls: putSetting(ownershipControls),
    PutBucketPolicy: putBucketPolicy,
    PutBucketTagging: putSetting(tagging),
    PutObject: putObject,
    PutObjectTagging: putObjectTagging,
    PutPublicAccessBlock: putSetting(publicAccessBlock),
    UploadPart: uploadPart,
    UploadPartCopy: uploadPartCopy,
  }),
);
