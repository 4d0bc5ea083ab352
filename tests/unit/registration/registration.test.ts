import { describe, expect, test } from "vitest";
import { keys } from "../../../shared/keys.ts";
import type { StoredNode } from "../../../shared/node/node.ts";
import { revoked, type StoredCertificate } from "../../../shared/registration/certificate.ts";
import {
  bindToken,
  firstConnection,
  firstToken,
  issueToken,
  presentToken,
  recordClaim,
  revokeToken,
  rotate,
  type StoredClaim,
  type StoredToken,
} from "../../../shared/registration/registration.ts";
import { makeToken, tokenHash } from "../../../shared/registration/token.ts";
import type { Item, Key, Write } from "../../../shared/writes.ts";
import { applied } from "../apply.ts";
import { theMoment } from "../moment.ts";

const NOW = new Date("2026-11-21T12:00:00.000Z");
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000);
const NODE = { id: "nod_01jd8x2m6q7w3k9v5t4r", workspaceId: "ws_01jd8x2m6q7w3k9v5t4r" };
const TOKEN = makeToken(new Uint8Array(20).fill(7));
const OTHER = makeToken(new Uint8Array(20).fill(9));
const KEY = "a".repeat(64);
const CERT = "1".repeat(64);
const SECOND = "2".repeat(64);
const THIRD = "3".repeat(64);

/** A table that takes transactions as DynamoDB does: all or nothing. */
const table = (...items: Item[]) => {
  const rows = new Map(items.map((item) => [`${item.pk} ${item.sk}`, item]));
  const at = (key: Key) => rows.get(`${key.pk} ${key.sk}`);
  return {
    at,
    node: () => at(keys.node(NODE.workspaceId, NODE.id)) as unknown as StoredNode,
    token: (token: string) => at(keys.registrationToken(tokenHash(token))) as unknown as StoredToken | undefined,
    certificate: (id: string) => at(keys.certificate(NODE.id, id)) as unknown as StoredCertificate | undefined,
    /** @returns the code of the refusal, if the transaction is refused */
    write: (writes: readonly Write[]): string | undefined => {
      const next = new Map(rows);
      for (const write of writes) {
        const key = "item" in write ? write.item : write.key;
        const name = `${key.pk} ${key.sk}`;
        try {
          const item = applied(rows.get(name), write);
          if (item === undefined) next.delete(name);
          else next.set(name, item);
        } catch (error) {
          expect((error as Error).message).toBe("refused");
          return write.otherwise?.code ?? "conflict";
        }
      }
      rows.clear();
      for (const [name, item] of next) rows.set(name, item);
      return undefined;
    },
  };
};

const node = (more: object = {}): Item => ({
  ...keys.node(NODE.workspaceId, NODE.id),
  type: "node",
  ...NODE,
  name: "n1",
  status: "active",
  revision: 1,
  ...more,
});

/** A node with its first token. */
const issued = (lifeSeconds = 3_600, more: object = {}) => {
  const token = firstToken(NODE, { token: TOKEN, lifeSeconds }, "anna", NOW);
  const it = table(node({ ...token.node, ...more }));
  expect(it.write([token.write])).toBeUndefined();
  return it;
};
const present = (it: ReturnType<typeof table>, token: string, now: Date) =>
  it.write(presentToken(token, it.token(token), now));
const bind = (it: ReturnType<typeof table>, token: string, applicant: object, now: Date) => {
  const stored = it.token(token);
  if (stored === undefined) return "none";
  return it.write(bindToken(stored, { certificateId: CERT, keyFingerprint: KEY, ...applicant }, now));
};
const connect = (it: ReturnType<typeof table>, id: string, now: Date) => {
  const certificate = it.certificate(id);
  if (certificate === undefined) throw new Error("no such certificate");
  const others = [CERT, SECOND].flatMap((one) => (one === id ? [] : (it.certificate(one) ?? [])));
  return it.write(firstConnection(it.node(), certificate, others, theMoment(now)).writes);
};

