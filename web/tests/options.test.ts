// Options of calls: who gets which header.
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { flight, rows, serve, stubPage } from './answers';

let runtime: typeof import('../client/index');
let callServer: typeof import('../client/call').callServer;

beforeAll(async () => {
  stubPage();
  ({ callServer } = await import('../client/call'));
  runtime = await import('../client/index');
});

afterEach(() => {
  runtime.configure({ headers: undefined });
  vi.restoreAllMocks();
});

const answer = () => serve(() => flight(rows('0:1')));
const sent = (requests: ReturnType<typeof serve>, name: string) =>
  requests.map(({ init }) => (init.headers as Headers).get(name));

test('headers of a call are sent with that call alone', async () => {
  const requests = answer();
  await runtime.withOptions(callServer, { headers: { 'x-tenant': 'a' } })('a', []);
  await callServer('a', []);
  expect(sent(requests, 'x-tenant')).toEqual(['a', null]);
});

test.each([
  ['an object', { authorization: 'me' }],
  ['a function', () => ({ authorization: 'me' })],
  ['a function that takes its time', async () => ({ authorization: 'me' })],
  ['Headers', new Headers({ authorization: 'me' })],
])('configured headers may be %s', async (_, headers) => {
  runtime.configure({ headers });
  const requests = answer();
  await callServer('a', []);
  expect(sent(requests, 'authorization')).toEqual(['me']);
});

test('a function is asked for every call', async () => {
  let token = 0;
  runtime.configure({ headers: () => ({ authorization: `token ${++token}` }) });
  const requests = answer();
  await callServer('a', []);
  await callServer('a', []);
  expect(sent(requests, 'authorization')).toEqual(['token 1', 'token 2']);
});

test("a call's own header replaces the configured one", async () => {
  runtime.configure({ headers: { 'x-tenant': 'all', 'x-other': 'o' } });
  const requests = answer();
  const inner = runtime.withOptions(callServer, { headers: { 'X-Tenant': 'outer' } });
  await runtime.withOptions(inner, { headers: {} })('a', []);
  expect([sent(requests, 'x-tenant'), sent(requests, 'x-other')]).toEqual([['outer'], ['o']]);
});

test('what the protocol needs cannot be replaced', async () => {
  runtime.configure({ headers: { 'rsc-action-id': 'other', 'content-type': 'x/y', accept: 'x/y' } });
  const requests = answer();
  await callServer('a', []);
  expect(sent(requests, 'rsc-action-id')).toEqual(['a']);
  expect(sent(requests, 'accept')).toEqual(['text/x-component']);
  expect(sent(requests, 'content-type')).toEqual([null]);
});

test('headers that cannot be had reject the call, and no request is made', async () => {
  runtime.configure({
    headers: () => {
      throw new Error('signed out');
    },
  });
  const requests = answer();
  await expect(callServer('a', [])).rejects.toThrow('signed out');
  expect(requests).toEqual([]);
});

test('options without an action to hold for are said to be useless', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  await runtime.withOptions(async () => {}, { headers: { a: 'b' } })();
  expect(warn.mock.calls[0]?.[0]).toContain('withOptions()');
});

test('arguments and result keep their types', async () => {
  answer();
  const add = async (a: number, b: string): Promise<{ sum: number }> => ({ sum: a + b.length });
  const typed = runtime.withOptions(add, {});
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  const { sum }: { sum: number } = await typed(1, 'two');
  // @ts-expect-error a wrong argument is an error to the compiler
  await typed('1', 'two');
  expect(sum).toBe(4);
});
