import { createHash } from "node:crypto";
import { AwsError } from "../aws-json/errors.ts";
import { exists } from "../iot/arns.ts";
import { groupsSeen } from "../iot/memberships.ts";
import { HANDLERS } from "../iot/operations.ts";
import { type Iot, parseStrings } from "../iot/state.ts";
import { getThing } from "../iot/things.ts";
import type { Broker } from "./state.ts";
import type { Resources } from "./template.ts";

type Act = (operation: keyof typeof HANDLERS, input: object, ...resources: readonly string[]) => void;

/** Does operations of the control plane as the template's role. @throws AwsError AccessDenied for what that may not do */
const actor = (broker: Broker, roleArn: string): Act => {
  return (operation, input, ...resources) => {
    for (const resource of resources) {
      const request = { action: `iot:${operation}`, resource };
      if (broker.provisionerMay(roleArn, request)) continue;
      broker.log("mqtt: the provisioning role may not do what the template takes", { roleArn, ...request });
      throw new AwsError("AccessDenied", 403, `The provisioning role may not do iot:${operation} on ${resource}`);
    }
    // Each handler is typed by its operation; the inputs here are made for theirs. None of them is asynchronous.
    (HANDLERS[operation] as unknown as (input: object, iot: Iot) => unknown)(input, broker.iot);
  };
};

const conflict = (what: string): AwsError =>
  new AwsError("ResourceConflictsException", 409, `${what} exists already, and is not to be changed`);

type Thing = NonNullable<Resources["thing"]>;

/**
 * What a template's OverrideSettings say of a property of a thing that is there already. AWS does not document what holds
 * without them; it leaves the thing as it is, as devices that register again find.
 */
const overrideOf = ({ overrides }: Thing, property: string): string => overrides[property] ?? "DO_NOTHING";

const mergeThing = (iot: Iot, act: Act, thing: Thing): void => {
  const arn = iot.arn("thing", thing.name);
  const stored = getThing(iot, thing.name);
  const attributes = overrideOf(thing, "AttributePayload");
  const type = overrideOf(thing, "ThingTypeName");
  const groups = overrideOf(thing, "ThingGroups");
  const sameAttributes = JSON.stringify(parseStrings(stored.attributes)) === JSON.stringify(thing.attributes);
  if (attributes === "FAIL" && !sameAttributes) throw conflict(`Thing ${thing.name} with its attributes`);
  if (type === "FAIL" && stored.type !== (thing.type ?? null)) throw conflict(`Thing ${thing.name} with its type`);
  const changes = {
    ...((attributes === "MERGE" || attributes === "REPLACE") && {
      attributePayload: { attributes: thing.attributes, merge: attributes === "MERGE" },
    }),
    ...(type === "REPLACE" && (thing.type === undefined ? { removeThingType: true } : { thingTypeName: thing.type })),
  };
  if (Object.keys(changes).length > 0) act("UpdateThing", { thingName: thing.name, ...changes }, arn);

  const current = groupsSeen(iot, thing.name).map(({ name }) => name);
  const added = thing.groups.filter((group) => !current.includes(group));
  const removed = current.filter((group) => !thing.groups.includes(group));
  if (groups === "FAIL" && added.length + removed.length > 0) throw conflict(`Thing ${thing.name} with its groups`);
  if (groups === "REPLACE")
    for (const thingGroupName of removed)
      act(
        "RemoveThingFromThingGroup",
        { thingName: thing.name, thingGroupName },
        arn,
        iot.arn("thinggroup", thingGroupName),
      );
  if (groups === "REPLACE" || groups === "MERGE") join(iot, act, thing.name, added);
};

const join = (iot: Iot, act: Act, thingName: string, groups: readonly string[]): void => {
  for (const thingGroupName of groups)
    act(
      "AddThingToThingGroup",
      { thingName, thingGroupName },
      iot.arn("thing", thingName),
      iot.arn("thinggroup", thingGroupName),
    );
};

const provisionThing = (iot: Iot, act: Act, thing: Thing): void => {
  const arn = iot.arn("thing", thing.name);
  if (exists(iot, "thing", thing.name)) {
    act("DescribeThing", { thingName: thing.name }, arn);
    mergeThing(iot, act, thing);
    return;
  }
  act(
    "CreateThing",
    {
      thingName: thing.name,
      ...(thing.type !== undefined && { thingTypeName: thing.type }),
      attributePayload: { attributes: thing.attributes },
    },
    arn,
  );
  join(iot, act, thing.name, thing.groups);
};

const provisionPolicy = (iot: Iot, act: Act, policy: Resources["policies"][number], target: string): void => {
  // AWS names a policy that has no name after a hash of its document.
  const policyName =
    "name" in policy ? policy.name : createHash("sha256").update(policy.document).digest("hex").slice(0, 40);
  const arn = iot.arn("policy", policyName);
  if ("document" in policy && !exists(iot, "policy", policyName))
    act("CreatePolicy", { policyName, policyDocument: policy.document }, arn);
  else act("GetPolicy", { policyName }, arn);
  act("AttachPolicy", { policyName, target }, target);
};

/**
 * Makes and joins what a template's resources say, as its role. To be run within a change of the store, so that a refusal
 * leaves nothing.
 *
 * @param certificateId the certificate whose ownership the device has proven: it may register no other
 * @throws AwsError
 */
export const provision = (broker: Broker, roleArn: string, resources: Resources, certificateId: string): void => {
  const { iot } = broker;
  const act = actor(broker, roleArn);
  const { thing, certificate, policies } = resources;
  if (certificate?.id !== certificateId)
    throw new AwsError("InvalidCertificateId", 400, "The template does not provision the device's certificate");
  const principal = iot.arn("cert", certificateId);
  act("DescribeCertificate", { certificateId }, principal);
  if (thing !== undefined) provisionThing(iot, act, thing);
  for (const policy of policies) provisionPolicy(iot, act, policy, principal);
  if (thing !== undefined)
    act("AttachThingPrincipal", { thingName: thing.name, principal }, principal, iot.arn("thing", thing.name));
  act("UpdateCertificate", { certificateId, newStatus: certificate.status }, principal);
};
