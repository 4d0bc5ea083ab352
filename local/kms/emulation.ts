import type { Emulation } from "../emulation.ts";
import { operationsOf } from "./operations.ts";

/** What this engine has of AWS KMS, and where it differs. */
export const emulation: Emulation = {
  service: "AWS KMS",
  client: "@aws-sdk/client-kms",
  operations: [...operationsOf(new Map(), new Map(), { region: "", accountId: "" }).keys()].sort(),
  differences: [
    {
      of: "keys, aliases",
      aws: "Of all kinds; made and changed by requests, and no key ever leaves KMS.",
      here: "Those for the signatures of OTA, ECC_NIST_P256, and for webhooks' secrets, HMAC_256, made at the start; in files of the data folder that their owner alone can read.",
    },
    { of: "GenerateMac", aws: "By several algorithms.", here: "By HMAC_SHA_256." },
    { of: "Sign", aws: "Of messages and of digests, by several algorithms.", here: "Of messages, by ECDSA_SHA_256." },
    { of: "key policies, grants", aws: "Decide beside IAM.", here: "None; IAM's policies with `--enforce-iam`." },
    { of: "limits", aws: "Requests a second, shared by kinds of keys.", here: "None but faults that are asked for." },
  ],
};
