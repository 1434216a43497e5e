// Answers that say nothing any more, on a clock that the test moves.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CallEvent, CallOptions } from '../client/index';
import { FLIGHT, flight, readAll, rows, serve, stubPage, TYPE } from './answers';

const HEAD = `0:{"text":{"curr":"a","next":"$@1","type":${TYPE}},"later":"$@2"}`;
const BEAT = ':HZ""\n';
const HOUR_MS = 3_600_000;

let runtime: typeof import('../client/index');
let callServer: typeof import('../client/call').callServer;

beforeEach(async () => {
  vi.resetModules();
  vi.useFakeTimers();
  stubPage();
  ({ callServer } = await import('../client/call'));
  runtime = await import('../client/index');
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

interface Reply {
  text: object;
  later: Promise<unknown>;
}

/** A server whose answers are written by the test. */
function server() {
  let writer: WritableStreamDefaultWriter<Uint8Array>;
  const requests = serve(() => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    writer = writable.getWriter();
    return new Response(readable, { headers: FLIGHT });
  });
  const say = (text: string) => void writer.write(new TextEncoder().encode(text)).catch(() => {});
  return { requests, say, end: () => void writer.close() };
}

/** A call with a part of its answer. */
async function begun(options: CallOptions = {}) {
  const { requests, say, end } = server();
  const call = runtime.withOptions(callServer, options)('a', []);
  await vi.advanceTimersByTimeAsync(0);
  say(`${HEAD}\n`);
  const reply = (await call) as Reply;
  return { reply, outcome: outcomeOf(reply.later), signal: requests[0]?.init.signal, say, end };
}

/** What becomes of a promise: its error's kind and silence, or its value. */
function outcomeOf(promise: Promise<unknown>) {
  const outcome: { error?: unknown; value?: unknown } = {};
  promise.then(
    value => Object.assign(outcome, { value }),
    error => Object.assign(outcome, { error }),
  );
  return outcome;
}

const silent = (kind: string, silentForMs: number) => ({
  error: { name: 'ActionError', kind, silentForMs },
});
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** The computer sleeps: one clock goes on, timers do not. */
const sleep = (ms: number) => vi.setSystemTime(Date.now() + ms);

test('an answer that says nothing for a minute is lost, and says how long nothing came', async () => {
  const { reply, outcome, signal } = await begun();
  const reading = readAll(reply.text);
  await pass(59_999);
  expect([outcome, signal?.aborted]).toEqual([{}, false]);
  await pass(1);
  expect(outcome).toMatchObject(silent('lost', 60_000));
  expect(String(outcome.error)).toBe(
    'ActionError: The connection to the server was lost before the answer was complete: nothing came for 60 seconds.',
  );
  expect(signal?.aborted).toBe(true);
  expect(await reading).toEqual({ seen: ['a'], error: outcome.error });
  expect([runtime.isActionError(outcome.error), runtime.isAbortError(outcome.error)]).toEqual([true, false]);
});

test('signs of life are enough, however long the answer takes', async () => {
  const { outcome, say, end } = await begun();
  for (let passed = 0; passed < HOUR_MS; passed += 30_000) {
    await pass(30_000);
    say(BEAT);
  }
  say('2:"late"\n');
  end();
  await pass(0);
  expect(outcome).toEqual({ value: 'late' });
});

test('a part of a row is a sign of life, too', async () => {
  const { outcome, say } = await begun();
  for (const piece of '2:"late"\n') {
    await pass(59_000);
    say(piece);
  }
  await pass(0);
  expect(outcome).toEqual({ value: 'late' });
});

/** A server that takes requests and gives no head. */
const takeOnly = () =>
  serve(
    ({ signal }) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
  );

test('a server that does not begin to answer is unreachable', async () => {
  const requests = takeOnly();
  const outcome = outcomeOf(callServer('a', []));
  await pass(60_000);
  expect(outcome).toMatchObject(silent('unreachable', 60_000));
  expect(String(outcome.error)).toBe('ActionError: The server did not answer: nothing came for 60 seconds.');
  expect(requests[0]?.init.signal?.aborted).toBe(true);
});

test.each([
  ['a file', () => new Blob(['x'.repeat(65_536)])],
  ['a long text', () => 'x'.repeat(65_536)],
  [
    'a form',
    () => {
      const form = new FormData();
      form.set('text', 'x'.repeat(65_536));
      return form;
    },
  ],
])('%s may be on its way for hours', async (_, make) => {
  takeOnly();
  const outcome = outcomeOf(callServer('a', [make()]));
  await pass(3 * HOUR_MS);
  expect(outcome).toEqual({});
});

test('its answer is listened to like any other', async () => {
  const { say } = server();
  const outcome = outcomeOf(callServer('a', [new Blob(['x'.repeat(65_536)])]));
  await pass(0);
  say(BEAT);
  await pass(60_000);
  expect(outcome).toMatchObject(silent('lost', 60_000));
});

test('headers may take their time, too', async () => {
  server();
  const headers = () => new Promise<HeadersInit>(resolve => setTimeout(resolve, HOUR_MS, {}));
  const outcome = outcomeOf(runtime.withOptions(callServer, { headers })('a', []));
  await pass(HOUR_MS - 1);
  expect(outcome).toEqual({});
});

test('whoever else answers may take as long as it likes', async () => {
  serve(() => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    setTimeout(() => {
      const writer = writable.getWriter();
      void writer.write(new TextEncoder().encode('Try later.')).then(() => writer.close());
    }, HOUR_MS);
    return new Response(readable, { status: 503, headers: { 'content-type': 'text/plain' } });
  });
  const outcome = outcomeOf(callServer('a', []));
  await pass(HOUR_MS);
  expect(outcome).toMatchObject({
    error: { kind: 'refused', message: 'Try later.', silentForMs: undefined },
  });
});

