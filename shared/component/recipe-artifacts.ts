import { artifactKey } from "./recipe.ts";
import type { Report } from "./recipe-findings.ts";
import { elementsOf, isObject, knownMembers, type Member, oneOf, textOf } from "./recipe-members.ts";
import type { RecipeContext } from "./validate-recipe.ts";

export interface FoundArtifact {
  readonly pointer: string;
  /** The name of its file on the device; undefined of an image, and of what is wrong. */
  readonly fileName: string | undefined;
  readonly isArchive: boolean;
  readonly isImage: boolean;
}

const LEVELS = ["NONE", "OWNER", "ALL"] as const;

export const checkArtifacts = (member: Member | undefined, context: RecipeContext, report: Report): FoundArtifact[] => {
  const names = new Map<string, string>();
  return elementsOf(member, report).map((element) => {
    const found = knownMembers(element, ["Uri", "Unarchive", "Permission", "Digest", "Algorithm"], report);
    const unarchive = oneOf(found.Unarchive, ["NONE", "ZIP"], report);
    if (found.Permission !== undefined) {
      const { Read, Execute } = knownMembers(found.Permission, ["Read", "Execute"], report);
      oneOf(Read, LEVELS, report);
      oneOf(Execute, LEVELS, report);
    }
    for (const readOnly of [found.Digest, found.Algorithm]) {
      if (readOnly === undefined) continue;
      textOf(readOnly, report);
      const detail = "Greengrass sets it, whatever is written here";
      report("warning", "read-only-member", readOnly.pointer, detail, "Leave it out.");
    }
    if (found.Uri === undefined && isObject(element.value)) {
      report("error", "missing-member", element.pointer, "Uri is missing", "Say where the artifact is.");
    }
    const uri = textOf(found.Uri, report);
    const pointer = found.Uri?.pointer ?? element.pointer;
    const fileName = uri === undefined ? undefined : checkUri(uri, pointer, context, report);
    const other = fileName === undefined ? undefined : names.get(fileName);
    if (other !== undefined) {
      const hint = "The artifacts of a manifest lie in one folder on the device. Give one another name.";
      report("error", "artifact-clash", pointer, `${fileName} is also the name of the artifact at ${other}`, hint);
    } else if (fileName !== undefined) names.set(fileName, pointer);
    return { pointer, fileName, isArchive: unarchive === "ZIP", isImage: uri?.startsWith("docker:") ?? false };
  });
};

/**
 * An artifact must be a file of this version: a URI elsewhere would be read with Slipway's rights, and devices may read no
 * bucket but their workspace's.
 * @returns the file's name on the device
 */
const checkUri = (uri: string, pointer: string, context: RecipeContext, report: Report): string | undefined => {
  if (/^docker:\S+$/.test(uri)) return undefined;
  const hint =
    "Write s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/ and the path below dist/, or docker: and an image.";
  if (!/^s3:\/\/[^/]+\/.*[^/]$/.test(uri)) {
    report("error", "artifact-uri", pointer, `${uri} is no URI of an artifact`, hint);
    return undefined;
  }
  const folder = `s3://${context.bucket}/${artifactKey(context.name, context.version, "dist/")}`;
  if (!uri.startsWith(folder)) {
    report("error", "artifact-outside", pointer, `${uri} is not below the version's dist/`, hint);
    return undefined;
  }
  const path = `dist/${uri.slice(folder.length)}`;
  if (context.files !== undefined && !context.files.includes(path)) {
    report("error", "artifact-missing", pointer, `the version has no file ${path}`, "Add the file, or leave this out.");
  }
  return path.slice(path.lastIndexOf("/") + 1);
};
