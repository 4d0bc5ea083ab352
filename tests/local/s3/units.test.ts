import { describe, expect, test } from "vitest";
import { combineCrc, startCrc } from "../../../local/s3/crc.ts";
import { parseXml } from "../../../local/s3/xml.ts";

describe("parts without a socket", () => {
  test.each<["CRC32" | "CRC32C" | "CRC64NVME", string]>([
    ["CRC32", "cbf43926"],
    ["CRC32C", "e3069283"],
    ["CRC64NVME", "ae8b14860a799888"],
  ])("%s of the check string, whole and joined", (algorithm, expected) => {
    const sum = (text: string) => {
      const crc = startCrc(algorithm);
      crc.update(Buffer.from(text));
      return crc.digest();
    };
    expect(sum("123456789").toString("hex")).toBe(expected);
    for (let at = 0; at <= 9; at += 1) {
      const [left, right] = ["123456789".slice(0, at), "123456789".slice(at)];
      expect(combineCrc(algorithm, sum(left), sum(right), right.length).toString("hex")).toBe(expected);
    }
  });

  test.each<["CRC32" | "CRC32C" | "CRC64NVME"]>([["CRC32"], ["CRC32C"], ["CRC64NVME"]])(
    "%s of much, at any address, is that of its bytes one by one",
    (algorithm) => {
      const bytes = Buffer.from(Array.from({ length: 200_011 }, (_, n) => (n * 2_654_435_761) >>> 24));
      for (let offset = 0; offset < 8; offset += 1) {
        const [whole, single] = [startCrc(algorithm), startCrc(algorithm)];
        whole.update(bytes.subarray(offset));
        for (let at = offset; at < bytes.length; at += 1) single.update(bytes.subarray(at, at + 1));
        expect(whole.digest().toString("hex")).toBe(single.digest().toString("hex"));
      }
    },
  );

  test.each([
    ["a document type", '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'],
    ["an unknown entity", "<a>&b;</a>"],
    ["an inherited name as an entity", "<a>&constructor;</a>"],
    ["a bare ampersand", "<a>a & b</a>"],
    ["tags that cross", "<a><b></a></b>"],
    ["no end", "<a><b></b>"],
    ["two roots", "<a/><b/>"],
    ["text outside", "<a/>b"],
    ["nothing", ""],
  ])("XML with %s is refused", (_note, source) => {
    expect(() => parseXml(source)).toThrow(expect.objectContaining({ code: "MalformedXML" }));
  });

  test("XML is read with references, character data, comments and attributes", () => {
    const source = '<?xml version="1.0"?><!-- c --><a x="1>2" y=\'3\'>&lt;&#65;&#x42;<![CDATA[<&>]]><b /></a>';
    expect(parseXml(source)).toEqual({ name: "a", text: "<AB<&>", children: [{ name: "b", text: "", children: [] }] });
  });
});
