// What can go wrong with a call, as the page sees it.
// Owns: ActionError, how to recognise failures, and their sentences. Refuses to know: HTTP and Flight.

/**
 * - `failed`: the action ran and raised; React rebuilt the error;
 * - `refused`: the server did not run the action, and said why;
 * - `unreachable`: no answer at all;
 * - `lost`: the answer broke off; what had come stays valid;
 * - `interrupted`: the server ended the answer because it is being restarted; what had come stays valid.
 */
export type ActionErrorKind = 'failed' | 'refused' | 'unreachable' | 'lost' | 'interrupted';

/** What every failure of a call has: ours, and those that the action raised. */
export interface ActionFailure extends Error {
  kind: ActionErrorKind;
  /** The HTTP status, when the call itself was answered with a failure. */
  status?: number | undefined;
  /** What to look for in the server's log. */
  digest?: string | undefined;
  /** A sentence meant for the person at the browser, if the server gave one (`raise UserError("…")`). */
  userMessage?: string | undefined;
  /** How long nothing had come, in milliseconds, when that was taken for the end of the connection. */
  silentForMs?: number | undefined;
}

/** A call that did not come back with an answer. */
export class ActionError extends Error implements ActionFailure {
  override readonly name = 'ActionError';
  readonly kind: Exclude<ActionErrorKind, 'failed' | 'interrupted'>;
  readonly status: number | undefined;
  readonly digest: string | undefined;
  readonly userMessage: string | undefined;
  readonly silentForMs: number | undefined;

  constructor(
    kind: Exclude<ActionErrorKind, 'failed' | 'interrupted'>,
    message: string,
    facts: { status?: number; userMessage?: string; silentForMs?: number; cause?: unknown } = {},
  ) {
    super(message, 'cause' in facts ? { cause: facts.cause } : undefined);
    this.kind = kind;
    this.status = facts.status;
    this.userMessage = facts.userMessage;
    this.silentForMs = facts.silentForMs;
  }
}

/** What a call ends with whose server says nothing any more: there was no answer yet, or a part of it. */
export function silenceError(kind: 'unreachable' | 'lost', silentForMs: number): ActionError {
  const said =
    kind === 'lost'
      ? 'The connection to the server was lost before the answer was complete'
      : 'The server did not answer';
  const seconds = Math.max(1, Math.round(silentForMs / 1000));
  const message = `${said}: nothing came for ${seconds === 1 ? 'a second' : `${seconds} seconds`}.`;
  return new ActionError(kind, message, { silentForMs });
}

/** What a page says whose own rows broke off. */
export const CUT = 'The page did not arrive whole. Reload it.';

const USER_ERROR = 'user:'; // a digest that carries a text for the user
const INTERRUPTED = 'interrupted'; // the digest of what a server ended because it stops
/** The digest of `not_found()`: the page shows its `not-found.tsx`. */
export const NOT_FOUND = 'not-found';
const SENTENCES: Record<string, string> = {
  [INTERRUPTED]: 'The server was restarted before the answer was complete. Try again.',
  [NOT_FOUND]: 'There is no such thing here.',
};
const NO_TEXT = /^Minified React error #\d+|^An error occurred in the Server/;

/** Whether a call failed, for whatever reason; a call that was stopped or aborted did not. */
export function isActionError(error: unknown): error is ActionFailure {
  if (error instanceof ActionError) return true;
  if (!(error instanceof Error) || typeof (error as { digest?: unknown }).digest !== 'string') return false;
  explain(error as ActionFailure & { digest: string });
  return true;
}

/** Whether a call was ended on purpose: by `stop`, or by its signal. */
export function isAbortError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { name?: unknown }).name === 'AbortError';
}

const aborts = new WeakSet<object>();

/** Remembers why a page aborted a call of its own. */
export function rememberAbort(reason: unknown): void {
  if (typeof reason === 'object' && reason !== null) aborts.add(reason);
}

/** Whether what was waited for never came because the page itself aborted the call; what a server sends is always an object. */
export function isOwnAbort(error: unknown): boolean {
  return typeof error !== 'object' || error === null || aborts.has(error);
}

/** A sentence to show for anything that was caught. */
export function describeError(error: unknown): string {
  if (isAbortError(error)) return 'The answer was stopped.';
  if (isActionError(error) && error.userMessage) return error.userMessage;
  return (error instanceof Error && error.message) || 'Something went wrong.';
}

/**
 * Gives an error that React rebuilt the properties of a failure. It stays the same object.
 *
 * Production builds of React put a text of their own in place of the message, which the server does not send.
 */
export function explain(error: ActionFailure & { digest: string }, status?: number): void {
  error.kind ??= error.digest === INTERRUPTED ? 'interrupted' : 'failed';
  if (status !== undefined && status >= 400) error.status ??= status;
  if (error.digest.startsWith(USER_ERROR)) error.userMessage ??= error.digest.slice(USER_ERROR.length);
  if (!NO_TEXT.test(error.message)) return;
  error.message =
    error.userMessage ?? SENTENCES[error.digest] ?? `Something went wrong on the server (${error.digest}).`;
  error.stack = `${error.name}: ${error.message}`; // React's has no frames either
}

const stops = new WeakSet<object>();

/** What `stop` rejects with. */
export function stopError(): DOMException {
  const error = new DOMException('The answer was stopped.', 'AbortError');
  stops.add(error);
  return error;
}

/** Whether `stop` made this error. */
export function isStop(error: unknown): boolean {
  return typeof error === 'object' && error !== null && stops.has(error);
}

/** What only the page's developer wants to know of an error. */
export interface Trace {
  /** The action that was called. */
  action?: string;
  /** Where it stands, as a line of a stack. */
  place?: string | undefined;
  /** The server's name for the error. */
  kindOfRefusal?: string | undefined;
}

const traces = new WeakMap<object, Trace>();

/** Remembers where an error came from. */
export function trace(error: unknown, facts: Trace): void {
  if (typeof error === 'object' && error !== null) traces.set(error, { ...traces.get(error), ...facts });
}

/** Where an error came from, as far as that is known. */
export const traceOf = (error: object): Trace => traces.get(error) ?? {};
