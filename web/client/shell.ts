// The rows that come with the document.
// Owns: taking them as the document is read, and their end. Refuses to know: what they say.

import { readRows } from './config';
import { ActionError, CUT } from './errors';
import { Silence } from './silence';

/** Rows as they stand in the document: a text, unless some hold bytes that are none. */
export type Chunk = string | { base64: string };

const scope = globalThis as { __flightwire_more?: { push(chunk: Chunk): void } };

/** All rows of the document. What they lack when it ends will never come. */
export function documentRows(): ReadableStream<Uint8Array> {
  const waiting: Chunk[] = [readRows(), ...((scope.__flightwire_more as Chunk[] | undefined) ?? [])];
  let wake = () => {};
  let isRead = document.readyState !== 'loading';
  let cut: { silentForMs?: number } = {};
  const end = () => {
    silence?.close();
    isRead = true;
    wake();
  };
  // Chromium says nothing of a document whose connection broke: it is "loading" for ever.
  const silence = isRead
    ? undefined
    : new Silence(undefined, silentForMs => {
        cut = { silentForMs };
        end();
      });
  if (!isRead) document.addEventListener('DOMContentLoaded', end);
  scope.__flightwire_more = {
    push(chunk) {
      silence?.heard();
      waiting.push(chunk);
      wake();
    },
  };
  return new ReadableStream(
    {
      async pull(controller) {
        while (!waiting.length && !isRead) {
          await new Promise<void>(resolve => {
            wake = resolve;
          });
        }
        const chunk = waiting.shift();
        if (chunk === undefined) controller.error(new ActionError('lost', CUT, cut));
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
