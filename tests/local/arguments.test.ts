import { expect, test } from "vitest";
import { startOptions, UsageError } from "../../local/arguments.ts";

test("devices' ports and names are options of their own", () => {
  expect(startOptions([])).toMatchObject({ ports: {}, tlsNames: [] });
  const names = ["core.example.com", "*.iot.test", "10.0.0.1", "::1"];
  expect(
    startOptions([
      ...["--mqtt-port", "8883", "--data-plane-port", "8443", "--credentials-port", "443"],
      ...names.flatMap((name) => ["--tls-name", name]),
    ]),
  ).toMatchObject({ ports: { mqtt: 8883, dataPlane: 8443, credentials: 443 }, tlsNames: names });
});

test.each([
  ["--mqtt-port", "0", "--mqtt-port must be a number from 1 to 65535, not 0"],
  ["--data-plane-port", "65536", "--data-plane-port must be a number from 1 to 65535, not 65536"],
  ["--credentials-port", "4.5", "--credentials-port must be a whole number, not 4.5"],
  ["--tls-name", "two words", "--tls-name must be a DNS name or an IP address, not two words"],
  ["--tls-name", "", "--tls-name must be a DNS name or an IP address, not "],
  ["--tls-name", "a..b", "--tls-name must be a DNS name or an IP address, not a..b"],
])("%s %s is refused", (option, value, message) => {
  expect(() => startOptions([`${option}=${value}`])).toThrow(new UsageError(message));
});
