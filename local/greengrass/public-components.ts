import type { Recipe } from "./recipe.ts";

type Dependencies = NonNullable<Recipe["ComponentDependencies"]>;

interface PublicComponent {
  readonly type: "aws.greengrass.generic" | "aws.greengrass.plugin" | "aws.greengrass.nucleus";
  /** The operating systems it runs on. */
  readonly os: readonly string[];
  /** The page that lists versions and dependencies, below the developer guide. */
  readonly page: string;
  /** Version to dependencies, the greatest first. */
  readonly versions: Readonly<Record<string, Dependencies>>;
}

const nucleus = (range: string, type: "HARD" | "SOFT" = "SOFT"): Dependencies => ({
  "aws.greengrass.Nucleus": { VersionRequirement: range, DependencyType: type },
});

const withTokenExchange = (dependencies: Dependencies): Dependencies => ({
  ...dependencies,
  "aws.greengrass.TokenExchangeService": { VersionRequirement: ">=0.0.0", DependencyType: "HARD" },
});

const EVERYWHERE = ["linux", "windows"];

/**
 * A sample of the components that AWS publishes: names, versions and dependencies are AWS's, from the page of each below
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/ ; many more versions and components exist.
 */
export const publicComponents: Readonly<Record<string, PublicComponent>> = {
  "aws.greengrass.Cli": {
    type: "aws.greengrass.plugin",
    os: EVERYWHERE,
    page: "greengrass-cli-component.html",
    versions: {
      "2.16.0": nucleus(">=2.12.0 <2.17.0"),
      "2.15.0": nucleus(">=2.12.0 <2.16.0"),
      "2.14.0": nucleus(">=2.12.0 <2.15.0"),
    },
  },
  "aws.greengrass.DockerApplicationManager": {
    type: "aws.greengrass.generic",
    os: EVERYWHERE,
    page: "docker-application-manager-component.html",
    versions: { "2.0.4": nucleus(">=2.1.0 <2.6.0"), "2.0.3": nucleus(">=2.1.0 <2.5.0") },
  },
  "aws.greengrass.LambdaManager": {
    type: "aws.greengrass.plugin",
    os: ["linux"],
    page: "lambda-manager-component.html",
    versions: { "2.3.7": nucleus(">=2.0.0 <2.17.0"), "2.3.6": nucleus(">=2.0.0 <2.16.0") },
  },
  "aws.greengrass.LogManager": {
    type: "aws.greengrass.plugin",
    os: EVERYWHERE,
    page: "log-manager-component.html",
    versions: { "2.2.1": nucleus(">=2.1.0 <2.6.0"), "2.2.0": nucleus(">=2.1.0 <2.5.0") },
  },
  "aws.greengrass.Nucleus": {
    type: "aws.greengrass.nucleus",
    os: EVERYWHERE,
    page: "greengrass-nucleus-component.html",
    versions: { "2.16.0": {}, "2.15.0": {}, "2.14.0": {} },
  },
  "aws.greengrass.NucleusLite": {
    type: "aws.greengrass.nucleus",
    os: ["linux"],
    page: "greengrass-nucleus-lite-component.html",
    versions: { "2.5.1": {}, "2.3.0": {}, "2.0.0": {} },
  },
  "aws.greengrass.SecretManager": {
    type: "aws.greengrass.plugin",
    os: EVERYWHERE,
    page: "secret-manager-component.html",
    versions: { "2.2.7": nucleus(">=2.5.0 <2.17.0"), "2.2.6": nucleus(">=2.5.0 <2.16.0") },
  },
  "aws.greengrass.ShadowManager": {
    type: "aws.greengrass.plugin",
    os: EVERYWHERE,
    page: "shadow-manager-component.html",
    versions: { "2.0.5": nucleus(">=2.2.0 <2.6.0"), "2.0.4": nucleus(">=2.2.0 <2.5.0") },
  },
  "aws.greengrass.StreamManager": {
    type: "aws.greengrass.generic",
    os: EVERYWHERE,
    page: "stream-manager-component.html",
    versions: {
      "2.2.1": withTokenExchange(nucleus(">=2.0.0 <3.0.0")),
      "2.1.12": withTokenExchange(nucleus(">=2.0.0 <2.13.0")),
    },
  },
  "aws.greengrass.TokenExchangeService": {
    type: "aws.greengrass.generic",
    os: EVERYWHERE,
    page: "token-exchange-service-component.html",
    versions: { "2.0.3": {} },
  },
  "aws.greengrass.clientdevices.IPDetector": {
    type: "aws.greengrass.plugin",
    os: EVERYWHERE,
    page: "ip-detector-component.html",
    versions: { "2.2.3": nucleus(">=2.2.0 <2.17.0"), "2.2.2": nucleus(">=2.2.0 <2.16.0") },
  },
  "aws.greengrass.telemetry.NucleusEmitter": {
    type: "aws.greengrass.plugin",
    os: EVERYWHERE,
    page: "nucleus-emitter-component.html",
    versions: { "1.0.12": nucleus(">=2.4.0 <2.17.0"), "1.0.11": nucleus(">=2.4.0 <2.16.0", "HARD") },
  },
};

/** The names that only AWS gives. https://docs.aws.amazon.com/greengrass/v2/developerguide/public-components.html */
export const isPublic = (name: string): boolean => name.startsWith("aws.greengrass.");

/**
 * The recipe of a public component's version, or undefined when the sample has none. AWS's own recipe has a lifecycle and
 * artifacts as well.
 */
export const publicRecipe = (name: string, version: string): Recipe | undefined => {
  const component = Object.hasOwn(publicComponents, name) ? publicComponents[name] : undefined;
  if (component === undefined || !Object.hasOwn(component.versions, version)) return undefined;
  return {
    RecipeFormatVersion: "2020-01-25",
    ComponentName: name,
    ComponentVersion: version,
    ComponentType: component.type,
    ComponentDescription: `https://docs.aws.amazon.com/greengrass/v2/developerguide/${component.page}`,
    ComponentPublisher: "AWS",
    ComponentDependencies: component.versions[version] ?? {},
    Manifests: component.os.map((os) => ({ Platform: { os, runtime: "*" } })),
  };
};
