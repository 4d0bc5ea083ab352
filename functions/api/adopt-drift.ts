import { adoptDrift } from "../http/drift.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint("adoptDrift", adoptDrift);
