import type { Report } from "./recipe-findings.ts";
import { allMembers, isObject, type Member, textOf, wrongType } from "./recipe-members.ts";

/** Names as AWS's examples and nucleus lite have them. */
const STEPS = ["bootstrap", "install", "startup", "run", "shutdown", "recover"] as const;
export type StepName = (typeof STEPS)[number];

const STEP_MEMBERS = ["Script", "RequiresPrivilege", "Skipif", "Timeout", "Setenv"] as const;

/** What a lifecycle says, with where it stands. */
export interface Found {
  readonly pointer: string;
  readonly empty: boolean;
  readonly steps: { readonly step: StepName; readonly pointer: string }[];
  /** Where recipe variables may stand. */
  readonly texts: { readonly text: string; readonly pointer: string }[];
  readonly environment: Member[];
  readonly skipIfs: string[];
  /** Names in another case than the documented one. */
  readonly misspelt: { readonly pointer: string; readonly name: string; readonly wanted: string }[];
  /** The keys by which manifests select parts of the global lifecycle. */
  readonly selections: Set<string>;
}

const nothing = (pointer: string, value: unknown): Found => ({
  pointer,
  empty: !isObject(value) || Object.keys(value).length === 0,
  steps: [],
  texts: [],
  environment: [],
  skipIfs: [],
  misspelt: [],
  selections: new Set(),
});

/** The lifecycle of a manifest. */
export const checkLifecycle = (member: Member, report: Report): Found => {
  const found = nothing(member.pointer, member.value);
  walkLifecycle(member, { found, report, selectable: false });
  return found;
};

/** The lifecycle outside of manifests, which may have keys of one's own at any level, that manifests select by. */
export const checkGlobalLifecycle = (member: Member, report: Report): Found => {
  const found = nothing(member.pointer, member.value);
  walkLifecycle(member, { found, report, selectable: true });
  return found;
};

interface Walk {
  readonly found: Found;
  readonly report: Report;
  readonly selectable: boolean;
}

/** The documented name, noting one that is written in another case. */
const named = <Name extends string>(member: Member, names: readonly Name[], { found }: Walk): Name | undefined => {
  const known = names.find((name) => name.toLowerCase() === member.name.toLowerCase());
  if (known !== undefined && known !== member.name) {
    found.misspelt.push({ pointer: member.pointer, name: member.name, wanted: known });
  }
  return known;
};

const once = (known: string, seen: Set<string>, { pointer }: Member, report: Report) => {
  if (seen.has(known)) report("error", "duplicate-member", pointer, `${known} is there twice`, "Leave one of them.");
  seen.add(known);
};

const walkLifecycle = (of: Member, walk: Walk): void => {
  const { found, report, selectable } = walk;
  const seen = new Set<string>();
  for (const member of allMembers(of, report)) {
    const known = named(member, [...STEPS, "Setenv"], walk);
    if (known !== undefined) once(known, seen, member, report);
    if (known === "Setenv") walkEnvironment(member, walk);
    else if (known !== undefined) {
      found.steps.push({ step: known, pointer: member.pointer });
      walkStep(member, walk);
    } else if (selectable && isObject(member.value)) {
      found.selections.add(member.name);
      walkLifecycle(member, walk);
    } else {
      const hint = `Take one of ${STEPS.join(", ")}, or Setenv.`;
      report("error", "unknown-step", member.pointer, `${member.name} is no step of a lifecycle`, hint);
    }
  }
  if (seen.has("run") && seen.has("startup")) {
    const hint = "Take startup for what ends once it has started a service, run for what is the service.";
    report("error", "run-and-startup", of.pointer, "a component has either run or startup", hint);
  }
};

const walkStep = (of: Member, walk: Walk): void => {
  const { found, report, selectable } = walk;
  if (typeof of.value === "string") {
    found.texts.push({ text: of.value, pointer: of.pointer });
    return;
  }
  if (!isObject(of.value)) {
    wrongType(of, "a script, or an object with one", report);
    return;
  }
  const seen = new Set<string>();
  let selected = false;
  for (const member of allMembers(of, report)) {
    const known = named(member, STEP_MEMBERS, walk);
    if (known !== undefined) {
      once(known, seen, member, report);
      checkStepMember(known, member, walk);
    } else if (selectable) {
      found.selections.add(member.name);
      selected = true;
      walkStep(member, walk);
    } else {
      const detail = `${member.name} is not a member of a step`;
      report("warning", "unknown-member", member.pointer, detail, `Take one of ${STEP_MEMBERS.join(", ")}.`);
    }
  }
  if (!seen.has("Script") && !selected) {
    report("error", "missing-member", of.pointer, "Script is missing", "Say what the step runs.");
  }
};

const checkStepMember = (name: (typeof STEP_MEMBERS)[number], member: Member, walk: Walk): void => {
  if (name === "Script") walkScript(member, walk);
  else if (name === "Setenv") walkEnvironment(member, walk);
  else if (name === "Timeout") checkTimeout(member, walk);
  else if (name === "Skipif") checkSkipIf(member, walk);
  else if (!["true", "false"].includes(String(member.value))) wrongType(member, "true or false", walk.report);
};

const checkSkipIf = (member: Member, { found, report }: Walk): void => {
  const { pointer } = member;
  found.skipIfs.push(pointer);
  const text = textOf(member, report);
  if (text === undefined) return;
  found.texts.push({ text, pointer });
  if (!/^(?:onpath|exists)\s+\S/.test(text)) {
    const hint = "Write `onpath` and a program, or `exists` and a file.";
    report("error", "skip-if", pointer, `${text} is no check`, hint);
  }
};

/** A whole number of seconds, as such or as a text, or a variable that has one. */
const checkTimeout = (member: Member, { found, report }: Walk): void => {
  const { value, pointer } = member;
  if (typeof value === "string" && /^\{[^{}]+\}$/.test(value)) {
    found.texts.push({ text: value, pointer });
  } else if (!/^[1-9]\d{0,8}$/.test(typeof value === "number" || typeof value === "string" ? String(value) : "")) {
    report("error", "timeout", pointer, "it is no number of seconds", "Write a whole number from 1.");
  }
};

const walkScript = (member: Member, walk: Walk): void => {
  const { found, report, selectable } = walk;
  const { value, pointer } = member;
  if (typeof value === "string") found.texts.push({ text: value, pointer });
  else if (!selectable || !isObject(value)) wrongType(member, "a text", report);
  else {
    for (const choice of allMembers(member, report)) {
      found.selections.add(choice.name);
      walkScript(choice, walk);
    }
  }
};

const walkEnvironment = (member: Member, { found, report }: Walk): void => {
  for (const variable of allMembers(member, report)) {
    const { value, pointer } = variable;
    found.environment.push(variable);
    if (typeof value === "string") found.texts.push({ text: value, pointer });
    else if (typeof value !== "number" && typeof value !== "boolean") {
      wrongType(variable, "a text, a number, true or false", report);
    }
  }
};
