import { AwsError } from "../aws-json/errors.ts";

/**
 * Fleet provisioning templates: https://docs.aws.amazon.com/iot/latest/developerguide/provision-template.html
 */
type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Tree = { readonly [key: string]: Json };

/** A template whose parameters and functions have their values. */
export interface Resources {
  readonly thing?: {
    readonly name: string;
    readonly type?: string;
    readonly attributes: Readonly<Record<string, string>>;
    readonly groups: readonly string[];
    readonly overrides: Readonly<Record<string, string>>;
  };
  readonly certificate?: { readonly id: string; readonly status: "ACTIVE" | "INACTIVE" };
  readonly policies: readonly ({ readonly name: string } | { readonly document: string })[];
  readonly deviceConfiguration: Tree;
}

const invalid = (message: string): AwsError => new AwsError("InvalidParameters", 400, message);

const isTree = (value: Json | undefined): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const treeOf = (value: Json | undefined, what: string): Tree => {
  if (value === undefined) return {};
  if (!isTree(value)) throw invalid(`${what} must be an object`);
  return value;
};

const textOf = (value: Json | undefined, what: string): string => {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
    throw invalid(`${what} must be text`);
  return String(value);
};

const listOf = (value: Json | undefined, what: string): readonly Json[] => {
  if (!Array.isArray(value)) throw invalid(`${what} must be a list`);
  return value as readonly Json[];
};

const own = (tree: Tree, key: string): Json | undefined => (Object.hasOwn(tree, key) ? tree[key] : undefined);

/** Answers values in which every `Ref` and function stands for what it means. */
const resolver = (parameters: Readonly<Record<string, string>>, mappings: Tree) => {
  const parameter = (name: string): string => {
    const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (value === undefined) throw invalid(`Parameter ${name} has no value`);
    return value;
  };

  const functions: Readonly<Record<string, (argument: Json) => Json>> = {
    Ref: (argument) => parameter(textOf(argument, "Ref")),
    "Fn::Join": (argument) => {
      const [delimiter, values] = listOf(resolve(argument), "Fn::Join");
      return listOf(values, "Fn::Join's values")
        .map((value) => textOf(value, "a value of Fn::Join"))
        .join(textOf(delimiter, "Fn::Join's delimiter"));
    },
    "Fn::Select": (argument) => {
      const [index, values] = listOf(resolve(argument), "Fn::Select");
      const value = listOf(values, "Fn::Select's values")[Number(textOf(index, "Fn::Select's index"))];
      if (value === undefined || value === null) throw invalid(`Fn::Select has no value at ${String(index)}`);
      return value;
    },
    "Fn::Split": (argument) => {
      const [delimiter, text] = listOf(resolve(argument), "Fn::Split");
      return textOf(text, "Fn::Split's text").split(textOf(delimiter, "Fn::Split's delimiter"));
    },
    "Fn::FindInMap": (argument) => {
      const keys = listOf(resolve(argument), "Fn::FindInMap").map((key) => textOf(key, "a key of Fn::FindInMap"));
      const value = keys.reduce<Json | undefined>((map, key) => (isTree(map) ? own(map, key) : undefined), mappings);
      if (keys.length !== 3 || value === undefined) throw invalid(`Fn::FindInMap finds nothing at ${keys.join(", ")}`);
      return value;
    },
    "Fn::Sub": (argument) => {
      const [text, variables] = Array.isArray(argument) ? (argument as readonly Json[]) : [argument];
      const given = treeOf(variables, "Fn::Sub's variables");
      return textOf(text, "Fn::Sub").replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
        if (literal === "!") return `\${${name}}`;
        const variable = own(given, name);
        return variable === undefined ? parameter(name) : textOf(resolve(variable), `Fn::Sub's ${name}`);
      });
    },
  };

  const resolve = (value: Json): Json => {
    if (Array.isArray(value)) return (value as readonly Json[]).map(resolve);
    if (!isTree(value)) return value;
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first !== undefined) {
      const [name, argument] = first;
      const known = Object.hasOwn(functions, name) ? functions[name] : undefined;
      if (known !== undefined) return known(argument);
      if (name.startsWith("Fn::")) throw invalid(`${name} is no function of provisioning templates`);
    }
    return Object.fromEntries(entries.map(([key, inner]) => [key, resolve(inner)]));
  };
  return resolve;
};

