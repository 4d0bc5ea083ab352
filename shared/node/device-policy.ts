/** AWS IoT's quota for a policy document. */
export const MAX_POLICY_CHARACTERS = 2_048;

/**
 * The IoT policy of a workspace's nodes, attached to their certificates. It says `T` where the connection's own thing
 * stands, so that one policy serves every node and none can act as another; a node can change no policy, role, thing
 * or group. Ids have a fixed length, which is why the suffix that a core adds to its client id (`T#1`) may be a `*`.
 *
 * The Greengrass data plane is HTTPS, where `iot:Connection.Thing.*` is not set: those actions are bound to the
 * workspace's core devices by their names' fixed length (`?` is one character in IoT policies).
 *
 * To replace its certificate a node asks on the topics of fleet provisioning, whose last parts `*` stands for: the request
 * itself, `accepted` and `rejected`. What it asks for there is for the pre-provisioning hook to allow.
 *
 * AWS IoT Greengrass V2 developer guide, "Device authentication and authorization", minimal policy for core devices.
 * @throws RangeError when the document is longer than IoT takes, which no valid stage and region make it
 */
export const devicePolicy = (place: {
  readonly region: string;
  readonly accountId: string;
  readonly stage: string;
  readonly workspaceId: string;
  readonly roleAlias: string;
  /** The fleet provisioning template, by which a node gets the certificate that follows the one it has. */
  readonly template: string;
}): string => {
  const iot = `arn:aws:iot:${place.region}:${place.accountId}`;
  const greengrass = `arn:aws:greengrass:${place.region}:${place.accountId}`;
  const thing = "${iot:Connection.Thing.ThingName}";
  const topics = (kind: "topic" | "topicfilter") => [
    `${iot}:${kind}/$aws/things/${thing}/jobs/*`,
    `${iot}:${kind}/$aws/things/${thing}/shadow/*`,
    `${iot}:${kind}/$aws/certificates/create-from-csr/*`,
    `${iot}:${kind}/$aws/provisioning-templates/${place.template}/provision/*`,
  ];
  const health = ["greengrassv2", "greengrass"].map((name) => `${iot}:topic/$aws/things/${thing}/${name}/health/json`);
  const coreDevice = `${greengrass}:coreDevices:${place.stage}-${place.workspaceId}-nod_${"?".repeat(20)}`;
  const document = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: "iot:Connect", Resource: `${iot}:client/${thing}*` },
      { Effect: "Allow", Action: ["iot:Publish", "iot:Receive"], Resource: [...topics("topic"), ...health] },
      { Effect: "Allow", Action: "iot:Subscribe", Resource: topics("topicfilter") },
      {
        Effect: "Allow",
        Action: "iot:AssumeRoleWithCertificate",
        Resource: `${iot}:rolealias/${place.roleAlias}`,
      },
      {
        Effect: "Allow",
        Action: ["greengrass:GetDeploymentConfiguration", "greengrass:ListThingGroupsForCoreDevice"],
        Resource: coreDevice,
      },
      {
        Effect: "Allow",
        Action: ["greengrass:ResolveComponentCandidates", "greengrass:GetComponentVersionArtifact"],
        // A node may ask for any component version, AWS's public ones too; our artifacts need the bucket.
        Resource: [`${greengrass}:components:*`, `arn:aws:greengrass:${place.region}:aws:components:*`],
      },
    ],
  });
  if (document.length > MAX_POLICY_CHARACTERS) {
    throw new RangeError(`the device policy has ${document.length} characters; IoT takes ${MAX_POLICY_CHARACTERS}`);
  }
  return document;
};
