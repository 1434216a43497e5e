// What is still to come, known from the bytes alone.
import { expect, test } from 'vitest';
import { Owed } from '../client/owed';
import { TYPE } from './answers';

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (pieces: Uint8Array[]) =>
  new TextDecoder().decode(Uint8Array.from(pieces.flatMap(piece => [...piece])));

const ANSWER = [
  `0:{"a":{"curr":"ä","next":"$@1","type":${TYPE}},"p":"$@2","text":"$3","n":["$","$L4",null,{"children":"$L5"}]}`,
  '4:I["page.tsx",["page.tsx","page.tsx"],"Chart"]',
  '1:{"diff":[0,"$$@9"],"next":{"diff":[0,"x"],"next":"$@a"}}',
  ':HZ""',
  '6:X',
  '7:r',
].join('\n');
const TEXT = '3:T6,0:\n1:{8:{"later":"$@b","doubled":"$$@c"}\n';
const BYTES = '7:o3,\n\n\n';

function follow(chunks: Uint8Array[]) {
  const owed = new Owed();
  const passed = chunks.flatMap(chunk => owed.take(chunk));
  return { owed, passed };
}

const view = ({ streamables, streams, promises, nodes }: Owed) =>
  [streamables, streams, promises, nodes].map(each => [...each].sort((a, b) => a - b));

test('each kind of open row is known by its kind', () => {
  const { owed } = follow([encode(`${ANSWER}\n${TEXT}${BYTES}`)]);
  expect(view(owed)).toEqual([[10], [6, 7], [2, 11], [5]]);
  expect(owed.isComplete).toBe(false);
});

test('wherever the bytes are split', () => {
  const bytes = encode(`${ANSWER}\n${TEXT}${BYTES}`);
  const expected = view(follow([bytes]).owed);
  for (let at = 1; at < bytes.length; at++) {
    const { owed, passed } = follow([bytes.slice(0, at), bytes.slice(at)]);
    expect(view(owed)).toEqual(expected);
    expect(decode(passed)).toBe(decode([bytes]));
  }
});

test('byte by byte', () => {
  const bytes = encode(`${ANSWER}\n${TEXT}${BYTES}`);
  const { owed, passed } = follow([...bytes].map(byte => Uint8Array.of(byte)));
  expect(view(owed)).toEqual(view(follow([bytes]).owed));
  expect(passed.reduce((sum, piece) => sum + piece.length, 0)).toBe(bytes.length);
});

test('half a row is kept back, in memory of its own', () => {
  const chunk = encode('0:1\n1:{"a');
  const owed = new Owed();
  expect(decode(owed.take(chunk))).toBe('0:1\n');
  structuredClone(chunk.buffer, { transfer: [chunk.buffer] }); // as a byte stream does with what it is given
  expect(decode(owed.take(encode('":2}\n')))).toBe('1:{"a":2}\n');
  expect(owed.isComplete).toBe(true);
});

test('what has come is owed no more', () => {
  const rest = `2:null\n5:"here"\na:{}\n6:C\n7:E{"digest":"d"}\nb:1\n`;
  const { owed } = follow([encode(`${ANSWER}\n${TEXT}${BYTES}${rest}`)]);
  expect(view(owed)).toEqual([[], [], [], []]);
  expect(owed.isComplete).toBe(true);
  expect(owed.failures).toBe(1);
});

test('a promise that is mentioned again after it has come is not open', () => {
  const { owed } = follow([encode('1:5\n0:["$@1","$L1"]\n')]);
  expect(owed.isComplete).toBe(true);
});

test("a field of the app's own that is called next is a promise", () => {
  const { owed } = follow([encode('0:{"next":"$@1"}\n')]);
  expect(view(owed)).toEqual([[], [], [1], []]);
});

test('endings are rows that end what is open', () => {
  const { owed } = follow([encode(`${ANSWER}\n${TEXT}${BYTES}`)]);
  expect(owed.endings()).toBe('a:{}\n6:C\n7:C\n');
  owed.take(encode(owed.endings() + owed.rejections()));
  expect(view(owed)).toEqual([[], [], [], [5]]);
});

test('rows of no sense are left to React', () => {
  const { owed, passed } = follow([encode('0:{"$@\n1:{"a":"$@"}\n')]);
  expect(decode(passed)).toBe('0:{"$@\n1:{"a":"$@"}\n');
  expect(view(owed)).toEqual([[], [], [], []]);
});
