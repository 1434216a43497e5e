// What can go wrong with a call, as the page sees it.
// Owns: ActionError and how to recognise it. Refuses to know: HTTP and Flight.

/**
 * - `refused`: the server did not run the action, and said why;
 * - `unreachable`: no answer at all;
 * - `lost`: the answer broke off; what had come stays valid.
 */
export type ActionErrorKind = 'refused' | 'unreachable' | 'lost';

/** A call that did not come back with an answer. Errors raised by the action itself are React's, with a `digest`. */
export class ActionError extends Error {
  override readonly name = 'ActionError';
  readonly kind: ActionErrorKind;
  /** The HTTP status, when there was a response. */
  readonly status: number | undefined;
  /** What to look for in the server's log. */
  readonly digest: string | undefined;
  /** A sentence meant for the person at the browser, if the server gave one. */
  readonly userMessage: string | undefined;

  constructor(kind: ActionErrorKind, message: string, facts: { status?: number; cause?: unknown } = {}) {
    super(message, 'cause' in facts ? { cause: facts.cause } : undefined);
    this.kind = kind;
    this.status = facts.status;
  }
}

/** An error of a call: ours, or one that the action raised and React rebuilt. */
export function isActionError(
  error: unknown,
): error is ActionError | (Error & { digest: string; userMessage?: string }) {
  return (
    error instanceof ActionError ||
    (error instanceof Error && typeof (error as { digest?: unknown }).digest === 'string')
  );
}