/** The declared parameters' values: what was given, or the default. Those that begin with `AWS::` only AWS IoT gives. */
const valuesOf = (
  declared: Tree,
  given: Readonly<Record<string, string>>,
  certificateId: string,
): Record<string, string> => {
  const values: Record<string, string> = {};
  for (const [name, declaration] of Object.entries(declared)) {
    const { Default: byDefault } = treeOf(declaration, `Parameter ${name}`);
    const value = !name.startsWith("AWS::") && Object.hasOwn(given, name) ? given[name] : undefined;
    if (value !== undefined) values[name] = value;
    else if (byDefault !== undefined) values[name] = textOf(byDefault, `The default of ${name}`);
  }
  return { ...values, "AWS::IoT::Certificate::Id": certificateId };
};

const thingOf = (properties: Tree, overrides: Tree): Resources["thing"] => {
  const { ThingName, ThingTypeName, AttributePayload, ThingGroups, BillingGroup } = properties;
  if (BillingGroup !== undefined) throw new AwsError("NotImplemented", 501, "billing groups are not emulated");
  const attributes = Object.entries(treeOf(AttributePayload, "AttributePayload"));
  return {
    name: textOf(ThingName, "ThingName"),
    ...(ThingTypeName !== undefined && { type: textOf(ThingTypeName, "ThingTypeName") }),
    attributes: Object.fromEntries(attributes.map(([key, value]) => [key, textOf(value, `Attribute ${key}`)])),
    groups: listOf(ThingGroups ?? [], "ThingGroups").map((group) => textOf(group, "A thing group")),
    overrides: Object.fromEntries(
      Object.entries(overrides).map(([key, value]) => [key, textOf(value, `OverrideSettings.${key}`)]),
    ),
  };
};

const certificateOf = ({ CertificateId, Status = "ACTIVE" }: Tree): NonNullable<Resources["certificate"]> => {
  // Only a certificate's ID can be used with fleet provisioning.
  if (CertificateId === undefined) throw invalid("A certificate needs its CertificateId");
  const status = textOf(Status, "Status").toUpperCase();
  if (status !== "ACTIVE" && status !== "INACTIVE") throw invalid(`A certificate cannot be ${status}`);
  return { id: textOf(CertificateId, "CertificateId"), status };
};

const policyOf = ({ PolicyName, PolicyDocument }: Tree): Resources["policies"][number] => {
  if ((PolicyName === undefined) === (PolicyDocument === undefined))
    throw invalid("A policy needs either PolicyName or PolicyDocument");
  if (PolicyDocument === undefined) return { name: textOf(PolicyName, "PolicyName") };
  return { document: typeof PolicyDocument === "string" ? PolicyDocument : JSON.stringify(PolicyDocument) };
};

/**
 * What a template makes of a device's parameters.
 *
 * @param body JSON
 * @throws AwsError InvalidParameters for what cannot be evaluated, NotImplemented for what is not emulated
 */
export const evaluateTemplate = (
  body: string,
  given: Readonly<Record<string, string>>,
  certificateId: string,
): Resources => {
  const template = JSON.parse(body) as Tree;
  const values = valuesOf(treeOf(template.Parameters, "Parameters"), given, certificateId);
  const resolve = resolver(values, treeOf(template.Mappings, "Mappings"));
  let thing: Resources["thing"];
  let certificate: Resources["certificate"];
  const policies: Resources["policies"][number][] = [];
  for (const [name, resource] of Object.entries(treeOf(template.Resources, "Resources"))) {
    const { Type, Properties, OverrideSettings } = treeOf(resource, `Resource ${name}`);
    const properties = treeOf(resolve(Properties ?? {}), `The properties of ${name}`);
    if (Type === "AWS::IoT::Thing") thing = thingOf(properties, treeOf(OverrideSettings, "OverrideSettings"));
    else if (Type === "AWS::IoT::Certificate") certificate = certificateOf(properties);
    else if (Type === "AWS::IoT::Policy") policies.push(policyOf(properties));
    else throw invalid(`Resource ${name} has a type that is not known`);
  }
  return {
    ...(thing !== undefined && { thing }),
    ...(certificate !== undefined && { certificate }),
    policies,
    deviceConfiguration: treeOf(
      resolve(treeOf(template.DeviceConfiguration, "DeviceConfiguration")),
      "DeviceConfiguration",
    ),
  };
};
