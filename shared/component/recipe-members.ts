import { pointerTo } from "../json.ts";
import type { Report } from "./recipe-findings.ts";

/** A value of a recipe and where it stands. */
export interface Member {
  readonly value: unknown;
  readonly pointer: string;
  /** The name as it is written. */
  readonly name: string;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const kindOf = (value: unknown): string => {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
};

export const wrongType = ({ value, pointer }: Member, wanted: string, report: Report): undefined => {
  report("error", "type", pointer, `it is ${kindOf(value)}`, `It must be ${wanted}.`);
};

/** All members of an object as they are written; none, and a finding, where it is no object. */
export const allMembers = (of: Member, report: Report): Member[] => {
  if (!isObject(of.value)) {
    wrongType(of, "an object", report);
    return [];
  }
  return Object.entries(of.value).map(([name, value]) => ({ name, value, pointer: pointerTo(of.pointer, name) }));
};

/**
 * The members that an object of the format has, by their documented names; Greengrass compares names without regard to case
 * and refuses what it does not know (`ACCEPT_CASE_INSENSITIVE_PROPERTIES` of
 * https://github.com/aws-greengrass/aws-greengrass-component-common/blob/main/src/main/java/com/amazon/aws/iot/greengrass/component/common/SerializerFactory.java).
 */
export const knownMembers = <Name extends string>(
  of: Member,
  names: readonly Name[],
  report: Report,
): Partial<Record<Name, Member>> => {
  const found: Partial<Record<Name, Member>> = {};
  for (const member of allMembers(of, report)) {
    const known = names.find((name) => name.toLowerCase() === member.name.toLowerCase());
    if (known === undefined) {
      const hint = `Leave it out, or take one of ${names.join(", ")}.`;
      report("error", "unknown-member", member.pointer, `${member.name} is not a member here`, hint);
    } else if (found[known] !== undefined) {
      report("error", "duplicate-member", member.pointer, `${known} is there twice`, "Leave one of them.");
    } else found[known] = member;
  }
  return found;
};

/** @returns undefined, with a finding unless the member is absent, for what is no text */
export const textOf = (member: Member | undefined, report: Report): string | undefined => {
  if (member === undefined) return undefined;
  return typeof member.value === "string" ? member.value : wrongType(member, "a text", report);
};

/** One of several texts. */
export const oneOf = <Value extends string>(
  member: Member | undefined,
  values: readonly Value[],
  report: Report,
): Value | undefined => {
  const text = textOf(member, report);
  if (member === undefined || text === undefined) return undefined;
  const found = values.find((value) => value === text);
  if (found === undefined)
    report("error", "value", member.pointer, `it is ${text}`, `Take one of ${values.join(", ")}.`);
  return found;
};

/** The elements of a list. */
export const elementsOf = (member: Member | undefined, report: Report): Member[] => {
  if (member === undefined) return [];
  if (!Array.isArray(member.value)) {
    wrongType(member, "a list", report);
    return [];
  }
  return member.value.map((value, index) => ({
    name: String(index),
    value,
    pointer: pointerTo(member.pointer, index),
  }));
};