describe("a token", () => {
  test("is kept as a hash alone, with its kind, its uses and its end", () => {
    const { write } = firstToken(NODE, { token: TOKEN, lifeSeconds: 3_600 }, "anna", NOW);
    expect(JSON.stringify(write)).not.toContain(TOKEN.slice(4, 30));
    expect(write).toMatchObject({
      do: "create",
      item: {
        kind: "node",
        maxUses: 1,
        status: "issued",
        issuedBy: "anna",
        validUntil: later(3_600).toISOString(),
        expiresAt: NOW.getTime() / 1_000 + 3_600 + 86_400,
      },
    });
  });

  test("leads, shown and bound and used, to a node that is registered", () => {
    const it = issued();
    expect(present(it, TOKEN, later(10))).toBeUndefined();
    expect(it.token(TOKEN)).toMatchObject({ status: "pending", attempts: 1 });
    expect(bind(it, TOKEN, {}, later(20))).toBeUndefined();
    expect(it.token(TOKEN)).toMatchObject({ status: "bound", keyFingerprint: KEY });
    expect(it.certificate(CERT)).toMatchObject({ status: "pending", keyFingerprint: KEY });
    expect(connect(it, CERT, later(30))).toBeUndefined();
    expect(it.certificate(CERT)).toMatchObject({ status: "active", activatedAt: later(30).toISOString() });
    expect(it.certificate(CERT)).not.toHaveProperty("expiresAt");
    expect(it.token(TOKEN)).toBeUndefined();
    expect(it.node()).toMatchObject({ registeredAt: later(30).toISOString(), revision: 2 });
    expect(it.node()).not.toHaveProperty("token");
    expect(it.node()).not.toHaveProperty("tokenExpiresAt");
  });

  test("may be shown again, and by the same key be bound again, until it is used or ends", () => {
    const it = issued(60);
    expect(bind(it, TOKEN, {}, later(1))).toBe("unauthorized"); // not shown yet
    expect(present(it, TOKEN, later(1))).toBeUndefined();
    expect(present(it, TOKEN, later(2))).toBeUndefined();
    expect(bind(it, TOKEN, {}, later(3))).toBeUndefined();
    expect(present(it, TOKEN, later(4))).toBeUndefined();
    expect(it.token(TOKEN)).toMatchObject({ status: "bound", attempts: 3 });
    expect(bind(it, TOKEN, { certificateId: SECOND }, later(5))).toBeUndefined();
    expect(bind(it, TOKEN, { certificateId: SECOND, keyFingerprint: "b".repeat(64) }, later(5))).toBe("unauthorized");
    expect(present(it, TOKEN, later(60))).toBe("unauthorized");
    expect(bind(it, TOKEN, {}, later(60))).toBe("unauthorized");
    expect(connect(it, SECOND, later(61))).toBeUndefined();
    expect(it.certificate(CERT)).toMatchObject({ status: "revoking" });
    expect(present(it, TOKEN, later(5))).toBe("unauthorized");
  });

  test.each([
    { note: "that there never was", make: () => issued(), token: OTHER },
    { note: "that has ended", make: () => issued(5), token: TOKEN },
    {
      note: "that was revoked",
      make: () => {
        const it = issued();
        expect(it.write(revokeToken(it.node(), later(1)))).toBeUndefined();
        return it;
      },
      token: TOKEN,
    },
    {
      note: "after which another one was issued",
      make: () => {
        const it = issued();
        expect(
          it.write(issueToken(it.node(), { token: OTHER, lifeSeconds: 60 }, false, "ben", later(1))),
        ).toBeUndefined();
        expect(present(it, OTHER, later(2))).toBeUndefined();
        return it;
      },
      token: TOKEN,
    },
    { note: "of a node that is being deleted", make: () => issued(60, { status: "deleting" }), token: TOKEN },
  ])("$note is refused with the same words, by the same reads and writes", ({ make, token }) => {
    const it = make();
    const before = it.token(token);
    const writes = presentToken(token, before, later(10));
    expect(writes.map((write) => [write.do, write.otherwise])).toEqual(
      ["update", "check"].map((kind) => [
        kind,
        { code: "unauthorized", detail: "the registration token is not valid" },
      ]),
    );
    expect(it.write(writes)).toBe("unauthorized");
    expect(it.token(token)).toEqual(before);
  });

  test("is not bound to a node that is not active, or has another token by now", () => {
    const creating = issued(60, { status: "creating" });
    expect(present(creating, TOKEN, later(1))).toBeUndefined();
    expect(bind(creating, TOKEN, {}, later(2))).toBe("unauthorized");
    const replaced = issued();
    expect(present(replaced, TOKEN, later(1))).toBeUndefined();
    const seen = replaced.token(TOKEN) as StoredToken;
    replaced.write(issueToken(replaced.node(), { token: OTHER, lifeSeconds: 60 }, false, "ben", later(2)));
    expect(replaced.write(bindToken(seen, { certificateId: CERT, keyFingerprint: KEY }, later(3)))).toBe(
      "unauthorized",
    );
    expect(replaced.certificate(CERT)).toBeUndefined();
  });

  test("is shown 50 times at most", () => {
    const it = issued();
    for (let i = 0; i < 50; i += 1) expect(present(it, TOKEN, later(i))).toBeUndefined();
    expect(present(it, TOKEN, later(51))).toBe("unauthorized");
  });

  test("is kept with its claim by the token's hash", () => {
    const write = recordClaim(TOKEN, CERT, later(300)) as Write & { item: StoredClaim };
    expect(write.item).toMatchObject({ ...keys.provisioningClaim(CERT), token: tokenHash(TOKEN) });
  });
});

