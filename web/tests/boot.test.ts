// Rows that come with the page.
import { beforeAll, expect, test, vi } from 'vitest';
import { stubPage } from './answers';

let textStream: typeof import('../client/rows').textStream;
let createFromReadableStream: typeof import('react-server-dom-webpack/client.browser').createFromReadableStream;

beforeAll(async () => {
  stubPage();
  ({ textStream } = await import('../client/rows'));
  ({ createFromReadableStream } = await import('react-server-dom-webpack/client.browser'));
});

const root = async <T>(text: string) => await createFromReadableStream<T>(textStream(text));

test('rows that are whole give the page', async () => {
  expect(await root('0:{"a":"$1"}\n1:[1]\n')).toEqual({ a: [1] });
});

test.each(['', '0:{"a":', '0:{"a":"$1"}\n'])('rows that break off are named, not awaited: %s', async text => {
  await expect(root(text)).rejects.toMatchObject({
    kind: 'lost',
    message: expect.stringContaining('Reload'),
  });
});

test('so is what the page waits for inside', async () => {
  const { later } = await root<{ later: Promise<unknown> }>('0:{"later":"$@1"}\n');
  await expect(later).rejects.toMatchObject({ kind: 'lost' });
});

test('a page whose data is cut off says so', async () => {
  vi.resetModules();
  vi.stubGlobal('document', { getElementById: () => ({ textContent: '"0:{' }) });
  const { readRows } = await import('../client/config');
  expect(readRows).toThrow('The page did not arrive whole');
});
