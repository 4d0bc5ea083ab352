import parse from "semver/functions/parse.js";

/** An identifier of a pre-release so that texts compare as semver has it: numbers by value, and before all else. */
const identifierKey = (identifier: string | number): string => {
  if (typeof identifier === "string") return `1${identifier}`;
  const digits = String(identifier);
  return `0${String(digits.length).padStart(2, "0")}${digits}`;
};

/**
 * A text for a version, such that texts compare as versions do (https://semver.org/#spec-item-11). Numbers have at most six
 * digits. `!` is below all that identifiers have, and `~`, of a release, above.
 * @throws TypeError for what is no version
 */
export const versionOrder = (version: string): string => {
  const parsed = parse(version);
  if (parsed === null) throw new TypeError(`${version} is no semantic version`);
  const { major, minor, patch, prerelease } = parsed;
  const core = [major, minor, patch].map((number) => String(number).padStart(6, "0")).join(".");
  return prerelease.length === 0 ? `${core}~` : `${core}-${prerelease.map(identifierKey).join("!")}`;
};
