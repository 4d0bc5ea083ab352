import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseAllDocuments,
  stringify,
} from "yaml";
import { pointerTo } from "../json.ts";
import { bytesOf, MAX_RECIPE_BYTES, type RecipeText } from "./recipe.ts";
import { collectFindings, type RecipeFinding, type Report } from "./recipe-findings.ts";

/** Deeper than any recipe, and less than what a walk can take. */
const MAX_DEPTH = 64;

/** Where a value stands in its text: offsets of its first character and of the one after its last. */
interface Place {
  readonly start: number;
  readonly end: number;
}

export interface ParsedRecipe {
  /** Plain JSON: objects, arrays, texts, finite numbers, booleans, null. Undefined where the text could not be read. */
  readonly document: unknown;
  /** The place of each value by its JSON pointer (RFC 6901). */
  readonly places: ReadonlyMap<string, Place>;
  /** Why the text cannot be read, or not everywhere as it stands. */
  readonly findings: readonly RecipeFinding[];
}

interface Reading {
  readonly text: string;
  readonly places: Map<string, Place>;
  readonly report: Report;
}

/**
 * Reads a recipe. Whatever the text, the document is no larger than it: YAML's aliases are refused, which AWS does not read
 * as YAML means them either (https://github.com/FasterXML/jackson-dataformats-text/issues/98), and so are several documents
 * in one text, tags, and directives. Takes as long as the text is, at most {@link MAX_RECIPE_BYTES}.
 */
export const parseRecipe = ({ format, text }: RecipeText): ParsedRecipe => {
  const { findings, report } = collectFindings();
  const places = new Map<string, Place>();
  const unread = { document: undefined, places, findings };
  if (bytesOf(text) > MAX_RECIPE_BYTES) {
    report("error", "too-large", "", `the recipe has ${bytesOf(text)} bytes`, `At most ${MAX_RECIPE_BYTES} are taken.`);
    return unread;
  }
  if (!text.isWellFormed()) {
    report("error", "syntax", "", "the text is not well-formed Unicode", "Send it as UTF-8.");
    return unread;
  }
  const reading = { text, places, report };
  const document = format === "json" ? readJson(reading) : readYaml(reading);
  // What is broken somewhere has no document: it might say something else than was meant.
  return findings.some(({ severity }) => severity === "error") ? unread : { document, places, findings };
};

/** The recipe as text that {@link parseRecipe} reads as the same document. */
export const printRecipe = (document: unknown, format: RecipeText["format"]): string =>
  format === "json" ? JSON.stringify(document) : stringify(document, { aliasDuplicateObjects: false, lineWidth: 0 });

/**
 * The text with other values, texts each, in some places; all else stays byte for byte.
 * @param values new values by JSON pointer; a pointer to what is no single value on its line is passed over
 */
