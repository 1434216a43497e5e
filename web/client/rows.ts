// The body of an answer.
// Owns: how a body ends. Refuses to know: what is in it.

import { ActionError } from './errors';

const LOST = 'The connection to the server was lost before the answer was complete.';

/**
 * The same bytes, ending in an error.
 *
 * Flight has no end mark: when a body ends, whatever is still awaited can never come. React would say "Connection
 * closed." (a number in production); what is complete is not touched by an error at the end (React 19.3, `reportGlobalError`).
 */
export function endingInLoss(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) controller.error(new ActionError('lost', LOST));
          else controller.enqueue(value);
        } catch (cause) {
          controller.error(isAbort(cause) ? cause : new ActionError('lost', LOST, { cause }));
        }
      },
      cancel: reason => reader.cancel(reason),
    },
    { highWaterMark: 0 }, // an error would drop what is queued, so nothing is
  );
}

/** A text that is already here. */
export function textStream(text: string): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
