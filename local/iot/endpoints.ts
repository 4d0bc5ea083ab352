import { invalidRequest } from "./errors.ts";
import type { IotHandlers } from "./state.ts";

export const endpointHandlers: IotHandlers = {
  /** https://docs.aws.amazon.com/iot/latest/apireference/API_DescribeEndpoint.html */
  DescribeEndpoint: (input, iot) => {
    switch (input.endpointType) {
      case undefined:
      case "iot:Data":
      case "iot:Data-ATS":
        return { endpointAddress: iot.endpoints.data };
      case "iot:CredentialProvider":
        return { endpointAddress: iot.endpoints.credentials };
      case "iot:Jobs":
        return { endpointAddress: iot.endpoints.jobs };
      default:
        throw invalidRequest(`Endpoint type ${input.endpointType} is not known`);
    }
  },
};
