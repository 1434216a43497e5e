// Whether the server can be reached.
// Owns: the state, and trying again while somebody wants to know. Refuses to know: calls.

import { readConfig } from './config';
import { Silence } from './silence';

/**
 * - `online`: the server answered the last time (or was not asked yet);
 * - `connecting`: it did not, and is being asked again;
 * - `offline`: the browser has no network;
 * - `lost`: the server did not answer, or an answer broke off.
 */
export type ConnectionState = 'online' | 'connecting' | 'offline' | 'lost';

const DELAYS_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];
const ANSWER_MS = 10_000; // how long one attempt may take

let state: ConnectionState = 'online';
let listener: ((state: ConnectionState) => void) | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let attempts = 0;
let attempt: AbortController | undefined; // unless a call was answered meanwhile
let isListening = false;

/** Tells every change from now on, and the present state at once unless it is `online`. */
export function watchConnection(onConnection: ((state: ConnectionState) => void) | undefined): void {
  listener = onConnection;
  clearTimeout(timer);
  if (!listener) return;
  listenToBrowser();
  if (!hasNetwork()) change('offline');
  else if (state !== 'online') {
    listener(state);
    retryLater();
  }
}

/** A call is about to be sent. */
export function connecting(): void {
  if (state !== 'online') change('connecting');
}

/** The server has answered, whatever it said. */
export function connected(): void {
  attempts = 0;
  attempt = undefined;
  clearTimeout(timer);
  change('online');
}

/** There was no answer, or it broke off. */
export function disconnected(): void {
  change(hasNetwork() ? 'lost' : 'offline');
  retryLater();
}

/** A call was given up before there was an answer. */
export function interrupted(): void {
  if (state === 'connecting') disconnected();
}

function change(next: ConnectionState): void {
  if (state === next) return;
  state = next;
  listener?.(next);
}

function retryLater(): void {
  clearTimeout(timer);
  if (!listener || state === 'offline') return; // the browser says when there is a network again
  timer = setTimeout(retry, DELAYS_MS[Math.min(attempts++, DELAYS_MS.length - 1)]);
}

async function retry(): Promise<void> {
  change('connecting');
  const own = new AbortController();
  const silence = new Silence(ANSWER_MS, () => own.abort());
  attempt = own;
  try {
    await fetch(`${readConfig().root}/`, { method: 'HEAD', cache: 'no-store', signal: own.signal });
    connected();
  } catch {
    if (attempt === own) disconnected();
  } finally {
    silence.close();
  }
}

function listenToBrowser(): void {
  if (isListening || typeof addEventListener !== 'function') return;
  isListening = true;
  addEventListener('offline', () => {
    clearTimeout(timer);
    change('offline');
  });
  addEventListener('online', () => {
    attempts = 0;
    clearTimeout(timer);
    if (state === 'offline') void retry();
  });
}

function hasNetwork(): boolean {
  return globalThis.navigator?.onLine !== false;
}
