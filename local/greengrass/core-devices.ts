import { notFound } from "./errors.ts";
import type { GreengrassHandlers } from "./state.ts";

const absent = (name: string) => notFound(`The core device ${name} does not exist`, name, "CORE_DEVICE");

/** An account into which no core device has reported yet: https://docs.aws.amazon.com/greengrass/v2/APIReference/ */
export const coreDeviceHandlers: GreengrassHandlers = {
  ListCoreDevices: () => ({ coreDevices: [] }),

  GetCoreDevice: (input) => {
    throw absent(input.coreDeviceThingName);
  },

  DeleteCoreDevice: (input) => {
    throw absent(input.coreDeviceThingName);
  },
};
