/** What a delivery that is due is handed over by, on the stage's bus. */
export const DELIVERY_SOURCE = "slipway.webhooks";
export const DELIVERY_DUE = "delivery.due";

export interface DeliveryDue {
  readonly workspaceId: string;
  readonly webhookId: string;
  /** The event's id. */
  readonly event: string;
}
