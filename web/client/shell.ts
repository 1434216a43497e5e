// The rows that come with the document.
// Owns: taking them as the document is read, and their end. Refuses to know: what they say.

import { readRows } from './config';
import { ActionError, CUT } from './errors';

/** Rows as they stand in the document: a text, unless some hold bytes that are none. */
export type Chunk = string | { base64: string };

const BEAT_MS = 15_000; // how long a server is silent at most while a document goes on (pump.py)
const MAX_MISSED_BEATS = 2;

const scope = globalThis as { __flightwire_more?: { push(chunk: Chunk): void } };

/** All rows of the document. What they lack when it ends will never come. */
export function documentRows(): ReadableStream<Uint8Array> {
  const waiting: Chunk[] = [readRows(), ...((scope.__flightwire_more as Chunk[] | undefined) ?? [])];
  let wake = () => {};
  let isRead = document.readyState !== 'loading';
  let beats = 0;
  scope.__flightwire_more = {
    push(chunk) {
      beats = 0;
      waiting.push(chunk);
      wake();
    },
  };
  if (!isRead) {
    const end = () => {
      clearInterval(timer);
      isRead = true;
      wake();
    };
    // Chromium says nothing of a document whose connection broke: it is "loading" for ever. Beats are counted, not seconds: a
    // computer that slept hears those it missed first.
    const timer = setInterval(() => ++beats > MAX_MISSED_BEATS && end(), BEAT_MS);
    document.addEventListener('DOMContentLoaded', end);
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
