import { repairDrift } from "../http/drift.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("repairDrift", repairDrift);
