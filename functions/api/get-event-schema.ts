import { recordRoutes } from "../../shared/declared/routes/records.ts";
import { jsonSchemaOf } from "../../shared/event/schema.ts";
import { AppError } from "../../shared/problems.ts";
import { endpoint } from "../http/endpoint.ts";

export const handler = endpoint(recordRoutes, "getEventSchema", async ({ params: { type, version }, api }) => {
  const body = jsonSchemaOf(type, version, api);
  if (body === undefined) throw new AppError("not-found", `there is no version ${version} of events of type ${type}`);
  return { body };
});
