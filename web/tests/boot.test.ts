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

async function loading<T>(
  rows: string,
): Promise<{ value: T; push: (rows: string) => void; read: () => void }> {
  vi.resetModules();
  let read = () => {};
  vi.stubGlobal('document', {
    readyState: 'loading',
    getElementById: () => ({ textContent: JSON.stringify(rows) }),
    addEventListener: (_: string, listener: () => void) => {
      read = listener;
    },
  });
  vi.stubGlobal('__flightwire_more', undefined);
  const { documentRows } = await import('../client/shell');
  const value = await createFromReadableStream<T>(documentRows());
  const { __flightwire_more } = globalThis as unknown as { __flightwire_more: { push(rows: string): void } };
  return { value, push: more => __flightwire_more.push(more), read: () => read() };
}

type Two = Record<'a' | 'b', Promise<unknown>>;

test('rows that come while the document is read are taken at once', async () => {
  const { value, push, read } = await loading<Two>('0:{"a":"$@1","b":"$@2"}\n');
  push('1:1\n');
  expect(await value.a).toBe(1);
  read();
  await expect(value.b).rejects.toMatchObject({ kind: 'lost' });
});

test('a document that is silent for longer than a server ever is has broken off', async () => {
  vi.useFakeTimers();
  try {
    const { value, push } = await loading<Two>('0:{"a":"$@1","b":"$@2"}\n');
    let failure: unknown;
    value.b.then(undefined, error => {
      failure = error;
    });
    await vi.advanceTimersByTimeAsync(40_000);
    push('1:1\n'); // what a server says every 30 seconds at least
    expect(await value.a).toBe(1);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(failure).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1000);
    expect(failure).toMatchObject({
      kind: 'lost',
      message: 'The page did not arrive whole. Reload it.',
      silentForMs: 60_000,
    });
  } finally {
    vi.useRealTimers();
  }
});

test('a document that has been read is listened to no longer', async () => {
  vi.useFakeTimers();
  try {
    const { read } = await loading('0:{}\n');
    await vi.advanceTimersByTimeAsync(1000); // React's development build has timers of its own
    expect(vi.getTimerCount()).toBe(1);
    read();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('a page whose data is cut off says so', async () => {
  vi.resetModules();
  vi.stubGlobal('document', { getElementById: () => ({ textContent: '"0:{' }) });
  const { readRows } = await import('../client/config');
  expect(readRows).toThrow('The page did not arrive whole');
});
