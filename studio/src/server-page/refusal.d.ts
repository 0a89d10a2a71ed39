export class Refusal extends Error {
  /** The HTTP status; 0 for a failed connection, 401 for a missing or wrong key of the server. */
  readonly status: number;
  constructor(status: number, message: string);
}
