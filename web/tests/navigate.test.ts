// Actions that redirect, and that find nothing.
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { flight, rows, serve, stubPage } from './answers';

type CallServer = typeof import('../client/call').callServer;

let callServer: CallServer;
let isActionError: typeof import('../client/errors').isActionError;
const assign = vi.fn();
const shown: ((event: { persisted: boolean }) => void)[] = [];

beforeAll(async () => {
  stubPage();
  ({ callServer } = await import('../client/call'));
  ({ isActionError } = await import('../client/errors'));
});

beforeEach(() => {
  assign.mockClear();
  shown.length = 0;
  const href = 'https://shop.example/x/y/items?q=1';
  vi.stubGlobal('location', { href, origin: 'https://shop.example', assign });
  vi.stubGlobal('addEventListener', (type: string, listener: (typeof shown)[number]) => {
    if (type === 'pageshow') shown.push(listener);
  });
});

afterEach(() => vi.restoreAllMocks());

function rejected(digest: string, status = 303): Response {
  const fields = { digest, name: 'Error', message: '', stack: [], env: 'Server', owner: null };
  const answer = flight(rows(`0:E${JSON.stringify(fields)}`));
  return new Response(answer.body, { status, headers: answer.headers });
}

async function state(promise: Promise<unknown>): Promise<string> {
  const pending = new Promise(resolve => setTimeout(resolve, 20, 'pending'));
  return String(
    await Promise.race([
      promise.then(
        value => `done: ${value}`,
        error => `failed: ${error}`,
      ),
      pending,
    ]),
  );
}

test.each([
  ['/chat/7?new=1#top', 'https://shop.example/x/y/chat/7?new=1#top'],
  ['/', 'https://shop.example/x/y/'],
  ['https://login.example/?next=x', 'https://login.example/?next=x'],
  ['/../../z', 'https://shop.example/z'],
])('redirect:%s leaves for %s, and the call goes on waiting', async (location, target) => {
  serve(() => rejected(`redirect:${location}`));
  const call = callServer('a', []);
  expect(await state(call)).toBe('pending');
  expect(assign.mock.calls).toEqual([[target]]);
});

test('a page that the browser goes back to gets undefined', async () => {
  serve(() => rejected('redirect:/away'));
  const call = callServer('a', []);
  expect(await state(call)).toBe('pending');
  for (const listener of shown) listener({ persisted: true });
  expect(await state(call)).toBe('done: undefined');
});

test('another place on the same page needs no new page', async () => {
  serve(() => rejected('redirect:/items?q=1#last'));
  expect(await state(callServer('a', []))).toBe('done: undefined');
  expect(assign.mock.calls).toEqual([['https://shop.example/x/y/items?q=1#last']]);
});

test.each([
  'javascript:alert(1)',
  'data:text/html,x',
  'blob:https://shop.example/1',
  ' javascript:alert(1)',
  'java\tscript:alert(1)',
])('redirect:%s is never followed', async location => {
  serve(() => rejected(`redirect:${location}`));
  expect(await state(callServer('a', []))).toContain('failed: TypeError');
  expect(assign).not.toHaveBeenCalled();
});

test('not_found rejects with an error that boundaries know', async () => {
  serve(() => rejected('not-found', 404));
  const error = await callServer('a', []).catch((reason: unknown) => reason);
  expect(isActionError(error)).toBe(true);
  expect(error).toMatchObject({ kind: 'failed', digest: 'not-found', status: 404 });
});

test('a refusal that is meant for the user can be shown', async () => {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'flightwire-error': 'UserError' };
  serve(() => new Response('Your trial is over.', { status: 401, headers }));
  await expect(callServer('a', [])).rejects.toMatchObject({
    kind: 'refused',
    userMessage: 'Your trial is over.',
  });
});
