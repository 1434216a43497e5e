// A call of a server action.
// Owns: the request and reading its answer. Refuses to know: what arguments and results mean; Flight encodes them.

import {
  createFromReadableStream,
  createTemporaryReferenceSet,
  encodeReply,
} from 'react-server-dom-webpack/client.browser';
import { readConfig } from './config';
import { ActionError } from './errors';
import { endingInLoss, isAbort } from './rows';

const FLIGHT = 'text/x-component';
const MAX_LETTER_CHARS = 2000;

/** Calls the action `id`; React hands it to every server reference. Rejects with ActionError, or with the action's own error. */
export async function callServer(id: string, args: unknown[]): Promise<unknown> {
  const temporaryReferences = createTemporaryReferenceSet();
  const body = await encodeReply(args, { temporaryReferences });
  const response = await post(id, body);
  if (!response.body || !isFlight(response)) throw await refusal(response);
  return createFromReadableStream(endingInLoss(response.body), {
    callServer,
    temporaryReferences,
    replayConsoleLogs: false, // its performance track overflows the stack on long chains (19.2, 19.3 development builds)
  });
}

async function post(id: string, body: string | FormData): Promise<Response> {
  const { root, page } = readConfig();
  try {
    return await fetch(`${root}/`, {
      method: 'POST',
      headers: { accept: FLIGHT, 'rsc-action-id': id, 'flightwire-page': page },
      body,
    });
  } catch (cause) {
    if (isAbort(cause)) throw cause;
    throw new ActionError('unreachable', 'The server cannot be reached. Is it still running?', { cause });
  }
}

function isFlight(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith(FLIGHT) ?? false;
}

async function refusal(response: Response): Promise<ActionError> {
  const { status } = response;
  const isText = response.headers.get('content-type')?.startsWith('text/plain') ?? false;
  const text = isText ? (await response.text().catch(() => '')).trim().slice(0, MAX_LETTER_CHARS) : '';
  return new ActionError('refused', text || `The server answered ${status} instead of running the action.`, {
    status,
  });
}
