import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoDBClient, GetItemCommand, PutItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { AddThingToThingGroupCommand, CreateThingCommand, IoTClient, ListThingsCommand } from "@aws-sdk/client-iot";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { ListExecutionsCommand, SFNClient, StartExecutionCommand } from "@aws-sdk/client-sfn";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startDynamoDBProxy } from "../../local/dynamodb-proxy.ts";
import {
  ConnectionReset,
  type Fault,
  Faults,
  InjectedError,
  parseFault,
  parseFaultOption,
} from "../../local/faults.ts";
import { startIot } from "../../local/iot/server.ts";
import { startLambda } from "../../local/lambda.ts";
import { startS3 } from "../../local/s3/server.ts";
import { startStepFunctions } from "../../local/step-functions.ts";
import { startDynoxide } from "./dynoxide.ts";

/** What became of a call: the number that it gives, or the name of what it throws. */
const outcome = (call: Promise<unknown>): Promise<unknown> => call.catch((error: Error) => error.name);

describe("which calls a fault strikes", () => {
  const run = async (faults: Faults, operation: string, calls: number): Promise<unknown[]> => {
    const seen: unknown[] = [];
    for (let call = 0; call < calls; call += 1) seen.push(await outcome(faults.perform(operation, () => call)));
    return seen;
  };
  const throttled = (operation: string, more: Partial<Fault> = {}): Fault => ({
    kind: "throttling",
    operation,
    ...(more as object),
  });

  test.each([
    ["iot:CreateThing", "iot:CreateThing", true],
    ["iot:CreateThing", "iot:CreateThingGroup", false],
    ["iot:*", "iot:CreateThing", true],
    ["iot:*", "iotx:CreateThing", false],
    ["*", "lambda:local-make", true],
  ])("%s strikes %s: %s", async (pattern, operation, struck) => {
    const faults = new Faults();
    faults.arm(throttled(pattern));
    const [first] = await run(faults, operation, 1);
    expect(first === 0).toBe(!struck);
  });

  test("as often as it was asked to, and no more", async () => {
    const faults = new Faults();
    faults.arm(throttled("iot:CreateThing", { times: 2 }));
    expect(await run(faults, "iot:CreateThing", 4)).toEqual(["ThrottlingException", "ThrottlingException", 2, 3]);
  });

  test("none after disarming, of one operation or of all", async () => {
    const faults = new Faults();
    faults.arm(throttled("iot:CreateThing"));
    faults.arm(throttled("s3:PutObject"));
    faults.disarm("iot:CreateThing");
    expect(await run(faults, "iot:CreateThing", 1)).toEqual([0]);
    expect(await run(faults, "s3:PutObject", 1)).toEqual(["SlowDown"]);
    faults.disarm();
    expect(await run(faults, "s3:PutObject", 1)).toEqual([0]);
  });

  test("the share that the probability says", async () => {
    const faults = new Faults(7);
    faults.arm(throttled("iot:CreateThing", { probability: 0.1 }));
    const struck = (await run(faults, "iot:CreateThing", 5_000)).filter((seen) => typeof seen === "string").length;
    expect(struck).toBeGreaterThan(400);
    expect(struck).toBeLessThan(600);
  });

  test("the same ones for the same seed, whatever other operations do meanwhile", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(fc.boolean(), { maxLength: 60 }), async (seed, interleaved) => {
        const alone = new Faults(seed);
        const among = new Faults(seed);
        for (const faults of [alone, among]) faults.arm(throttled("*", { probability: 0.3 }));
        const expected = await run(alone, "iot:CreateThing", 40);
        const seen: unknown[] = [];
        for (let call = 0; call < 40; call += 1) {
          if (interleaved[call] === true) await outcome(among.perform("iot:DeleteThing", () => 0));
          seen.push(await outcome(among.perform("iot:CreateThing", () => call)));
        }
        expect(seen).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });

  test("a restart with the seed repeats a run, and another seed gives another one", async () => {
    const faults = new Faults(3);
    const once = async (seed: number) => {
      faults.restart(seed);
      faults.arm(throttled("iot:CreateThing", { probability: 0.5 }));
      return run(faults, "iot:CreateThing", 64);
    };
    const first = await once(3);
    expect(await once(3)).toEqual(first);
    expect(await once(4)).not.toEqual(first);
  });

  test("of one caller strikes nobody else", async () => {
    const faults = new Faults(1, {
      roleOf: (accessKeyId) => ({ one: "local-deploy", other: "local-tell" })[accessKeyId],
    });
    faults.arm({ ...throttled("iot:*"), caller: "local-deploy", times: 1 });
    const call = (accessKeyId?: string) => outcome(faults.perform("iot:CreateThing", () => 1, { accessKeyId }));
    expect([await call("other"), await call("nobody"), await call(), await call("one"), await call("one")]).toEqual([
      1,
      1,
      1,
      "ThrottlingException",
      1,
    ]);
  });

  test("latencies add up and come before the first other fault", async () => {
    const waits: number[] = [];
    const faults = new Faults(1, { wait: async (milliseconds) => void waits.push(milliseconds) });
    faults.arm({ kind: "latency", operation: "*", milliseconds: 20 });
    faults.arm({ kind: "latency", operation: "iot:*", milliseconds: 30 });
    faults.arm({ kind: "reset", operation: "iot:*" });
    faults.arm(throttled("iot:*"));
    expect(await outcome(faults.perform("iot:CreateThing", () => 1))).toBe(ConnectionReset.name);
    expect(waits).toEqual([50]);
  });

  test("a lost answer comes after the effect, an error before it, a duplicate does it twice", async () => {
    let done = 0;
    const act = () => {
      done += 1;
      return done;
    };
    const faults = new Faults();
    const effects = async (fault: Fault, repeatable = true) => {
      faults.disarm();
      faults.arm(fault);
      done = 0;
      const seen = await outcome(faults.perform(fault.operation, act, { repeatable }));
      return [seen, done];
    };
    const operation = "iot:CreateThing";
    expect(await effects({ kind: "lost-answer", operation })).toEqual(["ConnectionReset", 1]);
    expect(await effects({ kind: "reset", operation })).toEqual(["ConnectionReset", 0]);
    expect(await effects({ kind: "server-error", operation })).toEqual(["InternalFailureException", 0]);
    expect(await effects({ kind: "error", operation, code: "Odd", status: 418 })).toEqual(["Odd", 0]);
    expect(await effects({ kind: "duplicate", operation })).toEqual([2, 2]);
    expect(await effects({ kind: "duplicate", operation }, false)).toEqual([1, 1]);
  });

  test("a call uses up only what strikes it: all latencies, and of the others the first that can", async () => {
    const faults = new Faults(1, { wait: async () => undefined });
    const struckTimes = () => faults.armed().map(({ fault, struck }) => [fault.kind, struck]);
    const operation = "iot:CreateThing";
    faults.arm({ kind: "duplicate", operation, times: 1 });
    faults.arm({ kind: "reset", operation, times: 1 });
    faults.arm({ kind: "latency", operation, milliseconds: 5, times: 2 });
    faults.arm(throttled(operation, { times: 1 }));
    expect(await outcome(faults.perform(operation, () => 1, { repeatable: false }))).toBe("ConnectionReset");
    expect(struckTimes()).toEqual([
      ["duplicate", 0],
      ["latency", 1],
      ["throttling", 0],
    ]);
    expect(await outcome(faults.perform(operation, () => 1, { repeatable: false }))).toBe("ThrottlingException");
    expect(await outcome(faults.perform(operation, () => 1, { repeatable: false }))).toBe(1);
    expect(struckTimes()).toEqual([["duplicate", 0]]);
  });

  test("a lost answer is lost also when it was an error", async () => {
    const faults = new Faults();
    faults.arm({ kind: "lost-answer", operation: "*" });
    const fails = () => {
      throw new RangeError("refused");
    };
    expect(await outcome(faults.perform("iot:CreateThing", fails))).toBe("ConnectionReset");
    expect(await outcome(faults.perform("iot:CreateThing", async () => fails()))).toBe("ConnectionReset");
  });

  test("who waits for a latency is reset when all is closed, and so is who comes after", async () => {
    const faults = new Faults();
    faults.arm({ kind: "latency", operation: "*", milliseconds: 600_000 });
    let done = 0;
    const act = () => {
      done += 1;
      return done;
    };
    const waiting = outcome(faults.perform("iot:CreateThing", act));
    faults.close();
    expect(await waiting).toBe("ConnectionReset");
    expect(await outcome(faults.perform("iot:CreateThing", act))).toBe("ConnectionReset");
    expect(done).toBe(0);
  });

  test("a duplicate answers with its second run, also when the first one fails", async () => {
    const faults = new Faults();
    faults.arm({ kind: "duplicate", operation: "*" });
    let runs = 0;
    const answer = faults.perform("iot:CreateThing", async () => {
      runs += 1;
      if (runs === 1) throw new Error("the first");
      return runs;
    });
    expect(await answer).toBe(2);
  });
});

