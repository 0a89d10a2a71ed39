// The error of a request.

/** An answer with an error status, or a failed connection (status 0). Its message is for users. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