describe("another token", () => {
  test("for a node without a device is not one to replace it, and the reverse", () => {
    const fresh = issued();
    const registered = issued(60, { registeredAt: NOW.toISOString() });
    const ask = (it: ReturnType<typeof table>, replaces: boolean) =>
      it.write(issueToken(it.node(), { token: OTHER, lifeSeconds: 60 }, replaces, "ben", NOW));
    expect(ask(fresh, true)).toBe("not-ready");
    expect(ask(registered, false)).toBe("not-ready");
    expect(ask(fresh, false)).toBeUndefined();
    expect(ask(registered, true)).toBeUndefined();
    expect(registered.node()).toMatchObject({ token: tokenHash(OTHER), tokenExpiresAt: later(60).toISOString() });
  });

  test.each(["deleting", "failed"])("is not issued for a node that is %s", (status) => {
    const it = issued(60, { status });
    expect(it.write(issueToken(it.node(), { token: OTHER, lifeSeconds: 60 }, false, "ben", NOW))).toBe("not-ready");
  });
});

describe("a rotation", () => {
  const withCertificate = (status: StoredCertificate["status"], more: object = {}) => {
    const certificate = {
      ...keys.certificate(NODE.id, CERT),
      type: "certificate",
      id: CERT,
      nodeId: NODE.id,
      workspaceId: NODE.workspaceId,
      status,
      keyFingerprint: KEY,
      createdAt: NOW.toISOString(),
    };
    return table(node(more), certificate);
  };
  const applicant = { certificateId: SECOND, keyFingerprint: "b".repeat(64) };

  test("leaves the certificate that there is until the new one has connected", () => {
    const it = withCertificate("active");
    const current = it.certificate(CERT) as StoredCertificate;
    expect(it.write(rotate(it.node(), current, applicant, later(1)))).toBeUndefined();
    expect(it.certificate(CERT)?.status).toBe("active");
    expect(connect(it, SECOND, later(2))).toBeUndefined();
    expect(it.certificate(SECOND)?.status).toBe("active");
    expect(it.certificate(CERT)?.status).toBe("revoking");
    expect(it.write([revoked(keys.certificate(NODE.id, CERT), later(3))])).toBeUndefined();
    expect(it.certificate(CERT)).toMatchObject({ status: "revoked", revokedAt: later(3).toISOString() });
  });

  test("uses up no token for another device, nor what was made for that, also when the token comes in between", () => {
    const it = withCertificate("active", { registeredAt: NOW.toISOString() });
    const current = it.certificate(CERT) as StoredCertificate;
    expect(it.write(rotate(it.node(), current, applicant, later(1)))).toBeUndefined();
    const before = it.node();
    expect(it.write(issueToken(before, { token: OTHER, lifeSeconds: 60 }, true, "ben", later(2)))).toBeUndefined();
    expect(present(it, OTHER, later(3))).toBeUndefined();
    expect(bind(it, OTHER, { certificateId: THIRD }, later(4))).toBeUndefined();
    const [renewed, awaited] = [SECOND, THIRD].map((id) => it.certificate(id) as StoredCertificate);
    const seenBefore = firstConnection(before, renewed as StoredCertificate, [], theMoment(later(5)));
    expect(it.write(seenBefore.writes)).toBe("conflict");
    const others = [current, awaited as StoredCertificate];
    const { writes, intents } = firstConnection(it.node(), renewed as StoredCertificate, others, theMoment(later(5)));
    expect(it.write(writes)).toBeUndefined();
    expect(intents.map(({ kind }) => kind)).toEqual(["certificate.revoke"]);
    expect([CERT, SECOND, THIRD].map((id) => it.certificate(id)?.status)).toEqual(["revoking", "active", "pending"]);
    expect(it.node()).toMatchObject({ token: tokenHash(OTHER) });
    expect(it.token(OTHER)).toMatchObject({ status: "bound" });
  });

  test.each(["pending", "revoking", "revoked"] as const)("is not for who has a certificate that is %s", (status) => {
    const it = withCertificate(status);
    expect(it.write(rotate(it.node(), it.certificate(CERT) as StoredCertificate, applicant, NOW))).toBe("unauthorized");
    expect(it.certificate(SECOND)).toBeUndefined();
  });

  test("is not for a node that is being deleted", () => {
    const it = withCertificate("active", { status: "deleting" });
    expect(it.write(rotate(it.node(), it.certificate(CERT) as StoredCertificate, applicant, NOW))).toBe("unauthorized");
  });
});

test("a first connection that was counted already is not counted again", () => {
  const it = issued();
  present(it, TOKEN, later(1));
  bind(it, TOKEN, {}, later(2));
  const certificate = it.certificate(CERT) as StoredCertificate;
  const { writes } = firstConnection(it.node(), certificate, [], theMoment(later(3)));
  expect(it.write(writes)).toBeUndefined();
  expect(it.write(writes)).toBe("conflict");
});
