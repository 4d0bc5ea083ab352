/** What stands in bundles for parts of the SDK that are large and do nothing for us on Lambda: see `slim-sdk.ts`. */

const variable = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`environment variable ${name} is absent: Lambda gives a function its credentials by it`);
  return value;
};

/**
 * For the chain of credential providers, most of which looks where Lambda has nothing: profiles, single sign-on,
 * containers, instances. A function's role comes by its environment, and lives as long as that.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 * @throws Error that names the variable which is absent, when a client signs a request
 */
export const defaultProvider = () => async () => ({
  accessKeyId: variable("AWS_ACCESS_KEY_ID"),
  secretAccessKey: variable("AWS_SECRET_ACCESS_KEY"),
  ...(process.env.AWS_SESSION_TOKEN && { sessionToken: process.env.AWS_SESSION_TOKEN }),
});

const eventStreams = (): never => {
  throw new Error("bundles are made without event streams (stacks/stand-ins.ts)");
};

/** For event streams, such as S3's SelectObjectContent: every client can read them, and we call no operation that does. */
export const resolveEventStreamSerdeConfig = <Config>(config: Config): Config => config;
export const eventStreamSerdeProvider = eventStreams;
export const EventStreamSerde = eventStreams;

/** For what DynamoDB's client keeps endpoints in once it was told to discover them: it makes one in any case. */
export class EndpointCache {}
