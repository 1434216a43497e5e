// How long a connection may say nothing.
// Owns: the one timer of the page, and what a late timer means. Refuses to know: who listens to what.

/** What a page waits that says nothing else. A server says something every 30 seconds at the latest (pump.py). */
export const SILENCE_TIMEOUT_MS = 60_000;

const LATE_MS = 2000; // browsers run the timers of hidden pages once per second
const HELD_BACK_MS = 65_000; // and after some minutes once per minute, while what arrives is read as ever
const MAX_DELAY_MS = 2 ** 31 - 1; // a longer one would be over at once

const open = new Set<Silence>();
let general = SILENCE_TIMEOUT_MS;
let timer: ReturnType<typeof setTimeout> | undefined;
let due = Number.POSITIVE_INFINITY;
let dueOnTheWall = 0;
let patience = LATE_MS;

/** Sets how long those may be silent that have no limit of their own; `undefined` takes it back. */
export function limitSilence(timeoutMs: number | undefined): void {
  general = checked(timeoutMs) ?? SILENCE_TIMEOUT_MS;
  for (const each of open) plan(each.end);
}

/** The number, or undefined. Throws when it is no time. */
export function checked(timeoutMs: number | undefined): number | undefined {
  if (timeoutMs === undefined || (typeof timeoutMs === 'number' && timeoutMs >= 0)) return timeoutMs;
  throw new RangeError(`silenceTimeoutMs is ${timeoutMs}. Give milliseconds, or 0 to wait for ever.`);
}

/** One connection that is listened to. */
export class Silence {
  readonly #timeoutMs: number | undefined;
  readonly #tell: (silentForMs: number) => void;
  #since = performance.now();

  /**
   * @param timeoutMs how long it may last; 0 and Infinity are for ever, `undefined` is as long as the page says.
   * @param tell is called once, when it has lasted too long.
   */
  constructor(timeoutMs: number | undefined, tell: (silentForMs: number) => void) {
    this.#timeoutMs = timeoutMs;
    this.#tell = tell;
    open.add(this);
    plan(this.end);
  }

  /** When it will have lasted too long. */
  get end(): number {
    return this.#since + ((this.#timeoutMs ?? general) || Number.POSITIVE_INFINITY);
  }

  /** Something has come; it may be called for each piece. */
  heard(): void {
    this.#since = performance.now();
  }

  /** Nobody listens any more. */
  close(): void {
    open.delete(this);
    if (open.size === 0) rest();
  }

  /** It has lasted too long. */
  tell(): void {
    if (!open.has(this)) return; // what was told before has closed it
    this.close();
    this.#tell(performance.now() - this.#since);
  }
}

/** Sees to it that somebody looks then; a look that comes earlier plans the next. */
function plan(end: number): void {
  if (end >= due) return;
  clearTimeout(timer);
  due = end;
  const delay = Math.min(due - performance.now(), MAX_DELAY_MS);
  dueOnTheWall = Date.now() + delay; // the other clock stands still while some computers sleep
  timer = setTimeout(look, delay);
}

function look(): void {
  const isLate = Date.now() - dueOnTheWall > patience;
  due = Number.POSITIVE_INFINITY;
  // A computer that slept, or a page that was held up, has not read what waits for it: everybody is given the whole time again.
  // In a hidden page the second look counts though it is late, or there would be none that does.
  patience = isLate && globalThis.document?.visibilityState === 'hidden' ? HELD_BACK_MS : LATE_MS;
  for (const each of [...open]) {
    if (isLate) each.heard();
    else if (each.end <= performance.now()) each.tell();
  }
  for (const each of open) plan(each.end);
}

function rest(): void {
  clearTimeout(timer);
  due = Number.POSITIVE_INFINITY;
  patience = LATE_MS;
}