describe("how a fault is asked for", () => {
  test.each([
    ["iot:CreateThing,kind=throttling", { operation: "iot:CreateThing", kind: "throttling" }],
    ["*,kind=latency,milliseconds=5", { operation: "*", kind: "latency", milliseconds: 5 }],
    [
      "s3:*,kind=error,code=SlowDown,status=503,probability=0.5,times=3",
      { operation: "s3:*", kind: "error", code: "SlowDown", status: 503, probability: 0.5, times: 3 },
    ],
  ])("%s", (text, fault) => expect(parseFaultOption(text)).toEqual(fault));

  test.each([
    ["iot,kind=reset", /operation|iot:CreateThing/],
    ["iot:*,kind=oddity", /kind/],
    ["iot:*,kind=error", /code/],
    ["iot:*,kind=latency", /milliseconds/],
    ["iot:*,kind=reset,probability=2", /probability/],
    ["iot:*,kind=reset,times=0", /times/],
    ["iot:*,kind=reset,colour=red", /colour/],
  ])("refuses %s", (text, reason) => expect(() => parseFaultOption(text)).toThrow(reason));

  test("null stands for every call in JSON", () =>
    expect(parseFault({ operation: "*", kind: "reset", times: null })).toEqual({ operation: "*", kind: "reset" }));
});

