// The state of the connection, as calls and the browser tell it.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { flight, rows, serve, stubPage } from './answers';

let runtime: typeof import('../client/index');
let callServer: typeof import('../client/call').callServer;
let states: string[];

beforeEach(async () => {
  vi.resetModules();
  vi.useFakeTimers();
  vi.stubGlobal('navigator', { onLine: true });
  const browser = new EventTarget();
  vi.stubGlobal('addEventListener', browser.addEventListener.bind(browser));
  vi.stubGlobal('dispatchEvent', browser.dispatchEvent.bind(browser));
  stubPage();
  ({ callServer } = await import('../client/call'));
  runtime = await import('../client/index');
  states = [];
  runtime.configure({ onConnection: state => states.push(state) });
});

afterEach(() => {
  runtime.configure({ onConnection: undefined });
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const refuse = () => {
  throw new TypeError('Failed to fetch');
};

test('a server that always answers is no news', async () => {
  serve(() => flight(rows('0:1')));
  await callServer('a', []);
  expect(states).toEqual([]);
});

test('a call without an answer is a loss, and the next one finds the server again', async () => {
  serve(refuse);
  await expect(callServer('a', [])).rejects.toMatchObject({ kind: 'unreachable' });
  serve(() => flight(rows('0:1')));
  await callServer('a', []);
  expect(states).toEqual(['lost', 'connecting', 'online']);
});

test('an answer that breaks off is a loss; one that was stopped is none', async () => {
  serve(() => flight(rows('0:{"later":"$@1"}'), 'break'));
  const { later } = (await callServer('a', [])) as { later: Promise<unknown> };
  await expect(later).rejects.toMatchObject({ kind: 'lost' });
  expect(states).toEqual(['lost']);
  serve(() => flight(rows('0:{"later":"$@1"}'), 'hang'));
  const stopped = (await callServer('a', [])) as { later: Promise<unknown> };
  await runtime.stop(stopped);
  expect(states).toEqual(['lost', 'connecting', 'online']);
});

test('without a call the server is asked again, less and less often', async () => {
  const requests = serve(refuse);
  await callServer('a', []).catch(() => {});
  await vi.advanceTimersByTimeAsync(1000 + 2000 + 4000);
  expect(requests.map(({ init }) => init.method)).toEqual(['POST', 'HEAD', 'HEAD', 'HEAD']);
  serve(() => new Response(null, { status: 404 }));
  await vi.advanceTimersByTimeAsync(8000);
  expect(states.slice(-2)).toEqual(['connecting', 'online']);
});

test('a call that is given up while the server is away leaves it away', async () => {
  serve(refuse);
  await callServer('a', []).catch(() => {});
  serve(
    ({ signal }) =>
      new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
  );
  const call = callServer('a', []);
  await vi.waitFor(() => expect(states).toEqual(['lost', 'connecting']));
  await Promise.allSettled([runtime.stop(call), call]);
  await vi.waitFor(() => expect(states).toEqual(['lost', 'connecting', 'lost']));
});

const ignore = ({ signal }: RequestInit) =>
  new Promise<Response>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));

test('a server that says nothing any more is a loss', async () => {
  serve(({ method, signal }) =>
    method === 'HEAD' ? ignore({ signal: signal ?? null }) : flight(rows('0:{"later":"$@1"}'), 'hang'),
  );
  const { later } = (await callServer('a', [])) as { later: Promise<unknown> };
  later.catch(() => {});
  await vi.advanceTimersByTimeAsync(60_000);
  expect(states).toEqual(['lost']);
});

test('so is one that says nothing at all', async () => {
  serve(ignore);
  callServer('a', []).catch(() => {});
  await vi.advanceTimersByTimeAsync(60_000);
  expect(states).toEqual(['lost']);
});

test('an attempt that nobody answers is followed by the next', async () => {
  serve(refuse);
  await callServer('a', []).catch(() => {});
  const requests = serve(ignore);
  await vi.advanceTimersByTimeAsync(1000 + 10_000 + 2000);
  expect(requests.length).toBe(2);
  expect(states).toEqual(['lost', 'connecting', 'lost', 'connecting']);
});

test('what becomes of an attempt is no news once a call was answered', async () => {
  serve(refuse);
  await callServer('a', []).catch(() => {});
  serve(ignore);
  await vi.advanceTimersByTimeAsync(1000);
  serve(() => flight(rows('0:1')));
  await callServer('a', []);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(states).toEqual(['lost', 'connecting', 'online']);
});

test('the browser says when there is no network', async () => {
  serve(() => new Response(null));
  dispatchEvent(new Event('offline'));
  expect(states).toEqual(['offline']);
  dispatchEvent(new Event('online'));
  await vi.advanceTimersByTimeAsync(0);
  expect(states).toEqual(['offline', 'connecting', 'online']);
});

test('a call that fails without a network is offline, and nothing is asked until there is one', async () => {
  vi.stubGlobal('navigator', { onLine: false });
  const requests = serve(refuse);
  await callServer('a', []).catch(() => {});
  await vi.advanceTimersByTimeAsync(120_000);
  expect(states).toEqual(['offline']);
  expect(requests.length).toBe(1);
});

test('a listener that comes later is told at once', async () => {
  serve(refuse);
  await callServer('a', []).catch(() => {});
  const late: string[] = [];
  runtime.configure({ onConnection: state => late.push(state) });
  expect(late).toEqual(['lost']);
});

test('nobody listening means nobody asks', async () => {
  runtime.configure({ onConnection: undefined });
  const requests = serve(refuse);
  await callServer('a', []).catch(() => {});
  await vi.advanceTimersByTimeAsync(120_000);
  expect(requests.length).toBe(1);
});
