import { getItem } from "../../shared/aws/table.ts";
import { releaseRoutes } from "../../shared/declared/routes/releases.ts";
import { otaKeys } from "../../shared/keys.ts";
import { NO_KEYS, publicSigningKeys, type SigningKeys } from "../../shared/ota/signing-keys.ts";
import { endpoint } from "../http/endpoint.ts";

/** The keys are the stage's, and no secret: each snapshot names them. */
export const handler = endpoint(releaseRoutes, "getSigningKeys", async () => ({
  body: publicSigningKeys((await getItem<SigningKeys>(otaKeys.signingKeys(), "ota")) ?? NO_KEYS),
}));
