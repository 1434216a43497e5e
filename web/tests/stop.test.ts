// Ending calls from the page: what came stays, what is read ends, what is awaited rejects.
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { flight, readAll, rows, serve, stubPage, TYPE } from './answers';

type Runtime = typeof import('../client/index');

let runtime: Runtime;
let callServer: typeof import('../client/call').callServer;
let signals: (AbortSignal | undefined)[] = [];

const HEAD = `0:{"text":{"curr":"a","next":"$@1","type":${TYPE}},"later":"$@2","list":[{"deep":1}]}`;

interface Reply {
  text: { curr: string };
  later: Promise<unknown>;
  list: [{ deep: number }];
}

beforeAll(async () => {
  stubPage();
  ({ callServer } = await import('../client/call'));
  runtime = await import('../client/index');
});

beforeEach(() => {
  signals = [];
});

afterEach(() => vi.restoreAllMocks());

/** An answer that has given these rows and says no more. */
async function hanging(...lines: string[]): Promise<Reply> {
  serve(init => {
    signals.push(init.signal ?? undefined);
    return flight([rows(...lines).join('')], 'hang');
  });
  return (await callServer('a', [])) as Reply;
}

async function caught(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return error;
  }
}

test('a loop over a stopped value ends as if it were complete, and the request is aborted', async () => {
  const reply = await hanging(HEAD, '1:{"diff":[0,"b"],"next":"$@3"}');
  const reading = readAll(reply.text);
  await runtime.stop(reply);
  expect(await reading).toEqual({ seen: ['a', 'ab'], error: undefined });
  expect(signals[0]?.aborted).toBe(true);
});

test('a promise of a stopped answer rejects with an AbortError', async () => {
  const reply = await hanging(HEAD);
  await runtime.stop(reply);
  const error = await caught(reply.later);
  expect(error).toMatchObject({ name: 'AbortError' });
  expect(runtime.isAbortError(error)).toBe(true);
  expect(runtime.isActionError(error)).toBe(false);
});

test.each<[string, (reply: Reply) => object]>([
  ['the result', reply => reply],
  ['a streamable value', reply => ({ ...reply }).text],
  ['a promise', reply => reply.later],
  ['a list', reply => reply.list],
  ['an object deep inside', reply => reply.list[0]],
])('%s stands for its call', async (_, pick) => {
  const reply = await hanging(HEAD);
  await runtime.stop(pick(reply));
  expect(signals[0]?.aborted).toBe(true);
  await expect(reply.later).rejects.toMatchObject({ name: 'AbortError' });
});

test('values that came in later rows stand for their call', async () => {
  const reply = await hanging(HEAD, '2:{"more":{"text":{"next":"$@5"}}}');
  const { more } = (await reply.later) as { more: { text: object } };
  await runtime.stop(more.text);
  expect(signals[0]?.aborted).toBe(true);
});

test('a call that has no answer yet rejects with an AbortError at once', async () => {
  serve(() => new Promise(() => {}));
  const call = callServer('a', []);
  await Promise.all([runtime.stop(call), expect(call).rejects.toMatchObject({ name: 'AbortError' })]);
});

test('other calls go on', async () => {
  const first = await hanging(HEAD);
  await hanging(HEAD);
  await runtime.stop(first);
  expect(signals.map(signal => signal?.aborted)).toEqual([true, false]);
});

test('stopping twice is stopping once', async () => {
  const reply = await hanging(HEAD);
  await Promise.all([runtime.stop(reply), runtime.stop(reply.text)]);
  await runtime.stop(reply);
});

test('stopping what has ended does nothing, however long ago', async () => {
  serve(() => flight(rows('0:{"list":[{"deep":1}],"text":"whole"}')));
  const reply = (await callServer('a', [])) as Reply;
  await runtime.stop(reply);
  await vi.waitFor(() => runtime.stop(reply.list[0]));
  await new Promise(resolve => setTimeout(resolve, 5));
  await runtime.stop(reply.list);
});

test.each([
  ['an object of the page', { text: 'mine' }, 'an object'],
  ['a promise of the page', Promise.resolve(1), 'withOptions'],
  ['text', 'hello', 'a string'],
  ['nothing', undefined, 'a undefined'],
  ['null', null, 'null'],
])('stopping %s is a mistake that the error explains', async (_, value, word) => {
  await expect(runtime.stop(value)).rejects.toThrow(word);
  await expect(runtime.stop(value)).rejects.toBeInstanceOf(TypeError);
});

test('the rows of an answer end whole before they are ended', async () => {
  serve(() => flight([`${HEAD}\n1:{"diff":[0,"torn`], 'hang'));
  const reply = (await callServer('a', [])) as Reply;
  const reading = readAll(reply.text);
  await runtime.stop(reply);
  expect(await reading).toEqual({ seen: ['a'], error: undefined });
});

test('async iterables and streams end where they are', async () => {
  const reply = (await hanging('0:["$1","$2"]', '1:X', '2:R', '1:"one"', '2:"two"')) as unknown as [
    AsyncIterable<string>,
    ReadableStream<string>,
  ];
  const reading = Promise.all(reply.map(each => Array.fromAsync(each)));
  await runtime.stop(reply);
  expect(await reading).toEqual([['one'], ['two']]);
});

test('an element that has not come keeps what is shown, and promises still reject', async () => {
  const reply = (await hanging('0:{"ui":["$","p",null,{"children":"$L1"}],"later":"$@2"}')) as Reply & {
    ui: { props: { children: { _payload: PromiseLike<unknown> } } };
  };
  let settled = false;
  const settle = () => {
    settled = true;
  };
  reply.ui.props.children._payload.then(settle, settle);
  await runtime.stop(reply);
  await expect(reply.later).rejects.toMatchObject({ name: 'AbortError' });
  await new Promise(resolve => setTimeout(resolve, 5));
  expect(settled).toBe(false);
});

test('a signal aborts the call and all that is open, and what came stays', async () => {
  const controller = new AbortController();
  serve(init => {
    signals.push(init.signal ?? undefined);
    return flight([rows(HEAD, '1:{"diff":[0,"b"],"next":"$@3"}').join('')], 'hang');
  });
  const call = runtime.withOptions(callServer, { signal: controller.signal });
  const reply = (await call('a', [])) as Reply;
  const reading = readAll(reply.text);
  await vi.waitFor(() => expect(reply.text).toBeDefined());
  controller.abort();
  await expect(reply.later).rejects.toMatchObject({ name: 'AbortError' });
  const { seen, error } = await reading;
  expect(seen[0]).toBe('a');
  expect(runtime.isAbortError(error)).toBe(true);
  expect(signals[0]?.aborted).toBe(true);
});

test('a signal that is aborted already rejects the call before a request is made', async () => {
  const requests = serve(() => flight(rows('0:1')));
  const call = runtime.withOptions(callServer, { signal: AbortSignal.abort() });
  await expect(call('a', [])).rejects.toMatchObject({ name: 'AbortError' });
  expect(requests.filter(({ init }) => !init.signal?.aborted)).toEqual([]);
});

test('a time limit rejects with its own reason', async () => {
  serve(() => new Promise(() => {}));
  const call = runtime.withOptions(callServer, { signal: AbortSignal.timeout(1) });
  await expect(call('a', [])).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('a signal that fires after the end changes nothing', async () => {
  const controller = new AbortController();
  serve(() => flight(rows('0:{"list":[1]}')));
  const reply = await runtime.withOptions(callServer, { signal: controller.signal })('a', []);
  controller.abort();
  expect(reply).toEqual({ list: [1] });
});
