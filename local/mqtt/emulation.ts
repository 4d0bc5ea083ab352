import type { Emulation } from "../emulation.ts";

/** What the broker does of AWS IoT Core's, and where it differs. */
export const emulation: Emulation = {
  service: "AWS IoT Core (MQTT)",
  client: undefined,
  operations: [],
  differences: [
    {
      of: "protocols",
      aws: "MQTT 3.1.1 and 5 over mutual TLS and WebSockets, custom authorisers, several endpoints",
      here: "MQTT 3.1.1 and 5 over mutual TLS (1.2, 1.3) on one port; server names (SNI) and ALPN are not looked at",
    },
    {
      of: "certificates",
      aws: "signed by Amazon's CA, a registered one, or registered without",
      here: "known by their fingerprint, whoever signed them; a change of their status ends connections at once, on AWS within minutes",
    },
    {
      of: "policies",
      aws: "a change is seen after a while; all operators",
      here: "seen at once; Bool, String…, Arn…, with sets and IfExists: an allowance with any other operator does not hold, and a denial does",
    },
    {
      of: "`iot:Connection.Thing.*`",
      aws: "the thing of the certificate whose name is the client id; of an exclusive attachment, whatever the client id; more is not documented",
      here: "the same; a thing that the certificate is not attached to is nobody's",
    },
    {
      of: "temporary provisioning claims",
      aws: "what they may do is not documented",
      here: "may connect by any name, ask for certificates, and register by their own template; their connections end with their five minutes",
    },
    {
      of: "clients of 3.1.1 that may not do something",
      aws: "are disconnected; whether a refused CONNECT is answered is not documented",
      here: "are disconnected without an answer",
    },
    {
      of: "limits per second",
      aws: "100 publications and 512 KB a second and connection, and the account's rates",
      here: "none, but for faults that are asked for (`mqtt:Connect`, `mqtt:UpdateJobExecution` and so on)",
    },
    {
      of: "persistent sessions",
      aws: "an hour, more on request, roughly; stored messages come 10 a second",
      here: "an hour, exactly; 1,000 messages each, as fast as the client acknowledges; on disk",
    },
    {
      of: "order, repetition",
      aws: "neither is promised; QoS 1 is sent again until it is acknowledged",
      here: "in order; sent again on the next connection only",
    },
    {
      of: "retained messages",
      aws: "for three years; GetRetainedMessage, ListRetainedMessages",
      here: "until they are replaced; no HTTP API",
    },
    {
      of: "a kill of the process",
      aws: "does not come to pass",
      here: "persistent sessions, retained messages, shadows and presences are there again; wills are not published",
    },
    {
      of: "answers on reserved topics",
      aws: "jobs' and provisioning's go to the requester alone; shadows' to who subscribes",
      here: "all go to the requester, with QoS 0 if it did not subscribe; those of jobs and shadows to others who may receive them, too",
    },
    {
      of: "jobs' topics with namespaces",
      aws: "those of `notify`, `notify-next`, `get` and `update` of one job are known from core devices",
      here: "also `get-namespace-…` and `start-next-namespace-…`, in the same way; a job is seen in its own namespace alone",
    },
    {
      of: "a job execution that is deleted",
      aws: "is notified of",
      here: "is noticed at the thing's next change",
    },
    {
      of: "shadows",
      aws: "MQTT and HTTP APIs; ten requests at once for a thing; deleted with their thing",
      here: "MQTT alone; no such bound; stay when their thing is deleted",
    },
    {
      of: "fleet provisioning",
      aws: "JSON and CBOR; billing groups; what holds without OverrideSettings is not documented",
      here: "JSON, CBOR is rejected as not emulated; no billing groups; without OverrideSettings a thing is left as it is",
    },
    {
      of: "the provisioning role",
      aws: "must exist and allow what the template does",
      here: "the stage's own role, with `--enforce-iam`; without it every role may do everything",
    },
    {
      of: "other reserved topics (Device Defender, tunnels, streams, commands, packages), telemetry",
      aws: "are served",
      here: "are refused as topics that cannot be published to; telemetry is taken and dropped",
    },
    {
      of: "events",
      aws: "presence and subscriptions; things, groups, jobs when they are turned on",
      here: "presence and subscriptions; who was connected when the process ended is told of at the next start",
    },
    {
      of: "topic rules",
      aws: "SQL, dozens of actions, made by an API",
      here: "messages are handed to the cloud's own hook; there are no rules by API",
    },
  ],
};
