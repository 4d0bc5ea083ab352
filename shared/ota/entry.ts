import type { Installed } from "./choose.ts";
import type { CurrentRelease } from "./select.ts";

/** A release as the package function reads it: one item, that is there as long as devices may get the release. */
export type Entry = CurrentRelease & {
  readonly releaseId: string;
  /** The key of its binary, which is the path of the public URL. */
  readonly path: string;
};

const BINARY = "is:";

/** The attribute of a binary's item that tells as which version of an app it was last published in an environment. */
export const publishedName = (environment: string, app: string): string =>
  `${BINARY}${environment}#${app}`.toLowerCase();

/** What these binaries are, by the attributes of their items. */
export const installedOf = (binaries: readonly object[]): readonly Installed[] =>
  binaries.flatMap((binary) =>
    Object.entries(binary).flatMap(([name, version]) => {
      const [environment, app] = name.startsWith(BINARY) ? name.slice(BINARY.length).split("#") : [];
      return environment === undefined || app === undefined ? [] : [{ app, environment, version: String(version) }];
    }),
  );
