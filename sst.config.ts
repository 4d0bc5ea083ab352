/// <reference path="./.sst/platform/config.d.ts" />

export default $config({
  app: async ({ stage }) => {
    const { readSettings } = await import("./stacks/settings.ts");
    const { region, protect, retain, tags } = readSettings(stage);
    return {
      name: "slipway",
      home: "aws",
      removal: retain ? "retain" : "remove",
      protect,
      providers: { aws: { region, defaultTags: { tags: { ...tags, "slipway:stage": stage } } } },
    };
  },
  run: async () => {
    const { deploy } = await import("./stacks/deploy.ts");
    return deploy($app.stage);
  },
});
