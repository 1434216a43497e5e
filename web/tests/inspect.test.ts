// Watching the calls of a page.
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { CallEvent } from '../client/index';
import { flight, rows, serve, stubPage } from './answers';

let runtime: typeof import('../client/index');
let inspect: typeof import('../client/inspect');
let callServer: typeof import('../client/call').callServer;
const page = new EventTarget() as unknown as Window;

beforeAll(async () => {
  stubPage();
  vi.stubGlobal('dispatchEvent', (event: Event) => page.dispatchEvent(event));
  ({ callServer } = await import('../client/call'));
  runtime = await import('../client/index');
  inspect = await import('../client/inspect');
});

afterEach(() => vi.restoreAllMocks());

function watch(): CallEvent[] {
  const events: CallEvent[] = [];
  runtime.observeCalls(event => events.push(event), page);
  return events;
}

const kinds = (events: CallEvent[]) =>
  events.map(event => (event.type === 'rows' ? event.rows.map(row => row.id) : event.type));

test('a call tells its start, its rows whole, and its end', async () => {
  const events = watch();
  serve(() => flight(['0:"$@1"\n1:{"te', 'xt":"hi"}\n']));
  await callServer('ai#AI:continueConversation.bound', []);
  await vi.waitFor(() => expect(events.at(-1)).toMatchObject({ type: 'end', ending: 'complete' }));
  expect(kinds(events)).toEqual(['start', ['0'], ['1'], 'end']);
  expect(new Set(events.map(({ action }) => action))).toEqual(new Set(['continueConversation']));
  expect(new Set(events.map(({ call }) => call)).size).toBe(1);
  expect(events.map(({ atMs }) => atMs)).toEqual(events.map(({ atMs }) => atMs).sort((a, b) => a - b));
});

test('a call without an answer is refused', async () => {
  const events = watch();
  serve(() => new Response('no', { status: 403, headers: { 'content-type': 'text/plain' } }));
  await callServer('a', []).catch(() => {});
  expect(events.map(({ type }) => type)).toEqual(['start', 'end']);
  expect(events.at(-1)).toMatchObject({ ending: 'refused' });
});

test('a stopped call says so, and nobody is told after leaving', async () => {
  const events: CallEvent[] = [];
  const leave = runtime.observeCalls(event => events.push(event), page);
  serve(() => flight(rows('0:{"later":"$@1"}'), 'hang'));
  const reply = await callServer('a', []);
  await runtime.stop(reply);
  expect(events.at(-1)).toMatchObject({ type: 'end', ending: 'aborted' });
  const { length } = events;
  leave();
  await callServer('a', []);
  expect(events.length).toBe(length);
});

test('rows of every kind are cut at their ends', () => {
  const bytes = new TextEncoder().encode('1:I["m"]\n2:T6,a\nb€:HZ""\na:{"x":1}\n3:E{"digest":"1"}\n');
  const cut = [...inspect.rowsOf(bytes)].map(({ id, tag, text }) => [id, tag, text]);
  expect(cut).toEqual([
    ['1', 'I', '["m"]'],
    ['2', 'T', 'a\nb€'],
    ['', 'H', 'Z""'],
    ['a', '', '{"x":1}'],
    ['3', 'E', '{"digest":"1"}'],
  ]);
  expect([...inspect.rowsOf(bytes)].reduce((sum, row) => sum + row.bytes, 0)).toBe(bytes.length);
});

test('a streamed answer has ended when nothing more will come', async () => {
  let close = () => {};
  serve(() => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    void writer.write(new TextEncoder().encode('0:{"later":"$@1"}\n'));
    close = () => void writer.write(new TextEncoder().encode('1:2\n')).then(() => writer.close());
    return new Response(readable, { headers: { 'content-type': 'text/x-component' } });
  });
  const reply = await callServer('a', []);
  let hasEnded = false;
  const waiting = runtime.ended(reply).then(() => {
    hasEnded = true;
  });
  await new Promise(resolve => setTimeout(resolve, 5));
  expect(hasEnded).toBe(false);
  close();
  await waiting;
  await expect(runtime.ended({})).rejects.toThrow('ended() was given an object that no action returned');
});
