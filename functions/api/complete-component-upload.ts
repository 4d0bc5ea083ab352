import { completeUpload, receivedParts } from "../../shared/aws/multipart.ts";
import { headObject } from "../../shared/aws/objects.ts";
import { ComponentFile, partsOf, ranges, type StoredFile, versionTakesFiles } from "../../shared/component/file.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { AppError } from "../../shared/problems.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { expectFree, expectOpen, findFile, keyOf, type Place } from "../http/files.ts";
import { findVersion } from "../http/resources.ts";

const incomplete = (detail: string) => new AppError("upload-incomplete", detail);

/** Asked for again after its answer was lost, it finds the file whole and says so. */
export const handler = endpoint(
  componentRoutes,
  "completeComponentUpload",
  async ({ workspace, params, moment, commit }) => {
    const version = await findVersion(workspace, params.component, params.version);
    const place = { version, bucket: workspace.bucket };
    const file = await findFile(place, params.path);
    expectOpen(place);
    expectFree(file, moment.now);
    if (file.uploadId === undefined || !(await join(place, file, file.uploadId))) {
      const held = await headObject(place.bucket, keyOf(place, file.path));
      if (held?.size !== file.size) throw incomplete(`no upload of ${file.path} is under way: declare it again`);
    }
    return commit(
      [
        versionTakesFiles(version),
        {
          do: "update",
          key: file,
          remove: ["uploadId"],
          when: { sha256: file.sha256, uploadId: file.uploadId ?? { exists: false } },
          otherwise: { code: "conflict", detail: "the file was declared anew at the same time" },
        },
      ],
      { body: view(ComponentFile, file) },
    );
  },
);

/** Makes the parts the object. @returns false when the upload is no more */
const join = async (place: Place, { path, size }: StoredFile, uploadId: string): Promise<boolean> => {
  const upload = { bucket: place.bucket, key: keyOf(place, path), uploadId };
  const received = await receivedParts(upload);
  if (received === undefined) return false;
  const sizes = new Map(received.map((part) => [part.part, part.size]));
  const missing = partsOf(size).filter((part) => sizes.get(part.part) !== part.size);
  if (missing.length > 0) {
    throw incomplete(`${path} lacks these of its parts: ${ranges(missing.map(({ part }) => part))}`);
  }
  const outcome = await completeUpload(upload, received);
  if (outcome === "exists") {
    throw new AppError("conflict", `other bytes of ${path} have come meanwhile: declare the file again`);
  }
  return outcome === "done";
};
