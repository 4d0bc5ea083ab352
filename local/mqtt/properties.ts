/** What MQTT 5's properties are (§2.2.2.2), in the form that the parser gives them. */
const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  payloadFormatIndicator: (value) => typeof value === "boolean",
  messageExpiryInterval: (value) => isNumber(value),
  willDelayInterval: (value) => isNumber(value),
  sessionExpiryInterval: (value) => isNumber(value),
  receiveMaximum: (value) => isNumber(value) && value > 0,
  maximumPacketSize: (value) => isNumber(value) && value > 0,
  topicAliasMaximum: (value) => isNumber(value),
  topicAlias: (value) => isNumber(value),
  requestResponseInformation: (value) => typeof value === "boolean",
  requestProblemInformation: (value) => typeof value === "boolean",
  contentType: (value) => typeof value === "string",
  responseTopic: (value) => typeof value === "string" && !/[+#\0]/.test(value),
  correlationData: (value) => Buffer.isBuffer(value),
  userProperties: (value) =>
    Object.values(value as object)
      .flat()
      .every((one) => typeof one === "string"),
};

/** The parser answers -1 for a number that is cut short. */
const isNumber = (value: unknown): value is number => typeof value === "number" && value >= 0;

/**
 * Whether the properties of a client's CONNECT, will or PUBLISH are whole, each there once, and none that only a server
 * sends. The parser makes lists and nulls of others, which could not be written to those who receive the message.
 */
export const areProperties = (properties: object | undefined): boolean =>
  Object.entries(properties ?? {}).every(([name, value]) => KINDS[name]?.(value) === true);
