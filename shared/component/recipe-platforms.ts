import type { FoundArtifact } from "./recipe-artifacts.ts";
import type { Report } from "./recipe-findings.ts";
import type { Found } from "./recipe-lifecycle.ts";
import { allMembers, type Member, textOf } from "./recipe-members.ts";

export interface FoundManifest {
  readonly pointer: string;
  readonly platform: Member | undefined;
  readonly lifecycle: Found | undefined;
  readonly selections: Member | undefined;
  readonly artifacts: readonly FoundArtifact[];
}

/** A platform that says no runtime is for the classic nucleus. */
export const CLASSIC = "aws_nucleus_classic";

/** The values of a platform that are texts, by name. */
export const selectorsOf = (platform: Member | undefined): Map<string, string> =>
  new Map(
    Object.entries(platform?.value ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );

/**
 * Values are a text that starts with a letter or a digit, `*`, or a regular expression of Java between slashes; a manifest
 * that an earlier one leaves no device to is never used.
 */
export const checkPlatforms = (manifests: readonly FoundManifest[], report: Report): void => {
  for (const { platform } of manifests) {
    for (const member of platform === undefined ? [] : allMembers(platform, report)) {
      const value = textOf(member, report);
      if (value === undefined || value === "*" || /^[A-Za-z0-9]/.test(value) || /^\/.+\/$/.test(value)) continue;
      const hint = "Take a text that starts with a letter or a digit, `*`, or an expression between slashes.";
      report(
        "error",
        "platform",
        member.pointer,
        `${value === "" ? "nothing" : value} is no value of a platform`,
        hint,
      );
    }
  }
  for (const [index, { pointer, platform }] of manifests.entries()) {
    const earlier = manifests.slice(0, index).find((other) => takesAll(wants(other.platform), wants(platform)));
    if (earlier === undefined) continue;
    const hint = "Devices take the first manifest that fits. Put the one with the stricter platform first.";
    report(
      "warning",
      "unreachable-manifest",
      pointer,
      `${earlier.pointer} takes every device that this one is for`,
      hint,
    );
  }
};

/** What a platform asks for: `*` asks for nothing. One without a runtime, and none at all, ask for the classic nucleus. */
const wants = (platform: Member | undefined): Map<string, string> => {
  const selectors = selectorsOf(platform);
  if (!selectors.has("runtime")) selectors.set("runtime", CLASSIC);
  return new Map([...selectors].filter(([, value]) => value !== "*"));
};

const takesAll = (one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean =>
  [...one].every(([name, value]) => other.get(name) === value);
