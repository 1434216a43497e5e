// A call and its endings, decoded by React's own client.
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { flight, readAll, rows, serve, stubPage, TYPE } from './answers';

type CallServer = typeof import('../client/call').callServer;
type Errors = typeof import('../client/errors');

let callServer: CallServer;
let errors: Errors;

beforeAll(async () => {
  stubPage();
  ({ callServer } = await import('../client/call'));
  errors = await import('../client/errors');
});

afterEach(() => vi.restoreAllMocks());

test('a call is a POST to the prefix that names action and page', async () => {
  const requests = serve(() => flight(rows('0:3')));
  await expect(callServer('actions#add', [1, 2])).resolves.toBe(3);
  expect(requests[0]?.url).toBe('/x/y/');
  expect(requests[0]?.init).toMatchObject({ method: 'POST', body: '[1,2]' });
  expect(Object.fromEntries(requests[0]?.init.headers as Headers)).toEqual({
    accept: 'text/x-component',
    'rsc-action-id': 'actions#add',
    'x-flightwire-runtime': '1',
    'flightwire-page': 'page.tsx',
  });
});

test('files make the body a form', async () => {
  const requests = serve(() => flight(rows('0:null')));
  await callServer('actions#upload', [new Blob(['x'])]);
  expect(requests[0]?.init.body).toBeInstanceOf(FormData);
});

test('a stream that is complete ends without an error', async () => {
  const lines = rows(`0:{"curr":"a","next":"$@1","type":${TYPE}}`, '1:{"diff":[0,"b"],"next":"$@2"}', '2:{}');
  serve(() => flight(lines));
  expect(await readAll(await callServer('a', []))).toEqual({ seen: ['a', 'ab'], error: undefined });
});

test('the same bytes one by one give the same values', async () => {
  const text = rows(
    `0:{"curr":"a","next":"$@1","type":${TYPE}}`,
    '1:{"diff":[0,"b"],"next":"$@2"}',
    '2:{}',
  ).join('');
  serve(() => flight([...text]));
  expect(await readAll(await callServer('a', []))).toEqual({ seen: ['a', 'ab'], error: undefined });
});

test.each(['close', 'break'] as const)(
  'a body that ends early (%s) keeps what came and says it was lost',
  async end => {
    serve(() => flight(rows(`0:{"curr":"a","next":"$@1","type":${TYPE}}`), end));
    const { seen, error } = await readAll(await callServer('a', []));
    expect(seen).toEqual(['a']);
    expect(error).toMatchObject({ name: 'ActionError', kind: 'lost' });
    expect(String(error)).toContain('connection to the server was lost');
  },
);

test('a promise inside the result of an answer that breaks off rejects, too', async () => {
  serve(() => flight(rows('0:{"later":"$@1","now":1}'), 'break'));
  const { later, now } = (await callServer('a', [])) as { later: Promise<unknown>; now: number };
  expect(now).toBe(1);
  await expect(later).rejects.toMatchObject({ kind: 'lost' });
});

test('a body that ends in the middle of a row keeps the rows before', async () => {
  serve(() => flight([`0:{"curr":"a","next":"$@1","type":${TYPE}}\n1:{"diff":[0,"b`]));
  const { seen, error } = await readAll(await callServer('a', []));
  expect(seen).toEqual(['a']);
  expect(error).toMatchObject({ kind: 'lost' });
});

test('a body that ends before the result rejects the call', async () => {
  serve(() => flight(['0:{"cu']));
  await expect(callServer('a', [])).rejects.toMatchObject({ kind: 'lost' });
});

test('an empty body rejects the call', async () => {
  serve(() => flight([]));
  await expect(callServer('a', [])).rejects.toMatchObject({ kind: 'lost' });
});

test('an answer that was stopped on purpose rejects with the stop itself', async () => {
  serve(() => flight(rows(`0:{"curr":"a","next":"$@1","type":${TYPE}}`), 'abort'));
  const { error } = await readAll(await callServer('a', []));
  expect(error).toMatchObject({ name: 'AbortError' });
});

test('an error that the action raised keeps name, message and digest, whatever the status', async () => {
  const error = { digest: 'd1', name: 'KeyError', message: 'city', stack: [], env: 'Server', owner: null };
  serve(() => flight(rows(`0:E${JSON.stringify(error)}`), 'close', 500));
  const caught = await callServer('a', []).catch((each: unknown) => each);
  expect(caught).toMatchObject({
    name: 'KeyError',
    message: 'city',
    digest: 'd1',
    environmentName: 'Server',
  });
  expect(errors.isActionError(caught)).toBe(true);
});

test('a refusal carries the letter and the status', async () => {
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  serve(() => new Response('There is no action here.\n', { status: 404, headers }));
  await expect(callServer('a', [])).rejects.toMatchObject({
    name: 'ActionError',
    kind: 'refused',
    status: 404,
    message: 'There is no action here.',
  });
});

test.each([
  [
    'a page of somebody else',
    new Response('<html>Bad gateway</html>', { status: 502, headers: { 'content-type': 'text/html' } }),
    '502',
  ],
  ['nothing', new Response(null, { status: 204 }), '204'],
])('%s is a refusal that names the status', async (_, response, status) => {
  serve(() => response);
  const error = await callServer('a', []).catch((each: unknown) => each);
  expect(error).toMatchObject({ kind: 'refused' });
  expect(String(error)).toContain(status);
  expect(String(error)).not.toContain('<html>');
});

test('a letter is cut at a length that a page can show', async () => {
  const headers = { 'content-type': 'text/plain' };
  serve(() => new Response('x'.repeat(100_000), { status: 400, headers }));
  const error = (await callServer('a', []).catch((each: unknown) => each)) as Error;
  expect(error.message.length).toBe(2000);
});

test('a server that is not there is unreachable', async () => {
  serve(() => {
    throw new TypeError('Failed to fetch');
  });
  await expect(callServer('a', [])).rejects.toMatchObject({ kind: 'unreachable' });
});

test('other errors are not action errors', () => {
  expect(errors.isActionError(new Error('x'))).toBe(false);
  expect(errors.isActionError({ digest: 'd' })).toBe(false);
  expect(errors.isActionError(null)).toBe(false);
});
