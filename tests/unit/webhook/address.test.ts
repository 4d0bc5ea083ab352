import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { faultOfUrl, isLoopback, isPublic } from "../../../shared/webhook/address.ts";

describe("an address that is not the internet's", () => {
  test.each([
    ["this network", "0.0.0.0"],
    ["private", "10.255.255.255"],
    ["carriers' NAT", "100.64.0.1"],
    ["carriers' NAT, its end", "100.127.255.255"],
    ["loopback", "127.0.0.1"],
    ["loopback, another", "127.255.255.254"],
    ["metadata of AWS", "169.254.169.254"],
    ["credentials of containers", "169.254.170.2"],
    ["private", "172.16.0.1"],
    ["private", "172.31.255.255"],
    ["private", "192.168.0.1"],
    ["benchmarks", "198.18.0.1"],
    ["examples", "203.0.113.7"],
    ["multicast", "224.0.0.1"],
    ["broadcast", "255.255.255.255"],
    ["unspecified", "::"],
    ["loopback", "::1"],
    ["IPv4-mapped", "::ffff:8.8.8.8"],
    ["IPv4-mapped, in hexadecimal", "::ffff:7f00:1"],
    ["IPv4-compatible", "::7f00:1"],
    ["NAT64", "64:ff9b::a9fe:a9fe"],
    ["NAT64 of one's own", "64:ff9b:1::1"],
    ["6to4", "2002:7f00:1::"],
    ["Teredo", "2001:0:7f00:1::"],
    ["unique local", "fd00:ec2::254"],
    ["link-local", "fe80::1"],
    ["link-local with a zone", "fe80::1%eth0"],
    ["a zone", "2606:4700::1%eth0"],
    ["site-local", "fec0::1"],
    ["multicast", "ff02::1"],
    ["examples", "2001:db8::1"],
    ["no address", "localhost"],
    ["another notation", "0x7f.1"],
    ["nothing", ""],
  ])("%s: %s", (_, address) => {
    expect(isPublic(address)).toBe(false);
  });
});

test.each([
  "1.1.1.1",
  "8.8.8.8",
  "100.63.255.255",
  "100.128.0.0",
  "172.32.0.1",
  "169.253.0.1",
  "2606:4700::1111",
  "2a00::1",
])("%s is the internet's", (address) => {
  expect(isPublic(address)).toBe(true);
});

test("no IPv4 address that is refused is let in by a way of writing it in IPv6", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.constantFrom("::ffff:", "::", "64:ff9b::"), (address, prefix) => {
      expect(isPublic(`${prefix}${address}`)).toBe(false);
    }),
  );
});

test("no address is this machine's and the internet's", () => {
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => !(isLoopback(address) && isPublic(address))));
});

describe("a URL", () => {
  test.each([
    ["https://example.com/hook", undefined],
    ["https://example.com:8443/hook?a=b", undefined],
    ["https://1.1.1.1/", undefined],
    ["http://example.com/", /https/],
    ["http://127.0.0.1/", /https/],
    // What the WHATWG parser makes addresses of.
    ["https://2130706433/", /public/],
    ["https://0x7f.1/", /public/],
    ["https://127.1/", /public/],
    ["https://[::1]/", /public/],
    ["https://[::ffff:10.0.0.1]/", /public/],
    ["https://u@example.com/", /user name/],
    ["https://example.com/#a", /fragment/],
    ["file:///etc/passwd", /https/],
    ["//example.com", /URL/],
  ])("%s", (url, fault) => {
    const told = faultOfUrl(url, false);
    if (fault === undefined) expect(told).toBeUndefined();
    else expect(told).toMatch(fault);
  });

  test("of this machine is taken where that is allowed, and of the rest of the network never", () => {
    expect(faultOfUrl("http://127.0.0.1:80/", true)).toBeUndefined();
    expect(faultOfUrl("http://[::1]:80/", true)).toBeUndefined();
    expect(faultOfUrl("http://10.0.0.1/", true)).toMatch(/https/);
    expect(faultOfUrl("https://10.0.0.1/", true)).toMatch(/public/);
  });
});