export const withValues = (source: RecipeText, values: ReadonlyMap<string, string>): RecipeText => {
  const { places } = parseRecipe(source);
  const changes = [...values]
    .flatMap(([pointer, value]) => {
      const place = places.get(pointer);
      const former = place && source.text.slice(place.start, place.end);
      if (place === undefined || former === undefined || /^[[{|>]|\n/.test(former)) return [];
      return [{ ...place, value }];
    })
    .sort((a, b) => b.start - a.start);
  const text = changes.reduce(
    // A JSON string is a double-quoted scalar of YAML as well.
    (all, { start, end, value }) => all.slice(0, start) + JSON.stringify(value) + all.slice(end),
    source.text,
  );
  return { ...source, text };
};

/** Line and column, from 1, of the value that a pointer leads to, or of what it would be in. */
export const lineAndColumn = (
  text: string,
  places: ReadonlyMap<string, Place>,
  pointer: string,
): { line: number; column: number } | undefined => {
  for (let at = pointer; ; at = at.slice(0, at.lastIndexOf("/"))) {
    const place = places.get(at);
    if (place !== undefined) {
      const before = text.slice(0, place.start).split("\n");
      return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
    }
    if (at === "") return undefined;
  }
};

/** Sets a member, whatever its name. Reports a name that is there already, and one that would be lost in copies. */
const setMember = (object: Record<string, unknown>, name: string, value: unknown, pointer: string, report: Report) => {
  if (name === "__proto__") {
    report("error", "member-name", pointer, "no member may be named __proto__", "Give it another name.");
  } else if (Object.hasOwn(object, name)) {
    report("error", "duplicate-member", pointer, `${name} is there twice`, "Leave one of them.");
  } else object[name] = value;
};

const tooDeep = (pointer: string, report: Report): undefined => {
  report("error", "too-deep", pointer, `it is nested more than ${MAX_DEPTH} levels deep`, "Make it flatter.");
};

/** A number that JSON can say; -0 is written as 0. */
const jsonNumber = (value: number | bigint, pointer: string, report: Report): number | undefined => {
  if (typeof value === "number" && Number.isFinite(value)) return value === 0 ? 0 : value;
  report("error", "number", pointer, "the number is not one that JSON has", "Write it as a text.");
  return undefined;
};

const readJson = (reading: Reading): unknown => {
  try {
    JSON.parse(reading.text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    reading.report("error", "syntax", "", `the text is not JSON: ${error.message}`, "RFC 8259 says what JSON is.");
    return undefined;
  }
  return jsonValue(reading, skipSpace(reading.text, 0), "", 0).value;
};

const skipSpace = (text: string, from: number): number => {
  let at = from;
  while (" \t\r\n".includes(text[at] ?? "x")) at += 1;
  return at;
};

/** The value at an offset of a text that is known to be JSON, with the offset after it. */
const jsonValue = (
  reading: Reading,
  start: number,
  pointer: string,
  depth: number,
): { value: unknown; end: number } => {
  const { text, places, report } = reading;
  const done = (value: unknown, end: number) => {
    places.set(pointer, { start, end });
    return { value, end };
  };
  const opening = text[start];
  if (opening !== "{" && opening !== "[") {
    const pattern = opening === '"' ? /"(?:[^"\\]|\\.)*"/y : /[^\s,\]}]+/y;
    pattern.lastIndex = start;
    const [token = ""] = pattern.exec(text) ?? [];
    const value: unknown = JSON.parse(token);
    return done(typeof value === "number" ? jsonNumber(value, pointer, report) : value, start + token.length);
  }
  if (depth === MAX_DEPTH) return { value: tooDeep(pointer, report), end: text.length };
  const list: unknown[] = [];
  const object: Record<string, unknown> = {};
  let at = skipSpace(text, start + 1);
  while (at < text.length && text[at] !== "]" && text[at] !== "}") {
    let name = "";
    if (opening === "{") {
      const key = jsonValue({ ...reading, places: new Map() }, at, pointer, depth);
      name = String(key.value);
      at = skipSpace(text, skipSpace(text, key.end) + 1); // the colon
    }
    const inner = pointerTo(pointer, opening === "{" ? name : list.length);
    const { value, end } = jsonValue(reading, at, inner, depth + 1);
    if (opening === "{") setMember(object, name, value, inner, report);
    else list.push(value);
    at = skipSpace(text, end);
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return done(opening === "{" ? object : list, at + 1);
};

const readYaml = (reading: Reading): unknown => {
  const { text, report } = reading;
  const counter = new LineCounter();
  // YAML 1.2 as JSON has it: no dates, no `yes` for true. Members that are there twice are told with their pointer.
  const documents = parseAllDocuments(text, { lineCounter: counter, uniqueKeys: false, prettyErrors: false });
  if ("empty" in documents) {
    report("error", "syntax", "", "there is no document in the text", "Write a recipe.");
    return undefined;
  }
  const [document, another] = documents;
  for (const { message, pos } of [...(document?.errors ?? []), ...(document?.warnings ?? [])]) {
    const { line, col } = counter.linePos(pos[0]);
    report(
      "error",
      "syntax",
      "",
      `line ${line}, column ${col}: ${message}`,
      "https://yaml.org/spec/1.2.2 says what YAML is.",
    );
  }
  if (document === undefined || document.errors.length > 0) return undefined;
  if (another !== undefined) {
    report("error", "several-documents", "", "there is more than one document in the text", "Leave one of them.");
  }
  if (document.directives?.yaml.explicit || Object.keys(document.directives?.tags ?? {}).length > 1) {
    report("error", "yaml-directive", "", "directives are not taken", "Leave out the lines that start with %.");
    return undefined;
  }
  return yamlValue(reading, document.contents, "", 0);
};

const yamlValue = (reading: Reading, node: unknown, pointer: string, depth: number): unknown => {
  const { places, report } = reading;
  if (isAlias(node)) return refusedAlias(node, pointer, report);
  if (isScalar(node) || isMap(node) || isSeq(node)) {
    const [start = 0, end = 0] = node.range ?? [];
    places.set(pointer, { start, end });
    // A tag that YAML's core does not know is told as a warning of the parser; the others say what is so without them.
    if (node.tag !== undefined && !/^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq)$/.test(node.tag)) {
      report("error", "yaml-tag", pointer, `the tag ${node.tag} is not taken`, "Leave it out.");
    }
  }
  if (isScalar(node)) {
    const { value } = node;
    if (typeof value === "bigint" || typeof value === "number") return jsonNumber(value, pointer, report);
    return value;
  }
  if (!isMap(node) && !isSeq(node)) return null; // a key without a value
  if (depth === MAX_DEPTH) return tooDeep(pointer, report);
  if (isSeq(node))
    return node.items.map((item, index) => yamlValue(reading, item, pointerTo(pointer, index), depth + 1));
  const object: Record<string, unknown> = {};
  for (const pair of node.items) {
    const name = memberName(pair, pointer, report);
    if (name === undefined) continue;
    const inner = pointerTo(pointer, name);
    setMember(object, name, yamlValue(reading, pair.value, inner, depth + 1), inner, report);
  }
  return object;
};

const refusedAlias = (alias: Alias, pointer: string, report: Report): undefined => {
  const hint = "AWS does not read aliases. Write the value out.";
  report("error", "yaml-alias", pointer, `*${alias.source} stands for something else`, hint);
};

const memberName = ({ key }: Pair, pointer: string, report: Report): string | undefined => {
  if (isAlias(key)) return refusedAlias(key, pointer, report);
  if (isScalar(key)) return typeof key.value === "string" ? key.value : (key.source ?? String(key.value));
  report("error", "member-name", pointer, "the name of a member is no text", "Write it as one.");
};
