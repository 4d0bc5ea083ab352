import { RUNTIMES, type Runtime } from "../deployment/cell.ts";
import type { Dependency, VersionFacts } from "../deployment/versions.ts";
import { isObject } from "./recipe-members.ts";
import { CLASSIC } from "./recipe-platforms.ts";
import type { StoredVersion } from "./version.ts";
import { type KeptRecipe, memberOf } from "./version-recipe.ts";

/** What resolution needs of a published version. */
export const factsOf = (
  version: Pick<StoredVersion, "version" | "recipe" | "document">,
  catalogueNumber: number,
): VersionFacts => {
  const dependencies = typedDependenciesOf(version);
  const runtimes = runtimesOf(version);
  return {
    version: version.version,
    catalogueNumber,
    ...(Object.keys(dependencies).length > 0 && { dependencies }),
    ...(runtimes.length < RUNTIMES.length && { runtimes }),
  };
};

/** The components that a recipe depends on. A type that is not said is HARD. */
const typedDependenciesOf = ({
  recipe,
  document,
}: Pick<KeptRecipe, "recipe" | "document">): Record<string, Dependency> => {
  const short = Object.entries(recipe?.dependencies ?? {}).map(([name, wanted]): [string, Dependency] => [
    name,
    typeof wanted === "string"
      ? { requirement: wanted, type: "HARD" }
      : { requirement: wanted.version, type: wanted.type },
  ]);
  const own = memberOf(document, "ComponentDependencies");
  const told = Object.entries(isObject(own) ? own : {}).map(([name, wanted]): [string, Dependency] => {
    const type = memberOf(wanted, "DependencyType");
    return [
      name,
      {
        requirement: String(memberOf(wanted, "VersionRequirement")),
        type: typeof type === "string" && type.toUpperCase() === "SOFT" ? "SOFT" : "HARD",
      },
    ];
  });
  return Object.fromEntries([...short, ...told]);
};

/** For which runtimes a `Platform.runtime` stands: `*` and expressions for any, none for the classic one. */
const takes = (said: unknown, runtime: Runtime): boolean => {
  const wanted = said === undefined ? CLASSIC : String(said);
  if (wanted === "*" || wanted.startsWith("/")) return true;
  return wanted === (runtime === "nucleus" ? CLASSIC : "aws_nucleus_lite");
};

/** The runtimes that some manifest is for. The short form's are for both unless they say otherwise. */
const runtimesOf = ({ recipe, document }: Pick<KeptRecipe, "recipe" | "document">): Runtime[] => {
  if (recipe !== undefined) {
    const platforms = (recipe.manifests ?? [recipe]).map(({ platform }) => platform ?? recipe.platform);
    return RUNTIMES.filter((one) => platforms.some(({ runtime = "*" }) => takes(runtime, one)));
  }
  const manifests = memberOf(document, "Manifests");
  const platforms = (Array.isArray(manifests) ? manifests : []).map((one) => memberOf(one, "Platform"));
  const found = RUNTIMES.filter((one) => platforms.some((platform) => takes(memberOf(platform, "runtime"), one)));
  return found.length === 0 ? ["nucleus"] : found;
};
