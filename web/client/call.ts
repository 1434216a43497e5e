// A call of a server action.
// Owns: the request and reading its answer. Refuses to know: what arguments and results mean; Flight encodes them.

import {
  createFromReadableStream,
  createTemporaryReferenceSet,
  encodeReply,
} from 'react-server-dom-webpack/client.browser';
import { Call } from './calls';
import { readConfig } from './config';
import { connected, connecting, disconnected, interrupted } from './connection';
import { ActionError, type ActionFailure, explain, isActionError, trace } from './errors';
import { reasons } from './graph';
import { Teller } from './inspect';
import { destination, leaveFor } from './navigate';
import { gather, type Headers, takeOptions } from './options';
import './registry'; // React asks it for modules
import { answerRows } from './rows';

const FLIGHT = 'text/x-component';
const RUNTIME_VERSION = '1'; // which of our own components this page has (streamed.ts)
const MAX_LETTER_CHARS = 2000;
const MAX_SENT_AT_ONCE = 64 * 1024; // bytes; how long more than that is on its way, nobody tells

/** Calls the action `id`; React hands it to every server reference. Rejects with ActionError, or with the action's own error. */
export function callServer(id: string, args: unknown[]): Promise<unknown> {
  const { signals, headers, silenceTimeoutMs } = takeOptions();
  const call = new Call(signals, silenceTimeoutMs);
  return call.promise(answerOf(call, id, args, headers));
}

async function answerOf(
  call: Call,
  id: string,
  args: unknown[],
  headers: readonly Headers[],
): Promise<unknown> {
  const teller = new Teller(nameOf(id));
  try {
    const temporaryReferences = createTemporaryReferenceSet();
    const body = await encodeReply(args, { temporaryReferences });
    const fields = await gather(headers);
    if (sizeOf(body) <= MAX_SENT_AT_ONCE) call.listen();
    const response = await post(id, body, fields, call);
    if (!response.body || !isFlight(response)) {
      call.leave(); // who answers so may know nothing of signs of life
      throw await refusal(response);
    }
    call.listen();
    call.root = createFromReadableStream(answerRows(response.body, reading(call, nameOf(id), teller)), {
      callServer,
      temporaryReferences,
      replayConsoleLogs: false, // its performance track overflows the stack on long chains (19.2, 19.3 development builds)
    });
    return await rooted(call.root as Promise<unknown>, response.status);
  } catch (error) {
    if (!call.root) {
      teller.end(call.isGivenUp ? 'aborted' : 'refused');
      call.end();
    }
    trace(error, { action: nameOf(id) });
    throw error;
  }
}

/** `continueConversation` of `actions#continueConversation`, also when it belongs to a provider: `ai#AI:continueConversation.bound`. */
const nameOf = (id: string): string => id.replace(/^.*[#:]/, '').replace(/\.bound$/, '');

/** The result, or an error that can be read; an action that redirects takes the page elsewhere. */
async function rooted(root: Promise<unknown>, status: number): Promise<unknown> {
  try {
    return await root;
  } catch (error) {
    const elsewhere = destination(error);
    if (elsewhere) return leaveFor(elsewhere);
    if (isRebuilt(error)) explain(error, status);
    throw error;
  }
}

function isRebuilt(error: unknown): error is ActionFailure & { digest: string } {
  return isActionError(error) && (error.kind === 'failed' || error.kind === 'interrupted');
}

function reading(call: Call, action: string, teller: Teller) {
  return {
    signal: call.signal,
    get isGivenUp() {
      return call.isGivenUp;
    },
    get silence() {
      return call.silence;
    },
    get isStopped() {
      return call.isStopped;
    },
    received(pieces: readonly Uint8Array[]) {
      call.heard();
      teller.rows(pieces);
    },
    failed() {
      for (const reason of reasons(call.root)) {
        isActionError(reason); // explains it before the page sees it
        trace(reason, { action });
      }
    },
    ended(ending: 'complete' | 'lost' | 'aborted') {
      if (ending === 'lost') disconnected();
      teller.end(ending);
      call.end();
    },
  };
}

async function post(
  id: string,
  body: string | FormData,
  headers: globalThis.Headers,
  call: Call,
): Promise<Response> {
  const { signal } = call;
  const { root, page } = readConfig();
  headers.set('accept', FLIGHT);
  headers.set('rsc-action-id', id);
  if (page) headers.set('flightwire-page', page);
  headers.set('x-flightwire-runtime', RUNTIME_VERSION);
  headers.delete('content-type'); // the body's own
  connecting();
  try {
    const credentials = root.startsWith('/') || !root ? 'same-origin' : 'include'; // its server lists our origin by name
    const response = await fetch(`${root}/`, { method: 'POST', headers, body, signal, credentials });
    connected();
    return response;
  } catch (cause) {
    if (call.isGivenUp) interrupted();
    else disconnected();
    if (signal.aborted) throw signal.reason;
    throw new ActionError('unreachable', 'The server cannot be reached. Is it still running?', { cause });
  }
}

/** How much there is to send, roughly. */
function sizeOf(body: string | FormData): number {
  if (typeof body === 'string') return body.length;
  let size = 0;
  for (const part of body.values()) size += typeof part === 'string' ? part.length : part.size;
  return size;
}

function isFlight(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith(FLIGHT) ?? false;
}

async function refusal(response: Response): Promise<ActionError> {
  const { status } = response;
  const isText = response.headers.get('content-type')?.startsWith('text/plain') ?? false;
  const text = isText ? (await response.text().catch(() => '')).trim().slice(0, MAX_LETTER_CHARS) : '';
  const letter = text || `The server answered ${status} instead of running the action.`;
  const [kind, place] = ['flightwire-error', 'flightwire-place'].map(name => response.headers.get(name));
  const isForUser = kind === 'UserError' && text;
  const error = new ActionError('refused', letter, { status, ...(isForUser ? { userMessage: text } : {}) });
  trace(error, { kindOfRefusal: kind ?? undefined, place: place ?? undefined });
  return error;
}
