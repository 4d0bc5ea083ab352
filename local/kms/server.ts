import { createAwsJsonServer } from "../aws-json-rpc.ts";
import type { Faults } from "../faults.ts";
import type { AccessOf } from "../iam/actions.ts";
import type { Gate } from "../iam/gate.ts";
import type { Log } from "../invoke.ts";
import { listen, shut } from "../listen.ts";
import { openKeys, openMacKeys } from "./keys.ts";
import { arnOfKey, findKey, type KmsPlace, operationsOf } from "./operations.ts";

export interface KmsOptions extends KmsPlace {
  /** Where the keys are kept. */
  readonly dir: string;
  readonly port: number;
  /** The keys that there are: made by whoever makes the stage, as the stacks do on AWS. */
  readonly aliases: readonly string[];
  /** The keys of message authentication codes. */
  readonly macAliases?: readonly string[];
  readonly faults: Faults;
  /** Refuses what the caller's policy does not allow; all is allowed if it is not given. */
  readonly gate?: ((accessOf: AccessOf) => Gate) | undefined;
  readonly log: Log;
}

/**
 * AWS KMS on loopback, for signatures with ECC_NIST_P256 and codes with HMAC_256.
 * @throws PortTaken
 */
export const startKms = async (options: KmsOptions) => {
  const { faults, log, region, accountId } = options;
  const place = { region, accountId };
  const keys = openKeys(options.dir, options.aliases);
  const macKeys = openMacKeys(options.dir, options.macAliases ?? []);
  // https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html: an alias is told as it was named.
  const accessOf: AccessOf = (operation, input) => {
    const asked = String(input.KeyId ?? "");
    const key = findKey(keys, place, asked) ?? findKey(macKeys, place, asked);
    const alias = /(?:^|:)(alias\/.*)$/.exec(asked)?.[1];
    return [
      {
        action: `kms:${operation}`,
        resource: key === undefined ? "*" : arnOfKey(place, key),
        ...(alias !== undefined && { context: { "kms:RequestAlias": alias } }),
      },
    ];
  };
  const server = createAwsJsonServer({
    iamPrefix: "kms",
    target: "TrentService",
    version: "1.1",
    operations: operationsOf(keys, macKeys, place),
    faults,
    gate: options.gate?.(accessOf),
    log,
  });
  const port = await listen("KMS", server, options.port);
  return { port, url: `http://127.0.0.1:${port}`, close: () => shut(server) };
};
