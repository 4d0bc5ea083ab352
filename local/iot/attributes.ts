import { invalidRequest } from "./errors.ts";

interface AttributePayload {
  readonly attributes?: Record<string, string> | undefined;
  readonly merge?: boolean | undefined;
}

/**
 * The attributes after a create or an update. Without `merge` the payload replaces what is stored; an empty value
 * removes its attribute: https://docs.aws.amazon.com/iot/latest/developerguide/thing-registry.html
 */
export const applyAttributes = (
  stored: Readonly<Record<string, string>>,
  payload: AttributePayload | undefined,
): Record<string, string> => {
  if (payload?.attributes === undefined) return { ...stored };
  const next = payload.merge === true ? { ...stored, ...payload.attributes } : payload.attributes;
  return Object.fromEntries(Object.entries(next).filter(([, value]) => value !== ""));
};

/** https://docs.aws.amazon.com/general/latest/gr/iot-core.html: 47 KB of attributes per thing. */
const MAX_BYTES = 47 * 1024;

/** @throws InvalidRequestException (400) for more attributes than `max`, or longer ones than fit. */
export const limitAttributes = (attributes: Readonly<Record<string, string>>, max: number, owner: string): void => {
  if (Object.keys(attributes).length > max) throw invalidRequest(`${owner} can have at most ${max} attributes`);
  const bytes = Buffer.byteLength(Object.entries(attributes).flat().join(""));
  if (bytes > MAX_BYTES) throw invalidRequest(`The attributes of ${owner} can have at most ${MAX_BYTES} bytes`);
};