// --- how long ----------------------------------------------------------------------------------------------------------

test('a page says how long; a call has the last word; undefined takes it back', async () => {
  runtime.configure({ silenceTimeoutMs: 5000 });
  const [general, own] = [await begun(), await begun({ silenceTimeoutMs: 9000 })];
  await pass(5000);
  expect([general.outcome, own.outcome]).toMatchObject([silent('lost', 5000), {}]);
  await pass(4000);
  expect(own.outcome).toMatchObject(silent('lost', 9000));
  runtime.configure({ silenceTimeoutMs: undefined });
  const back = await begun();
  await pass(59_999);
  expect(back.outcome).toEqual({});
});

test('the inner of two options counts', async () => {
  server();
  const inner = runtime.withOptions(callServer, { silenceTimeoutMs: 2000 });
  const outcome = outcomeOf(runtime.withOptions(inner, { silenceTimeoutMs: 9000 })('a', []));
  await pass(2000);
  expect(outcome).toMatchObject(silent('lost', 2000));
});

test.each([0, Number.POSITIVE_INFINITY])('%d waits for ever', async silenceTimeoutMs => {
  const { outcome } = await begun({ silenceTimeoutMs });
  await pass(100 * HOUR_MS);
  expect([outcome, vi.getTimerCount()]).toEqual([{}, 0]);
});

test('so does what no timer can hold', async () => {
  const { outcome } = await begun({ silenceTimeoutMs: 1e12 });
  await pass(100 * HOUR_MS);
  expect([outcome, vi.getTimerCount()]).toEqual([{}, 1]);
});

test('what is said later holds for calls that are under way', async () => {
  const { outcome } = await begun();
  await pass(20_000);
  runtime.configure({ silenceTimeoutMs: 30_000 });
  await pass(10_000);
  expect(outcome).toMatchObject(silent('lost', 30_000));
});

test.each([-1, Number.NaN, '60'])('%s is no time', value => {
  const silenceTimeoutMs = value as number;
  expect(() => runtime.configure({ silenceTimeoutMs })).toThrow(RangeError);
  expect(() => runtime.withOptions(callServer, { silenceTimeoutMs })).toThrow(
    `silenceTimeoutMs is ${value}.`,
  );
});

// --- one timer ---------------------------------------------------------------------------------------------------------

test('one timer serves all calls and all their pieces, and none is left when they have ended', async () => {
  const set = vi.spyOn(globalThis, 'setTimeout');
  const calls = [await begun(), await begun(), await begun()];
  for (let piece = 0; piece < 1000; piece++) calls[0]?.say(BEAT);
  await pass(0);
  expect([vi.getTimerCount(), set.mock.calls.filter(([, ms]) => ms === 60_000).length]).toEqual([1, 1]);
  await Promise.all(calls.map(({ reply }) => runtime.stop(reply)));
  await pass(1000); // React's development build has timers of its own
  expect(vi.getTimerCount()).toBe(0);
});

test('each of several calls has a silence of its own', async () => {
  const first = await begun();
  await pass(40_000);
  const second = await begun();
  await pass(20_000);
  expect([first.outcome, second.outcome]).toMatchObject([silent('lost', 60_000), {}]);
  await pass(40_000);
  expect(second.outcome).toMatchObject(silent('lost', 60_000));
});

// --- timers that are late ------------------------------------------------------------------------------------------------

test('a computer that slept reads first what came meanwhile', async () => {
  const { outcome, say } = await begun();
  await pass(30_000);
  sleep(8 * HOUR_MS);
  await pass(30_000);
  expect(outcome).toEqual({});
  say('2:"late"\n');
  await pass(0);
  expect(outcome).toEqual({ value: 'late' });
});

test('when nothing came meanwhile, the whole time is waited again', async () => {
  const { outcome } = await begun();
  sleep(HOUR_MS);
  await pass(119_999);
  expect(outcome).toEqual({});
  await pass(1);
  expect(outcome).toMatchObject(silent('lost', 60_000));
});

test('sleeping again in between is no mistake', async () => {
  const { outcome } = await begun();
  for (let night = 0; night < 5; night++) {
    sleep(30_000);
    await pass(60_000);
  }
  expect(outcome).toEqual({});
});

test('a hidden page, whose timers are all late, is told the second time', async () => {
  Object.assign(document, { visibilityState: 'hidden' });
  const { outcome } = await begun();
  sleep(50_000);
  await pass(60_000);
  expect(outcome).toEqual({});
  sleep(50_000);
  await pass(60_000);
  expect(outcome).toMatchObject(silent('lost', 60_000));
});

// --- endings -------------------------------------------------------------------------------------------------------------

test('a complete answer whose connection stays open has ended well', async () => {
  const events: CallEvent[] = [];
  const page = new EventTarget();
  vi.stubGlobal('dispatchEvent', (event: Event) => page.dispatchEvent(event));
  runtime.observeCalls(event => events.push(event), page as unknown as Window);
  const { outcome, say } = await begun();
  say('2:"late"\n1:{}\n');
  await pass(60_000);
  expect(outcome).toEqual({ value: 'late' });
  expect(events.at(-1)).toMatchObject({ type: 'end', ending: 'complete' });
  await begun();
  await pass(60_000);
  expect(events.at(-1)).toMatchObject({ type: 'end', ending: 'lost' });
});

test('stopping what was silent does nothing, and silence after a stop is none', async () => {
  const lost = await begun();
  await pass(60_000);
  await runtime.stop(lost.reply);
  const stopped = await begun();
  await runtime.stop(stopped.reply);
  await pass(60_000);
  expect(stopped.outcome).toMatchObject({ error: { name: 'AbortError' } });
});
