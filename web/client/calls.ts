// The calls that are under way, and what they returned.
// Owns: ending a call, and finding the one a value came from. Refuses to know: HTTP and rows.

import { type ActionError, isStop, silenceError, stopError } from './errors';
import { parts } from './graph';
import { Silence } from './silence';

const MAX_REMEMBERED = 100_000; // objects of one ended call

const open = new Set<Call>();
const known = new WeakMap<object, Call>();

/** One call, from its request to the last row of its answer. */
export class Call {
  /** What the answer's first row gave: React's promise of the result. */
  root: unknown;
  /** Whether `stop` ended it. */
  isStopped = false;
  /** What ended it because the server said nothing any more. */
  silence: ActionError | undefined;
  /** Resolves when no more of the answer will come. */
  readonly ended: Promise<void>;

  readonly #controller = new AbortController();
  readonly #release: (() => void)[] = [];
  #end: () => void = () => {};
  #isEnded = false;
  readonly #silenceTimeoutMs: number | undefined;
  #listening: Silence | undefined;

  /**
   * @param signals of the page; any of them aborts the call.
   * @param silenceTimeoutMs of this call; `undefined` is what holds for the page.
   */
  constructor(signals: readonly AbortSignal[], silenceTimeoutMs?: number) {
    open.add(this);
    this.#silenceTimeoutMs = silenceTimeoutMs;
    this.ended = new Promise(resolve => {
      this.#end = resolve;
    });
    for (const signal of signals) this.#follow(signal);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the page ended it: by `stop`, or by a signal. */
  get isGivenUp(): boolean {
    return this.signal.aborted && !this.silence;
  }

  /** From now on the server has to say something now and then. */
  listen(): void {
    if (this.#isEnded || this.signal.aborted) return;
    this.#listening ??= new Silence(this.#silenceTimeoutMs, silentForMs => {
      this.silence = silenceError(this.root ? 'lost' : 'unreachable', silentForMs);
      this.#abort(this.silence);
    });
    this.heard();
  }

  /** It has said something. */
  heard(): void {
    this.#listening?.heard();
  }

  /** It need say nothing from now on. */
  leave(): void {
    this.#listening?.close();
    this.#listening = undefined;
  }

  /** Ends it; nothing happens when it has ended. */
  stop(): Promise<void> {
    if (!this.#isEnded && !this.signal.aborted) {
      this.isStopped = true;
      this.#abort(stopError());
    }
    return this.ended;
  }

  /** Says that no more will come. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.leave();
    for (const release of this.#release) release();
    this.#end();
    whenIdle(() => this.#remember());
  }

  /** The promise to give to the page: the answer's, or what ended the call before there was one. */
  promise(answer: Promise<unknown>): Promise<unknown> {
    const { signal } = this;
    const promise = new Promise((resolve, reject) => {
      answer.then(resolve, reject);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    known.set(promise, this);
    return promise;
  }

  #abort(reason: unknown): void {
    this.leave();
    this.#controller.abort(reason);
    if (!this.root) this.end(); // there is no answer whose end could be waited for
  }

  #follow(signal: AbortSignal): void {
    const abort = () => this.#abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    this.#release.push(() => signal.removeEventListener('abort', abort));
  }

  /** From now on its values are known without holding them. */
  #remember(): void {
    let left = MAX_REMEMBERED;
    for (const part of parts(this.root)) {
      if (left-- === 0) break;
      known.set(part, this);
    }
    this.root = undefined;
    open.delete(this);
  }
}

/**
 * Ends the work behind anything an action returned: the promise of the call, its result, or an object inside it.
 *
 * The action is cancelled on the server, and with it its connection to the model. What has come stays: a loop over a
 * streamable value ends as if the answer were complete; promises that are still open reject with an AbortError. Stopping
 * twice, or what has ended, does nothing.
 *
 * @throws TypeError when no action of this page returned the value.
 */
export async function stop(value: unknown): Promise<void> {
  const call = callOf(value);
  if (!call) throw new TypeError(notReturned('stop', value));
  if (value instanceof Promise) value.catch(() => {}); // whoever stops it knows
  await call.stop();
}

/**
 * Waits until nothing more will come of anything an action returned: its answer is complete, stopped, or has failed.
 *
 * Streamed interfaces need it, because what an action returns with them is there long before they are complete.
 *
 * @throws TypeError when no action of this page returned the value.
 */
export async function ended(value: unknown): Promise<void> {
  const call = callOf(value);
  if (!call) throw new TypeError(notReturned('ended', value));
  await call.ended;
}

function callOf(value: unknown): Call | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return known.get(value) ?? [...open].find(call => contains(call.root, value));
}

function contains(root: unknown, value: object): boolean {
  for (const part of parts(root)) if (part === value) return true;
  return false;
}

function notReturned(name: string, value: unknown): string {
  const given = value === null ? 'null' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
  const advice =
    value instanceof Promise
      ? 'A promise of a function around the action is not known: pass what it resolves to, or give the call a signal with withOptions().'
      : 'Pass the result of a call, or a streamable value, promise or object inside it.';
  return `${name}() was given ${given} that no action returned. ${advice}`;
}

function whenIdle(task: () => void): void {
  if (typeof requestIdleCallback === 'function') requestIdleCallback(task);
  else setTimeout(task);
}

// A page that stops an answer need not catch the stop wherever it awaits something of that answer.
globalThis.addEventListener?.('unhandledrejection', event => {
  if (isStop(event.reason)) event.preventDefault();
});
