// The body of an answer.
// Owns: how a body ends. Refuses to know: what is in it.

import { ActionError, isAbortError, rememberAbort } from './errors';
import { Owed } from './owed';

const LOST = 'The connection to the server was lost before the answer was complete.';

/** The call whose answer is read. */
export interface Reader {
  readonly signal: AbortSignal;
  /** The signal is the page's wish. */
  readonly isGivenUp: boolean;
  /** The signal is the server's silence. */
  readonly silence: ActionError | undefined;
  /** The signal is a stop: what is read piece by piece ends where it is. */
  readonly isStopped: boolean;
  /** Something has come: whole rows in these pieces, or none; React has not seen them yet. */
  received(pieces: readonly Uint8Array[]): void;
  /** Errors have come, and React has them by now. */
  failed(): void;
  /** No more will come. */
  ended(ending: 'complete' | 'lost' | 'aborted'): void;
}

/**
 * The same rows, each whole, ending in an error.
 *
 * Flight has no end mark: when a body ends, whatever is still awaited can never come. React would say "Connection
 * closed." (a number in production); what is complete is not touched by an error at the end (React 19.3, `reportGlobalError`).
 */
export function answerRows(body: ReadableStream<Uint8Array>, call: Reader): ReadableStream<Uint8Array> {
  const pieces = read(body.getReader(), call);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await pieces.next();
          if (done) return await new Promise<void>(() => {}); // an error would reach components, too
          controller.enqueue(value);
        } catch (error) {
          controller.error(error);
        }
      },
      cancel: reason => body.cancel(reason),
    },
    { highWaterMark: 0 }, // an error would drop what is queued, so nothing is
  );
}

/** Gives rows until there are none; throws when waiting for more must fail, and returns when it must not. */
async function* read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  call: Reader,
): AsyncGenerator<Uint8Array, void> {
  const owed = new Owed();
  const cancel = () => void reader.cancel(call.signal.reason).catch(() => {});
  call.signal.addEventListener('abort', cancel, { once: true });
  if (call.signal.aborted) cancel();
  for (;;) {
    const { value, cause } = await next(reader);
    if (call.isGivenUp) return yield* stopped(owed, call);
    if (!value) {
      const isAbort = !call.silence && isAbortError(cause);
      call.ended(isAbort ? 'aborted' : owed.isComplete ? 'complete' : 'lost');
      throw call.silence ?? (isAbort ? cause : lost(cause));
    }
    const before = owed.failures;
    const pieces = owed.take(value);
    call.received(pieces);
    for (const piece of pieces) yield piece; // `yield*` would come back too late for the next line
    if (owed.failures > before) call.failed();
  }
}

async function* stopped(owed: Owed, call: Reader): AsyncGenerator<Uint8Array, void> {
  // An element that never comes keeps its fallback, which is what was shown; an error would take it off the page.
  const keepsNodes = call.isStopped && owed.nodes.size > 0;
  rememberAbort(call.signal.reason);
  const rows = (call.isStopped ? owed.endings() : '') + (keepsNodes ? owed.rejections() : '');
  if (rows) yield new TextEncoder().encode(rows);
  call.ended('aborted');
  if (!keepsNodes) throw call.signal.reason;
}

async function next(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<{ value?: Uint8Array | undefined; cause?: unknown }> {
  try {
    return await reader.read();
  } catch (cause) {
    return { cause };
  }
}

function lost(cause: unknown): ActionError {
  return new ActionError('lost', LOST, cause === undefined ? {} : { cause });
}
