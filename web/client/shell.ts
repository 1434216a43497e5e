// The rows that come with the document.
// Owns: taking them as the document is read, and their end. Refuses to know: what they say.

import { readRows } from './config';
import { ActionError, CUT } from './errors';

/** Rows as they stand in the document: a text, unless some hold bytes that are none. */
export type Chunk = string | { base64: string };

const scope = globalThis as { __flightwire_more?: { push(chunk: Chunk): void } };

/** All rows of the document. What they lack when it ends will never come. */
export function documentRows(): ReadableStream<Uint8Array> {
  const waiting: Chunk[] = [readRows(), ...((scope.__flightwire_more as Chunk[] | undefined) ?? [])];
  let wake = () => {};
  let isRead = document.readyState !== 'loading';
  scope.__flightwire_more = {
    push(chunk) {
      waiting.push(chunk);
      wake();
    },
  };
  if (!isRead) {
    document.addEventListener('DOMContentLoaded', () => {
      isRead = true;
      wake();
    });
  }
  return new ReadableStream(
    {
      async pull(controller) {
        while (!waiting.length && !isRead) {
          await new Promise<void>(resolve => {
            wake = resolve;
          });
        }
        const chunk = waiting.shift();
        if (chunk === undefined) controller.error(new ActionError('lost', CUT));
        else controller.enqueue(bytesOf(chunk));
      },
    },
    { highWaterMark: 0 }, // an error would drop what is queued, so nothing is
  );
}

function bytesOf(chunk: Chunk): Uint8Array {
  if (typeof chunk === 'string') return new TextEncoder().encode(chunk);
  return Uint8Array.from(atob(chunk.base64), character => character.charCodeAt(0));
}
