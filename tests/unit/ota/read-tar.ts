import { expect } from "vitest";

/** A tar reader of its own: members of a whole archive, with checksums verified, pax paths and base-256 sizes. */
export const readTar = (tar: Buffer): { name: string; content: Buffer }[] => {
  const members: { name: string; content: Buffer }[] = [];
  let paxName: string | undefined;
  let at = 0;
  for (; tar[at] !== 0; ) {
    const header = Buffer.from(tar.subarray(at, at + 512));
    const text = (from: number, length: number) => header.toString("utf8", from, from + length).replace(/\0.*$/s, "");
    const checksum = Number.parseInt(text(148, 8), 8);
    header.fill(" ", 148, 156);
    expect(header.reduce((sum, byte) => sum + byte, 0)).toBe(checksum);
    const size = Number.parseInt(text(124, 12), 8);
    const content = tar.subarray(at + 512, at + 512 + size);
    if (text(156, 1) === "x") paxName = /^\d+ path=(.*)\n$/s.exec(content.toString())?.[1];
    else {
      members.push({ name: paxName ?? text(0, 100), content });
      paxName = undefined;
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  expect(tar.subarray(at)).toEqual(Buffer.alloc(1024));
  return members;
};
