import * as z from "zod";
import { Component, CreateComponent, EditComponent } from "../../component/component.ts";
import { VersionDiff } from "../../component/diff.ts";
import {
  ComponentFile,
  CreatedFile,
  CreateFile,
  FoundFile,
  Manifest,
  ManifestAnswer,
  UploadPart,
} from "../../component/file.ts";
import { FolderFile } from "../../component/gdk.ts";
import { ImportComponent } from "../../component/import.ts";
import {
  ComponentVersion,
  CreateVersion,
  Deprecate,
  EditVersion,
  ListedVersions,
  RecipeFindings,
} from "../../component/version.ts";
import { Intent } from "../../intent/intent.ts";
import type { Permission } from "../permissions.ts";
import { Page, page, route, W } from "./route.ts";

const C = `${W}/components/{component}` as const;
const V = `${C}/versions/{version}` as const;
/** What the declaration of files asks of AWS: former bytes make room for others. */
const DECLARE_FILES = [
  "control:ConditionCheckItem",
  "control:PutItem",
  "artifact:Find",
  "artifact:Put",
  "artifact:Delete",
  "artifact:ListParts",
  "artifact:AbortUpload",
] as const satisfies readonly Permission[];

/** Components, their versions and files. */
export const componentRoutes = {
  createComponent: route({
    method: "POST",
    path: `${W}/components`,
    summary: "Create a component; its name is claimed for the whole account",
    access: "maintainer",
    body: CreateComponent,
    status: 201,
    located: true,
    answer: Component,
    tagged: true,
    problems: ["name-taken", "not-ready"],
    permissions: ["control:ConditionCheckItem"],
  }),
  listComponents: route({
    method: "GET",
    path: `${W}/components`,
    summary: "List components in the order of their creation, all or those that are sought",
    access: "viewer",
    query: Page.extend({
      prefix: z.string().min(1).max(128).optional().meta({ description: "Only those whose name begins so" }),
      search: z
        .string()
        .min(1)
        .max(128)
        .optional()
        .meta({ description: "Only those whose name has this in it, in any letter case" }),
      publisher: z.string().min(1).max(256).optional().meta({ description: "Only those of this publisher" }),
    }),
    status: 200,
    answer: page(Component),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  importComponent: route({
    method: "POST",
    path: `${W}/component-imports`,
    summary: "Take a component over that Greengrass has already: one of the account's own, or one of AWS's to refer to",
    access: "owner",
    body: ImportComponent,
    status: 202,
    answer: Intent,
    problems: ["name-taken", "not-ready"],
    permissions: ["control:ConditionCheckItem"],
  }),
  getComponent: route({
    method: "GET",
    path: C,
    summary: "Get a component",
    access: "viewer",
    status: 200,
    answer: Component,
    tagged: true,
    problems: [],
  }),
  updateComponent: route({
    method: "PATCH",
    path: C,
    summary: "Change a component's description or publisher",
    access: "maintainer",
    body: EditComponent,
    ifMatch: "required",
    status: 200,
    answer: Component,
    tagged: true,
    problems: [],
  }),
  deleteComponent: route({
    method: "DELETE",
    path: C,
    summary: "Delete a component that has no versions",
    access: "maintainer",
    status: 204,
    problems: ["component-not-empty"],
    permissions: ["control:DeleteItem"],
  }),

  createComponentVersion: route({
    method: "POST",
    path: `${C}/versions`,
    summary: "Create a draft version, with a recipe or that of another version",
    access: "maintainer",
    body: CreateVersion,
    status: 201,
    located: true,
    answer: ComponentVersion,
    tagged: true,
    problems: ["invalid-recipe", "name-taken", "not-ready"],
    permissions: ["control:ConditionCheckItem", "control:Query"],
  }),
  listComponentVersions: route({
    method: "GET",
    path: `${C}/versions`,
    summary: "List a component's versions, the highest first",
    access: "viewer",
    query: Page,
    status: 200,
    answer: ListedVersions,
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getComponentVersion: route({
    method: "GET",
    path: V,
    summary: "Get a version",
    access: "viewer",
    status: 200,
    answer: ComponentVersion,
    tagged: true,
    problems: [],
  }),
  updateComponentVersion: route({
    method: "PATCH",
    path: V,
    summary: "Change a draft's description or recipe",
    access: "maintainer",
    body: EditVersion,
    ifMatch: "required",
    status: 200,
    answer: ComponentVersion,
    tagged: true,
    problems: ["invalid-recipe", "version-immutable"],
  }),
  getComponentVersionFindings: route({
    method: "GET",
    path: `${V}/findings`,
    summary: "Get what is wrong with a version's recipe, held against its files and the workspace's components",
    access: "viewer",
    status: 200,
    answer: RecipeFindings,
    problems: [],
    permissions: ["control:Query"],
  }),
  getComponentVersionDiff: route({
    method: "GET",
    path: `${V}/diff/{from}`,
    summary: "Get what a version has otherwise than another one of its component",
    access: "viewer",
    query: Page,
    status: 200,
    answer: VersionDiff,
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  listComponentVersionUsage: route({
    method: "GET",
    path: `${V}/usage`,
    summary:
      "List the deployments that a version satisfies, the nodes that are to run it, or the versions that depend on it",
    access: "viewer",
    query: Page.extend({
      of: z
        .enum(["deployments", "nodes", "component-versions"])
        .default("deployments")
        .meta({ description: "What to list" }),
    }),
    status: 200,
    answer: page(
      z
        .object({
          type: z.enum(["node-group", "node", "component-version"]),
          id: z.string(),
          name: z.string(),
          requirement: z
            .string()
            .optional()
            .meta({ description: "What the deployment to it wants, or what it requires as a dependency" }),
          onlyThis: z
            .boolean()
            .optional()
            .meta({
              description:
                "Of a version that depends on this one: whether nothing else that is published meets what it requires, so " +
                "that this one cannot be deleted",
            }),
        })
        .meta({ id: "UserOfVersion" }),
    ),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  deprecateComponentVersion: route({
    method: "POST",
    path: `${V}/deprecation`,
    summary: "Mark a published version as to be used no more, with the reason; deployments keep it",
    access: "maintainer",
    body: Deprecate,
    repeatable: true,
    status: 200,
    answer: ComponentVersion,
    tagged: true,
    problems: ["not-ready", "conflict"],
  }),
  restoreComponentVersion: route({
    method: "DELETE",
    path: `${V}/deprecation`,
    summary: "Take the mark off a version that was to be used no more",
    access: "maintainer",
    status: 200,
    answer: ComponentVersion,
    tagged: true,
    problems: ["not-ready", "conflict"],
  }),
  exportComponentVersion: route({
    method: "GET",
    path: `${V}/export`,
    summary: "List the files of the folder from which the Greengrass Development Kit builds a version",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(FolderFile),
    problems: ["invalid-cursor"],
    permissions: ["control:Query", "artifact:Get"],
  }),
  createComponentFile: route({
    method: "POST",
    path: `${V}/files`,
    summary: "Declare a file of a draft, in place of one of the same path, and learn where to send its bytes",
    access: "maintainer",
    body: CreateFile,
    status: 201,
    answer: CreatedFile,
    problems: ["version-immutable", "path-clash", "conflict", "busy"],
    permissions: DECLARE_FILES,
  }),
  listComponentFiles: route({
    method: "GET",
    path: `${V}/files`,
    summary: "List a version's files by path",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(ComponentFile),
    problems: ["invalid-cursor"],
    permissions: ["control:Query"],
  }),
  getComponentFile: route({
    method: "GET",
    path: `${V}/files/{path+}`,
    summary: "Get a file of a version, with a URL to download it from",
    access: "viewer",
    status: 200,
    answer: FoundFile,
    problems: [],
    permissions: ["artifact:Find"],
  }),
  deleteComponentFile: route({
    method: "DELETE",
    path: `${V}/files/{path+}`,
    summary: "Delete a file of a draft, with what was uploaded of it",
    access: "maintainer",
    status: 204,
    problems: ["version-immutable", "conflict", "busy"],
    permissions: ["control:ConditionCheckItem", "control:DeleteItem", "artifact:Delete", "artifact:AbortUpload"],
  }),
  getComponentUpload: route({
    method: "GET",
    path: `${V}/uploads/{path+}`,
    summary: "List the parts of a large file's upload: which have come, and where to send the others",
    access: "maintainer",
    query: Page,
    status: 200,
    answer: page(UploadPart),
    problems: ["invalid-cursor"],
    permissions: ["artifact:ListParts", "artifact:Put"],
  }),
  completeComponentUpload: route({
    method: "POST",
    path: `${V}/uploads/{path+}`,
    summary: "Complete a large file's upload once all of its parts have come",
    access: "maintainer",
    repeatable: true,
    status: 200,
    answer: ComponentFile,
    problems: ["version-immutable", "upload-incomplete", "conflict", "busy"],
    permissions: ["control:ConditionCheckItem", "artifact:ListParts", "artifact:Find", "artifact:Put"],
  }),
  applyComponentManifest: route({
    method: "POST",
    path: `${V}/manifest`,
    summary: "Say which files a draft is to have, and learn which of them to send: those that changed",
    access: "maintainer",
    body: Manifest,
    maxBodyBytes: 4 * 1024 ** 2,
    repeatable: true,
    status: 200,
    answer: ManifestAnswer,
    problems: ["version-immutable", "path-clash", "conflict", "busy", "invalid-cursor"],
    permissions: [...DECLARE_FILES, "control:Query", "control:DeleteItem"],
  }),
  publishComponentVersion: route({
    method: "POST",
    path: `${V}/publish`,
    summary: "Publish a draft: check its files, make it a Greengrass component version",
    access: "maintainer",
    status: 202,
    answer: Intent,
    problems: ["version-immutable"],
  }),
  deleteComponentVersion: route({
    method: "DELETE",
    path: V,
    summary: "Delete a version that no deployment uses and no other version needs",
    access: "maintainer",
    status: 202,
    answer: Intent,
    problems: ["version-in-use", "not-ready"],
    permissions: ["control:Query"],
  }),
} as const;
