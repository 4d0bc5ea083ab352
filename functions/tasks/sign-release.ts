import { transact } from "../../shared/aws/table.ts";
import { otaKeys } from "../../shared/keys.ts";
import { releaseStatement } from "../../shared/ota/statements.ts";
import { isSigned } from "../../shared/ota/verify.ts";
import { currentSigning, signed } from "../ota/signing-keys.ts";
import { desiredRelease } from "./desired.ts";
import { task } from "./task.ts";

/** Signs what devices are to believe of the release. A signature that is right stays, so that equal content has equal bytes. */
export const handler = task("sign-release", async (input) => {
  const release = await desiredRelease(input);
  const statement = releaseStatement(release.workspaceName, release);
  const signing = await currentSigning(new Date());
  const { key } = signing;
  if (release.keyId === key.keyId && isSigned(statement, key.publicKey, release.signature ?? "")) return;
  await transact([
    {
      do: "update",
      table: "ota",
      key: otaKeys.release(release.workspaceId, release.id),
      set: { ...(await signed(signing, statement)) },
      when: { status: "publishing" },
    },
  ]);
});
