import * as z from "zod";
import { JsonObject } from "../json.ts";
import { ComponentName } from "../names.ts";

const Environment = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/), z.string().max(4_096))
  .meta({ description: "Environment variables by name" });

const Script = z.string().min(1).max(4_096);

const Step = z
  .union([
    Script,
    z.strictObject({
      script: Script,
      timeout: z
        .int()
        .min(1)
        .max(2_147_483)
        .optional()
        .meta({ description: "Seconds until Greengrass ends the script; by default 120, of shutdown 15, of run none" }),
      requiresPrivilege: z.boolean().optional().meta({ description: "Runs as root" }),
      environment: Environment.optional(),
      skipIf: z
        .string()
        .max(1_024)
        .regex(/^(?:onpath|exists) \S.*$/, "must be `onpath` or `exists`, a space and what is looked for")
        .optional()
        .meta({ description: "`onpath program` or `exists file`; nucleus lite runs the step all the same" }),
    }),
  ])
  .meta({ description: "A shell script, or one with what it needs" });
export type Step = z.infer<typeof Step>;

const Permission = z.enum(["NONE", "OWNER", "ALL"]);

const Artifact = z.union([
  z.strictObject({
    path: z
      .string()
      .max(512)
      .regex(/^dist\//, "must start with dist/")
      .meta({ description: "A file below `dist/`, or a folder with a `/` at its end: all files in it" }),
    unarchive: z.enum(["NONE", "ZIP"]).default("NONE"),
    read: Permission.default("OWNER"),
    execute: Permission.default("OWNER"),
  }),
  z.strictObject({
    docker: z
      .string()
      .min(1)
      .max(1_024)
      .meta({ description: "URI of an image, such as `public.ecr.aws/nginx/nginx:1`" }),
  }),
]);
export type ShortArtifact = z.infer<typeof Artifact>;

const Dependency = z
  .union([
    z.string().min(1).max(128),
    z.strictObject({ version: z.string().min(1).max(128), type: z.enum(["HARD", "SOFT"]).default("HARD") }),
  ])
  .meta({ description: "A version or an npm-style range, or one with the type of the dependency" });

const Platform = z.strictObject({
  os: z.string().min(1).default("*"),
  architecture: z.string().min(1).optional(),
  runtime: z
    .enum(["*", "aws_nucleus_classic", "aws_nucleus_lite"])
    .optional()
    .meta({ description: "By default `*`, both" }),
  attributes: z
    .record(z.string().min(1).max(128), z.string().min(1).max(256))
    .optional()
    .meta({ description: "Platform attributes of one's own by name" }),
});

const part = {
  environment: Environment.optional().meta({ description: "For all steps" }),
  bootstrap: Step.optional().meta({ description: "Run when the component is deployed; may ask for a restart" }),
  install: Step.optional().meta({ description: "Shell script run once per version" }),
  startup: Step.optional().meta({ description: "Starts a background process, and ends; instead of run" }),
  run: Step.optional().meta({ description: "Shell script that is the component" }),
  shutdown: Step.optional().meta({ description: "Run when the component stops; nucleus lite does not" }),
  artifacts: z
    .array(Artifact)
    .max(128)
    .optional()
    .meta({ description: "What devices download; by default every file below `dist/`" }),
};

/**
 * AWS IoT Greengrass V2, component recipe reference: what the short form can say of it, for generic components.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html
 */
export const ShortRecipe = z
  .strictObject({
    platform: Platform.default({ os: "*" }).meta({ description: "Devices that it runs on; os `*` for all" }),
    ...part,
    manifests: z
      .array(z.strictObject({ platform: Platform.optional(), ...part }))
      .min(1)
      .max(16)
      .optional()
      .meta({
        description: "One for each kind of device, the first that fits is used; what one does not say is as above",
      }),
    configuration: JsonObject.optional().meta({ description: "Default configuration, which deployments merge into" }),
    dependencies: z
      .record(ComponentName, Dependency)
      .optional()
      .meta({ description: "Components that this one needs, by name" }),
  })
  .meta({ id: "ShortRecipe", description: "From this Slipway builds the Greengrass recipe" });
export type ShortRecipe = z.infer<typeof ShortRecipe>;

/** The kinds of components that Greengrass has; the short form builds generic ones. */
export const ComponentType = z.enum([
  "aws.greengrass.generic",
  "aws.greengrass.lambda",
  "aws.greengrass.plugin",
  "aws.greengrass.nucleus",
]);
export type ComponentType = z.infer<typeof ComponentType>;
