import * as z from "zod";
import type { Key } from "./writes.ts";

/** Life cycle of what AWS resources stand behind. */
export const ResourceStatus = z.enum(["creating", "active", "deleting", "failed"]);
export type ResourceStatus = z.infer<typeof ResourceStatus>;

/** What every stored thing carries: `revision` rises with each change that its view shows, and is its ETag. */
export interface Stored extends Key {
  readonly type: string;
  readonly id: string;
  readonly revision: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export const Timestamps = { createdAt: z.iso.datetime(), updatedAt: z.iso.datetime() };

export const Description = z.string().max(1024).meta({ description: "Free text for people" });

/** A strong entity tag (RFC 9110 §8.8.3) of a stored thing. */
export const entityTag = (stored: { readonly revision: number }): string => `"${stored.revision}"`;

/** A stored thing without keys and inner attributes, in the order of the view's schema. */
export const view = <Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  stored: object,
): z.infer<z.ZodObject<Shape>> => schema.parse(stored);

/** The members that every created thing starts with. */
export const born = (now: Date) => ({ revision: 1, createdAt: now.toISOString(), updatedAt: now.toISOString() });
