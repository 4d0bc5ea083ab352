import * as z from "zod";
import { AuditRecord } from "../../audit/audit.ts";
import { EXPORT_EXAMPLES, EXPORT_FORMATS } from "../../audit/export.ts";
import { ListedEventType } from "../../event/schema.ts";
import { Intent } from "../../intent/intent.ts";
import { JsonObject } from "../../json.ts";
import { Page, page, route, W } from "./route.ts";

const AuditFilter = z.object({
  from: z.iso.datetime({ offset: true }).optional().meta({ description: "Records from this time on" }),
  to: z.iso.datetime({ offset: true }).optional().meta({ description: "Records before this time" }),
  actor: z
    .string()
    .min(1)
    .max(300)
    .optional()
    .meta({ description: "Only what this one did, such as `user:{subject}`" }),
  object: z.string().min(1).max(128).optional().meta({ description: "Only what was done to the thing with this id" }),
});

/** What was asked for and done, and what the API says of itself. */
export const recordRoutes = {
  listIntents: route({
    method: "GET",
    path: `${W}/intents`,
    summary: "List a workspace's intents, newest first",
    access: "viewer",
    query: Page,
    status: 200,
    answer: page(Intent),
    problems: ["invalid-cursor"],
    permissions: ["index:intentsOfWorkspace"],
  }),
  listAudit: route({
    method: "GET",
    path: `${W}/audit`,
    summary: "List who did what in a workspace, newest first",
    access: "maintainer",
    query: Page.extend(AuditFilter.shape),
    status: 200,
    answer: page(AuditRecord),
    problems: ["invalid-cursor"],
    permissions: ["control:Query", "index:audit"],
  }),
  exportAudit: route({
    method: "GET",
    path: `${W}/audit/export`,
    summary: "Export who did what in a workspace, newest first, a record a line or a row, up to 1,000 at once",
    access: "maintainer",
    query: AuditFilter.extend({
      cursor: Page.shape.cursor,
      format: z.enum(["jsonl", "csv"]).default("jsonl").meta({
        description:
          "JSON Lines, or CSV (RFC 4180, UTF-8). In CSV only the first page begins with the names of the columns, so that pages one after the other are one file; `changes`, with what was before and after, is JSON. A cell that begins with `=`, `+`, `-`, `@`, a tab, an end of line, a NUL or `'` has a `'` before it, so that no spreadsheet runs it",
      }),
    }),
    status: 200,
    answer: z.string(),
    media: EXPORT_FORMATS.jsonl.media,
    texts: EXPORT_EXAMPLES,
    linked: true,
    problems: ["invalid-cursor"],
    permissions: ["control:Query", "index:audit"],
  }),
  getIntent: route({
    method: "GET",
    path: "/v1/intents/{intent}",
    summary: "Get an intent: how far an accepted wish has come",
    access: "caller",
    status: 200,
    answer: Intent,
    problems: [],
  }),
  listEventTypes: route({
    method: "GET",
    path: "/v1/event-schemas",
    summary: "List the types of the events that are told on the bus and by webhooks",
    access: "anyone",
    status: 200,
    answer: z.object({ items: z.array(ListedEventType) }),
    problems: [],
  }),
  getEventSchema: route({
    method: "GET",
    path: "/v1/event-schemas/{type}/{version}",
    summary: "Get the JSON Schema of events of a type and version",
    access: "anyone",
    status: 200,
    answer: JsonObject,
    problems: [],
  }),
  getOpenapi: route({
    method: "GET",
    path: "/v1/openapi.json",
    summary: "Get this document",
    access: "anyone",
    status: 200,
    answer: JsonObject,
    problems: [],
  }),
  getDocs: route({
    method: "GET",
    path: "/v1/docs",
    summary: "Read this document as a page",
    access: "anyone",
    status: 200,
    answer: z.string(),
    media: "text/html",
    problems: [],
  }),
} as const;
