import type { Rate } from "../throttle.ts";
import { HANDLERS } from "./operations.ts";

/**
 * AWS IoT's default quotas of calls per second and account: the API throttling tables of
 * https://docs.aws.amazon.com/general/latest/gr/iot-core.html and, for jobs,
 * https://docs.aws.amazon.com/general/latest/gr/iot_device_management.html. An operation that is not here has
 * {@link COMMON}, as most have. AWS publishes no bursts: a bucket holds one second's worth.
 */
const QUOTAS: Readonly<Record<string, number>> = {
  AddThingToThingGroup: 100,
  AttachPolicy: 15,
  AttachThingPrincipal: 100,
  CreateCertificateFromCsr: 15,
  CreateThing: 100,
  CreateThingGroup: 25,
  CreateThingType: 15,
  DeleteThing: 100,
  DeleteThingGroup: 15,
  DeleteThingType: 15,
  DeprecateThingType: 15,
  DescribeThing: 350,
  DescribeThingGroup: 100,
  DescribeThingType: 100,
  DetachPolicy: 15,
  DetachThingPrincipal: 100,
  GetPolicyVersion: 15,
  ListAttachedPolicies: 15,
  ListThingGroupsForThing: 100,
  ListThingsInThingGroup: 25,
  RemoveThingFromThingGroup: 100,
  UpdateThing: 100,
  UpdateThingGroup: 15,
};
const COMMON = 10;

/** The rate of every operation that is emulated. */
export const RATES: Readonly<Record<string, Rate>> = Object.fromEntries(
  Object.keys(HANDLERS).map((operation) => [operation, { perSecond: QUOTAS[operation] ?? COMMON }]),
);
