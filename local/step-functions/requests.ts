import * as z from "zod";
import { ServiceError } from "../aws-json-rpc.ts";

/** What the operations' inputs and answers have in common. */

export const Paging = {
  maxResults: z.int().min(0).max(1000).optional(),
  nextToken: z.string().min(1).max(3096).optional(),
};
const DEFAULT_PAGE = 100;
export const pageSize = (maxResults: number | undefined): number => maxResults || DEFAULT_PAGE;

/** A time of an answer, in seconds. */
export const seconds = (milliseconds: number): number => milliseconds / 1000;

/** What {@link encodeToken} made, of the number after which the next page begins. @throws ServiceError InvalidToken */
export const decodeToken = (token: string | undefined, otherwise: number): number => {
  if (token === undefined) return otherwise;
  const position = Number(Buffer.from(token, "base64url").toString());
  if (!Number.isSafeInteger(position)) throw new ServiceError("InvalidToken", "Invalid Token");
  return position;
};
const encodeToken = (position: number): string => Buffer.from(String(position)).toString("base64url");

/** A page of rows that come in the order of falling positions, of which one more than the page takes was asked for. */
export const pageOf = <Row extends { readonly position: number }>(rows: readonly Row[], limit: number) => {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return { page, ...(last === undefined ? {} : { nextToken: encodeToken(last.position) }) };
};
/** A page of a list of known length. */
export const slice = (length: number, from: number, limit: number) => ({
  to: Math.min(from + limit, length),
  ...(from + limit < length ? { nextToken: encodeToken(from + limit) } : {}),
});

/** @throws ServiceError InvalidArn */
export const partsOf = (pattern: RegExp, arn: string): string[] => {
  const match = pattern.exec(arn);
  if (match === null) throw new ServiceError("InvalidArn", `Invalid Arn: '${arn}'`);
  return match.slice(1);
};
export const MACHINE_ARN = /^arn:[\w-]+:states:[^:]*:[^:]*:stateMachine:([^:]+)$/;
export const EXECUTION_ARN = /^arn:[\w-]+:states:[^:]*:[^:]*:execution:([^:]+):([^:]+)$/;
export const MAP_RUN_ARN = /^arn:[\w-]+:states:[^:]*:[^:]*:mapRun:([^:/]+\/[^:]+):([^:]+)$/;