describe("an engine", () => {
  const REGION = "eu-central-1";
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const place = { region: REGION, accountId: "123456789012" };
  const faults = new Faults();
  const closers: (() => unknown)[] = [];
  let clients: { iot: IoTClient; s3: S3Client; sfn: SFNClient; dynamodb: DynamoDBClient };
  let lambda: ReturnType<typeof startLambda>;

  beforeAll(async () => {
    const dir = await mkdtemp(join(tmpdir(), "slipway-faults-"));
    closers.push(() => rm(dir, { recursive: true, force: true }));
    const later = <T extends { close(): unknown }>(engine: T): T => {
      closers.push(() => engine.close());
      return engine;
    };
    const iot = later(
      await startIot({
        ...place,
        dir: join(dir, "iot"),
        port: 0,
        faults,
        thingTypeCooldownMs: 0,
        endpoints: { data: "", credentials: "", jobs: "" },
      }),
    );
    const s3 = later(
      await startS3({
        ...place,
        dir: join(dir, "s3"),
        port: 0,
        faults,
        secretOf: () => credentials.secretAccessKey,
        publish: () => undefined,
      }),
    );
    const stepFunctions = later(
      await startStepFunctions({
        ...place,
        dir: join(dir, "step-functions"),
        port: 0,
        faults,
        machines: [{ name: "pass", definition: { StartAt: "Pass", States: { Pass: { Type: "Pass", End: true } } } }],
        invoke: () => Promise.reject(new Error("no function is called")),
        publish: () => undefined,
        log: () => undefined,
      }),
    );
    const engine = await startDynoxide(dir);
    closers.push(() => engine.stop());
    await engine.createTable("things");
    const endpoint = String(await engine.database.config.endpoint?.().then(({ port }) => `http://127.0.0.1:${port}`));
    const dynamodb = later(await startDynamoDBProxy({ port: 0, engine: endpoint, faults }));
    lambda = startLambda({
      ...place,
      logFile: join(dir, "functions.jsonl"),
      faults,
      functions: ["counts", "other"].map((name) => ({
        name,
        module: "tests/local/handlers/tell",
        timeoutSeconds: 5,
        memoryMb: 128,
        environment: [],
        variables: {},
      })) as never,
    });
    closers.push(() => lambda.close());
    const config = { region: REGION, credentials, maxAttempts: 1 };
    clients = {
      iot: new IoTClient({ ...config, endpoint: iot.url }),
      s3: new S3Client({ ...config, endpoint: s3.url, forcePathStyle: true }),
      sfn: new SFNClient({ ...config, endpoint: stepFunctions.url }),
      dynamodb: new DynamoDBClient({ ...config, endpoint: dynamodb.url }),
    };
  });
  afterEach(() => faults.disarm());
  afterAll(async () => {
    for (const client of Object.values(clients)) client.destroy();
    for (const close of closers.reverse()) await close();
  });

  const machine = `arn:aws:states:${REGION}:123456789012:stateMachine:pass`;
  /** A write of each engine, and a look at how often it was done. */
  const engines = {
    "iot:CreateThing": {
      write: (name: string) => clients.iot.send(new CreateThingCommand({ thingName: name })),
      isThere: async (name: string) =>
        (await clients.iot.send(new ListThingsCommand({}))).things?.some(({ thingName }) => thingName === name),
      throttling: "ThrottlingException",
    },
    "s3:CreateBucket": {
      write: (name: string) => clients.s3.send(new CreateBucketCommand({ Bucket: name })),
      isThere: async (name: string) =>
        (await clients.s3.send(new ListBucketsCommand({}))).Buckets?.some(({ Name }) => Name === name),
      throttling: "SlowDown",
    },
    "states:StartExecution": {
      write: (name: string) => clients.sfn.send(new StartExecutionCommand({ stateMachineArn: machine, name })),
      isThere: async (name: string) =>
        (await clients.sfn.send(new ListExecutionsCommand({ stateMachineArn: machine }))).executions?.some(
          (execution) => execution.name === name,
        ),
      throttling: "ThrottlingException",
    },
    "dynamodb:PutItem": {
      write: (name: string) =>
        clients.dynamodb.send(new PutItemCommand({ TableName: "things", Item: { pk: { S: name } } })),
      isThere: async (name: string) =>
        (await clients.dynamodb.send(new GetItemCommand({ TableName: "things", Key: { pk: { S: name } } }))).Item !==
        undefined,
      throttling: "ThrottlingException",
    },
  };
  const BROKEN = /ECONNRESET|socket hang up|EPIPE/;

  describe.each(Object.entries(engines))("%s", (operation, { write, isThere, throttling }) => {
    const name = (fault: string) => `${fault}-${operation.replace(":", "-").toLowerCase()}`;

    test("throttles in the service's own words", async () => {
      faults.arm({ kind: "throttling", operation, times: 1 });
      await expect(write(name("throttled"))).rejects.toMatchObject({ name: throttling });
      expect(await isThere(name("throttled"))).toBe(false);
      await write(name("throttled"));
    });

    test("fails with 5xx and does nothing", async () => {
      faults.arm({ kind: "server-error", operation, times: 1 });
      await expect(write(name("failed"))).rejects.toMatchObject({
        $metadata: { httpStatusCode: expect.toSatisfy((status: number) => status >= 500) },
      });
      expect(await isThere(name("failed"))).toBe(false);
    });

    test("resets the connection and does nothing", async () => {
      faults.arm({ kind: "reset", operation, times: 1 });
      await expect(write(name("reset"))).rejects.toThrow(BROKEN);
      expect(await isThere(name("reset"))).toBe(false);
    });

    test("does it and loses the answer", async () => {
      faults.arm({ kind: "lost-answer", operation, times: 1 });
      await expect(write(name("lost"))).rejects.toThrow(BROKEN);
      expect(await isThere(name("lost"))).toBe(true);
    });
  });

  test("delivers a request twice", async () => {
    await clients.dynamodb.send(new PutItemCommand({ TableName: "things", Item: { pk: { S: "n" }, n: { N: "0" } } }));
    faults.arm({ kind: "duplicate", operation: "dynamodb:UpdateItem", times: 1 });
    const { Attributes } = await clients.dynamodb.send(
      new UpdateItemCommand({
        TableName: "things",
        Key: { pk: { S: "n" } },
        UpdateExpression: "SET n = n + :one",
        ExpressionAttributeValues: { ":one": { N: "1" } },
        ReturnValues: "ALL_NEW",
      }),
    );
    expect(Attributes?.n).toEqual({ N: "2" });
  });

  test("that is S3 takes a body once, whatever is asked for, and frees what a lost answer would have sent", async () => {
    await clients.s3.send(new CreateBucketCommand({ Bucket: "bodies" }));
    faults.arm({ kind: "duplicate", operation: "s3:*", times: 1 });
    await clients.s3.send(new PutObjectCommand({ Bucket: "bodies", Key: "k", Body: "content" }));
    faults.disarm();
    faults.arm({ kind: "lost-answer", operation: "s3:GetObject", times: 1 });
    const read = () => clients.s3.send(new GetObjectCommand({ Bucket: "bodies", Key: "k" }));
    await expect(read()).rejects.toThrow(BROKEN);
    expect(await (await read()).Body?.transformToString()).toBe("content");
  });

  test("that is Lambda fails as a function, as the service, as a connection", async () => {
    faults.arm({ kind: "error", operation: "lambda:counts", code: "Odd", status: 500, times: 1 });
    expect(await lambda.invoke("counts", {})).toMatchObject({ functionError: { errorType: "Odd" } });
    faults.arm({ kind: "throttling", operation: "lambda:*", times: 1 });
    await expect(lambda.invoke("counts", {})).rejects.toMatchObject({ name: "TooManyRequestsException" });
    faults.arm({ kind: "reset", operation: "lambda:counts", times: 1 });
    await expect(lambda.invoke("counts", {})).rejects.toMatchObject({ name: "SdkClientException" });
    faults.arm({ kind: "reset", operation: "lambda:counts" });
    expect(await lambda.invoke("other", {})).toHaveProperty("payload");
  });

  test("answers as ever when a fault is for another operation", async () => {
    faults.arm({ kind: "reset", operation: "iot:AddThingToThingGroup" });
    await clients.iot.send(new CreateThingCommand({ thingName: "untouched" }));
    await expect(
      clients.iot.send(new AddThingToThingGroupCommand({ thingName: "untouched", thingGroupName: "g" })),
    ).rejects.toThrow(BROKEN);
    expect(new InjectedError("error", "Odd", 400).message).toMatch(/asked for/);
  });
});
