import type { ZodType } from "zod";
import * as z from "zod";
import type { AwsError } from "../aws-json/errors.ts";

/** Bytes that are no UTF-8 are no JSON: they are not read as if they were. */
const DECODER = new TextDecoder("utf-8", { fatal: true });

/** The JSON value of a payload; an empty one is an empty object. @throws what `wrong` makes of the reason */
export const parseJson = (payload: Buffer, wrong: (reason: string) => AwsError): unknown => {
  if (payload.length === 0) return {};
  try {
    return JSON.parse(DECODER.decode(payload)) as unknown;
  } catch (error) {
    throw wrong(String(error));
  }
};

/** @throws what `wrong` makes of the first thing that does not fit */
export const parseAs = <T>(schema: ZodType<T>, value: unknown, wrong: (reason: string) => AwsError): T => {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  throw wrong(`${issue?.path.join(".") || "the request"}: ${issue?.message}`);
};

/** The client token of a request that may not be valid otherwise. */
export const clientTokenOf = (payload: Buffer): { readonly clientToken?: string | undefined } => {
  try {
    return z.object({ clientToken: z.string().optional() }).parse(JSON.parse(payload.toString()));
  } catch {
    return {}; // whatever it is, it names no token
  }
};

/** AWS IoT's times in messages: whole seconds since the epoch. */
export const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1_000);
