/// <reference path="../.sst/platform/config.d.ts" />
import type { Stage } from "./stage.ts";

/** Who issues the tokens that the API takes. */
export interface Identity {
  readonly issuer: $util.Input<string>;
  readonly audiences: $util.Input<string[]>;
}

/** Users of a stage that has no issuer of its own: made by an administrator, known by their e-mail. */
const makeUserPool = ({ place, settings }: Stage): Identity => {
  const pool = new aws.cognito.UserPool(
    "users",
    {
      name: `${place.stage}-slipway`,
      adminCreateUserConfig: { allowAdminCreateUserOnly: true },
      usernameAttributes: ["email"],
      autoVerifiedAttributes: ["email"],
      accountRecoverySetting: { recoveryMechanisms: [{ name: "verified_email", priority: 1 }] },
      mfaConfiguration: "OPTIONAL",
      softwareTokenMfaConfiguration: { enabled: true },
      passwordPolicy: {
        minimumLength: 12,
        requireLowercase: true,
        requireNumbers: true,
        requireSymbols: false,
        requireUppercase: true,
        temporaryPasswordValidityDays: 7,
      },
      deletionProtection: settings.retain ? "ACTIVE" : "INACTIVE",
    },
    { retainOnDelete: settings.retain },
  );
  const client = new aws.cognito.UserPoolClient("users", {
    name: "slipway",
    userPoolId: pool.id,
    generateSecret: false,
    // A password in the clear is taken from who may administer the pool by IAM alone: for a stage's first token, and CI.
    // https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html
    explicitAuthFlows: ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"],
    preventUserExistenceErrors: "ENABLED",
    enableTokenRevocation: true,
    accessTokenValidity: 60,
    idTokenValidity: 60,
    refreshTokenValidity: 30,
    tokenValidityUnits: { accessToken: "minutes", idToken: "minutes", refreshToken: "days" },
  });
  return { issuer: $util.interpolate`https://${pool.endpoint}`, audiences: $util.all([client.id]) };
};

/** The issuer of the stage's settings, or a user pool of its own. */
export const identityOf = (stage: Stage): Identity => {
  const { issuer, audience } = stage.settings.identity;
  return issuer === undefined || audience === undefined ? makeUserPool(stage) : { issuer, audiences: audience };
};
