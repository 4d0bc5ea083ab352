/** A fault that the test mode asks for: the next `times` calls of `operation` fail with `code` and `status`. */
export interface Fault {
  /** Service and operation, as in an IAM action: `iot:CreateThing`, `s3:PutObject`, `lambda:Invoke`. */
  readonly operation: string;
  /** The service's error code, such as `ThrottlingException`. */
  readonly code: string;
  readonly status: number;
  /** How many calls fail; Infinity (JSON: null) for every call. */
  readonly times: number;
}

/** The faults that are armed. Engines ask before they act; without any armed fault the answer costs a map look-up. */
export class Faults {
  readonly #armed = new Map<string, { fault: Fault; left: number }>();

  arm(fault: Fault): void {
    this.#armed.set(fault.operation, { fault, left: fault.times });
  }

  disarm(operation?: string): void {
    if (operation === undefined) this.#armed.clear();
    else this.#armed.delete(operation);
  }

  /** The fault that this call of `operation` meets, if any; counts it. */
  next(operation: string): Fault | undefined {
    const armed = this.#armed.get(operation);
    if (armed === undefined) return undefined;
    armed.left -= 1;
    if (armed.left <= 0) this.#armed.delete(operation);
    return armed.fault;
  }
}
