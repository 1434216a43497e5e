// Rows that come with the page.
import { beforeAll, expect, test, vi } from 'vitest';
import { stubPage } from './answers';

let createFromReadableStream: typeof import('react-server-dom-webpack/client.browser').createFromReadableStream;

/** The page's rows as the browser has them once it has read the document: the first, and what scripts have pushed. */
async function root<T>(first: unknown, ...more: unknown[]): Promise<T> {
  vi.resetModules();
  const text = typeof first === 'string' && first.startsWith('raw ') ? first.slice(4) : JSON.stringify(first);
  vi.stubGlobal('document', { readyState: 'complete', getElementById: () => ({ textContent: text }) });
  vi.stubGlobal('__flightwire_more', more);
  const { documentRows } = await import('../client/shell');
  return await createFromReadableStream<T>(documentRows());
}

beforeAll(async () => {
  stubPage();
  ({ createFromReadableStream } = await import('react-server-dom-webpack/client.browser'));
});

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

test('rows that scripts have brought since belong to it', async () => {
  const { later } = await root<{ later: Promise<unknown> }>('0:{"later":"$@1"}\n', '1:[', '2]\n');
  expect(await later).toEqual([2]);
});

test('rows that are no text come as base64', async () => {
  const bytes = await root<Uint8Array>({ base64: btoa('1:o2,\xff\xfe0:"$1"\n') });
  expect([...bytes]).toEqual([255, 254]);
});

test('rows that come while the document is read are taken at once', async () => {
  vi.resetModules();
  let read = () => {};
  vi.stubGlobal('document', {
    readyState: 'loading',
    getElementById: () => ({ textContent: JSON.stringify('0:{"a":"$@1","b":"$@2"}\n') }),
    addEventListener: (_: string, listener: () => void) => {
      read = listener;
    },
  });
  vi.stubGlobal('__flightwire_more', undefined);
  const { documentRows } = await import('../client/shell');
  const { a, b } = await createFromReadableStream<Record<'a' | 'b', Promise<unknown>>>(documentRows());
  (globalThis as unknown as { __flightwire_more: { push(rows: string): void } }).__flightwire_more.push(
    '1:1\n',
  );
  expect(await a).toBe(1);
  read();
  await expect(b).rejects.toMatchObject({ kind: 'lost' });
});

test('a page whose data is cut off says so', async () => {
  vi.resetModules();
  vi.stubGlobal('document', { getElementById: () => ({ textContent: '"0:{' }) });
  const { readRows } = await import('../client/config');
  expect(readRows).toThrow('The page did not arrive whole');
});
