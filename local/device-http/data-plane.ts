import { randomUUID } from "node:crypto";
import { loadModel, Validator } from "../aws-json/constraints.ts";
import { AwsError } from "../aws-json/errors.ts";
import type { Faults } from "../faults.ts";
import { invalidField, invalidToken, notEmulated } from "../greengrass/errors.ts";
import { isPublic } from "../greengrass/public-components.ts";
import type { Candidates } from "../greengrass/resolve.ts";
import type { CoreDevices } from "../greengrass/server.ts";
import { type DevicePrincipal, permits } from "../iot/device-principals.ts";
import type { GroupOfThing } from "../iot/memberships.ts";
import type { DeviceRequest } from "./front.ts";

export interface DataPlaneOptions {
  readonly region: string;
  readonly accountId: string;
  readonly faults: Faults;
  readonly greengrass: Pick<CoreDevices, "resolveCandidates" | "getArtifact">;
  /** The groups of a thing, as they can be seen. */
  readonly groupsOf: (thingName: string) => readonly GroupOfThing[];
}

/** Of what AWS answers to who may not, the status alone is documented. */
export const forbidden = (): AwsError =>
  new AwsError("ForbiddenException", 403, "Forbidden", { traceId: randomUUID() });

/** @throws AwsError ForbiddenException (403) */
const demand = (principal: DevicePrincipal, operation: string, resource: string): void => {
  if (!permits(principal, `greengrass:${operation}`, resource)) throw forbidden();
};

/**
 * What core devices ask the Greengrass data plane for. The paths are those that the nucleus asks:
 * https://github.com/aws-greengrass/aws-greengrass-lite (dataplane calls of ggdeploymentd)
 */
export const dataPlane = (options: DataPlaneOptions) => {
  const { region, accountId, faults, greengrass, groupsOf } = options;
  const validator = new Validator(loadModel("greengrassv2"));
  const arn = (account: string, resource: string): string => `arn:aws:greengrass:${region}:${account}:${resource}`;

  /** @throws AwsError ForbiddenException (403) for a core device that is not the certificate's own */
  const listThingGroups = ({ principal, query }: DeviceRequest, thing: string): object => {
    if (!principal.things.some(({ name }) => name === thing)) throw forbidden();
    demand(principal, "ListThingGroupsForCoreDevice", arn(accountId, `coreDevices:${thing}`));
    // A thing is in ten groups at most, which are one page: no token was ever given.
    if (query.has("nextToken")) throw invalidToken();
    return {
      thingGroups: groupsOf(thing).map((group) => ({
        thingGroupName: group.name,
        thingGroupArn: group.arn,
        rootToParentThingGroups: group.rootToParent.map((above) => ({
          thingGroupName: above.name,
          thingGroupArn: above.arn,
        })),
      })),
    };
  };

  const readCandidates = (body: unknown = {}): Candidates => {
    const failures = validator.check("ResolveComponentCandidates", body);
    if (failures.length > 0) throw invalidField(failures.join("; "));
    return body as Candidates; // of the types that the model has
  };

  /** @throws AwsError ForbiddenException (403), ResourceNotFoundException (404), ValidationException (400) */
  const resolve = ({ principal }: DeviceRequest, body: unknown): object => {
    const candidates = readCandidates(body);
    // Before anything is said of what there is; a version that is not known yet has no ARN of its own.
    for (const { componentName = "" } of candidates.componentCandidates ?? []) {
      const account = isPublic(componentName) ? "aws" : accountId;
      demand(principal, "ResolveComponentCandidates", arn(account, `components:${componentName}:versions:any`));
    }
    return {
      resolvedComponentVersions: greengrass
        .resolveCandidates(candidates)
        .map(({ recipe, ...version }) => ({ ...version, recipe: Buffer.from(recipe).toString("base64") })),
    };
  };

  /** @throws AwsError ForbiddenException (403), ResourceNotFoundException (404) */
  const getArtifact = ({ principal }: DeviceRequest, componentVersion: string, artifactName: string): never => {
    demand(principal, "GetComponentVersionArtifact", componentVersion);
    return greengrass.getArtifact(componentVersion, artifactName);
  };

  return async (request: DeviceRequest): Promise<object> => {
    const { method, path } = request;
    const [service, version, collection, name = "", ...rest] = path;
    const route = service === "greengrass" && version === "v2" ? `${method} ${collection}` : undefined;
    if (route === "GET coreDevices" && rest.length === 1 && rest[0] === "thingGroups")
      return faults.perform("greengrass:ListThingGroupsForCoreDevice", () => listThingGroups(request, name));
    if (route === "POST resolveComponentCandidates" && path.length === 3) {
      const body = await request.json();
      return faults.perform("greengrass:ResolveComponentCandidates", () => resolve(request, body));
    }
    if (route === "GET components" && rest.length > 1 && rest[0] === "artifacts") {
      const artifact = rest.slice(1).join("/");
      return faults.perform("greengrass:GetComponentVersionArtifact", () => getArtifact(request, name, artifact));
    }
    throw notEmulated(`${method} ${path.join("/")} of the data plane`);
  };
};
