import { S3Error } from "./errors.ts";

/** An element: either text or children; attributes (namespaces) carry nothing in S3's documents. */
export interface Element {
  readonly name: string;
  readonly children: readonly Element[];
  readonly text: string;
}

/** What {@link render} takes: text, one element per entry, repeated elements as an array; undefined is left out. */
export type XmlValue =
  | string
  | number
  | boolean
  | XmlTree
  | readonly (string | number | boolean | XmlTree)[]
  | undefined;
export interface XmlTree {
  readonly [name: string]: XmlValue;
}

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';
const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Control characters become references, as S3 writes them, although XML 1.0 parsers refuse some of those. */
const escapeText = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: keys may hold them, and the answer must be able to name the key
  text.replace(/[&<>"\u0000-\u001f\u007f]/g, (c) => ESCAPES[c] ?? `&#x${c.charCodeAt(0).toString(16)};`);

const renderValue = (name: string, value: XmlValue): string => {
  if (value === undefined) return "";
  if (Array.isArray(value)) return value.map((item: XmlValue) => renderValue(name, item)).join("");
  const inner = typeof value === "object" ? renderTree(value as XmlTree) : escapeText(String(value));
  return `<${name}>${inner}</${name}>`;
};

const renderTree = (tree: XmlTree): string =>
  Object.entries(tree)
    .map(([name, value]) => renderValue(name, value))
    .join("");

/** An answer's document in S3's namespace. */
export const render = (root: string, tree: XmlTree): string =>
  `${DECLARATION}<${root} xmlns="${NAMESPACE}">${renderTree(tree)}</${root}>`;

/** A document of one element that holds text. */
export const renderText = (root: string, text: string): string =>
  `${DECLARATION}<${root} xmlns="${NAMESPACE}">${escapeText(text)}</${root}>`;

/** Error documents have no namespace. */
export const renderError = (tree: XmlTree): string => `${DECLARATION}<Error>${renderTree(tree)}</Error>`;

/** A parsed element as a document again. */
export const renderElement = (element: Element): string => render(element.name, treeOf(element));

const treeOf = (element: Element): XmlTree => {
  const tree: Record<string, (string | XmlTree)[]> = {};
  for (const child of element.children) {
    const list = tree[child.name] ?? [];
    list.push(child.children.length > 0 ? treeOf(child) : child.text);
    tree[child.name] = list;
  }
  return tree;
};

const unescapeText = (text: string): string =>
  text.replace(/&(#x[0-9a-fA-F]+|#[0-9]+|\w*);?/g, (whole, name: string) => {
    const code = name.startsWith("#x") ? Number.parseInt(name.slice(2), 16) : Number.parseInt(name.slice(1), 10);
    const character = name.startsWith("#")
      ? code <= 0x10ffff
        ? String.fromCodePoint(code)
        : undefined
      : Object.hasOwn(ENTITIES, name)
        ? ENTITIES[name]
        : undefined;
    if (character === undefined || !whole.endsWith(";")) throw S3Error.of("MalformedXML");
    return character;
  });

const TOKEN =
  /<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\/([\w:.-]+)\s*>|<([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/gy;

/**
 * Reads a request's document. Document types are refused, so that no entity can expand or reach a file.
 * @throws S3Error MalformedXML
 */
export const parseXml = (source: string): Element => {
  interface Open {
    readonly name: string;
    readonly children: Element[];
    text: string;
  }
  const top: Open = { name: "", children: [], text: "" };
  const open: Open[] = [top];
  TOKEN.lastIndex = 0;
  const document = source.startsWith("\ufeff") ? source.slice(1) : source;
  let position = 0;
  while (position < document.length) {
    const token = TOKEN.exec(document);
    const current = open.at(-1);
    if (token === null || current === undefined) throw S3Error.of("MalformedXML");
    position = TOKEN.lastIndex;
    const [, cdata, closed, opened, , empty, text] = token;
    if (text !== undefined) current.text += unescapeText(text);
    else if (cdata !== undefined) current.text += cdata;
    else if (opened !== undefined) {
      const element: Open = { name: opened, children: [], text: "" };
      current.children.push(element);
      if (empty === "") open.push(element);
    } else if (closed !== undefined) {
      if (current === top || current.name !== closed) throw S3Error.of("MalformedXML");
      open.pop();
    }
  }
  const [root, ...others] = top.children;
  if (root === undefined || others.length > 0 || open.length > 1 || top.text.trim() !== "") {
    throw S3Error.of("MalformedXML");
  }
  return root;
};

/** What an element may hold: anything, text that passes a check, or elements by name with how often each may occur. */
export type Shape = "any" | ((text: string) => boolean) | { readonly [name: string]: Occurrence };
export interface Occurrence {
  readonly min: number;
  readonly max: number;
  readonly shape: Shape;
}

/** @throws S3Error MalformedXML when the element is named otherwise or does not have the shape */
export const expectShape = (element: Element, name: string, shape: Shape): void => {
  if (element.name !== name) throw S3Error.of("MalformedXML");
  if (shape === "any") return;
  if (typeof shape === "function") {
    if (element.children.length > 0 || !shape(element.text)) throw S3Error.of("MalformedXML");
    return;
  }
  for (const child of element.children) {
    const allowed = Object.hasOwn(shape, child.name) ? shape[child.name] : undefined;
    if (allowed === undefined) throw S3Error.of("MalformedXML");
    expectShape(child, child.name, allowed.shape);
  }
  for (const [childName, { min, max }] of Object.entries(shape)) {
    const count = element.children.filter((child) => child.name === childName).length;
    if (count < min || count > max) throw S3Error.of("MalformedXML");
  }
};

export const once = (shape: Shape): Occurrence => ({ min: 1, max: 1, shape });
export const optional = (shape: Shape): Occurrence => ({ min: 0, max: 1, shape });
export const many = (shape: Shape, min = 0, max = Number.POSITIVE_INFINITY): Occurrence => ({ min, max, shape });
export const anyText = (): boolean => true;
export const oneOf =
  (...values: readonly string[]) =>
  (text: string): boolean =>
    values.includes(text);
export const boolean = oneOf("true", "false", "TRUE", "FALSE");
export const integer = (text: string): boolean => /^\d{1,15}$/.test(text);

/** The elements of that name directly below. */
export const childrenOf = (element: Element, name: string): Element[] =>
  element.children.filter((child) => child.name === name);

/** The text of the first element of that name directly below. */
export const textOf = (element: Element, name: string): string | undefined => childrenOf(element, name)[0]?.text;
