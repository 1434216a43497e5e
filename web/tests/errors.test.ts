// What the page can say about a failure.
import { expect, test } from 'vitest';
import { ActionError, describeError, isAbortError, isActionError } from '../client/errors';

const MINIFIED = 'Minified React error #441; visit https://react.dev/errors/441 for the full message.';
const rebuilt = (digest: string, message = MINIFIED) => Object.assign(new Error(message), { digest });

test("an action's failure is readable in production, and stays the same object", () => {
  const error = rebuilt('1f2e3d4c5b6a');
  expect(isActionError(error)).toBe(true);
  expect(error.message).toBe('Something went wrong on the server (1f2e3d4c5b6a).');
  expect(error).toMatchObject({ kind: 'failed', digest: '1f2e3d4c5b6a' });
  expect(error.stack).not.toContain('Minified');
});

test("a UserError's text is the message for the user", () => {
  const error = rebuilt('user:Say something first.');
  expect(isActionError(error) && error.userMessage).toBe('Say something first.');
  expect(describeError(error)).toBe('Say something first.');
  expect(error.message).toBe('Say something first.');
});

test('what a stopping server ended is no failure of the action', () => {
  const error = rebuilt('interrupted');
  expect(isActionError(error) && error.kind).toBe('interrupted');
  expect(describeError(error)).toBe('The server was restarted before the answer was complete. Try again.');
});

test('development keeps its own message', () => {
  const error = rebuilt('user:Hello', "Hello (in action 'greet')");
  expect(isActionError(error) && error.userMessage).toBe('Hello');
  expect(error.message).toBe("Hello (in action 'greet')");
});

test.each([
  [new ActionError('refused', 'There is no action here.', { status: 404 }), 'There is no action here.'],
  [new ActionError('lost', 'The connection was lost.'), 'The connection was lost.'],
  [rebuilt('d1'), 'Something went wrong on the server (d1).'],
  [new DOMException('aborted', 'AbortError'), 'The answer was stopped.'],
  [new Error('mine'), 'mine'],
  [new Error(''), 'Something went wrong.'],
  [null, 'Something went wrong.'],
])('%s has a sentence', (error, sentence) => {
  expect(describeError(error)).toBe(sentence);
});

test('stopping is no failure of the action', () => {
  const error = new DOMException('aborted', 'AbortError');
  expect([isAbortError(error), isActionError(error)]).toEqual([true, false]);
  expect(isAbortError(undefined)).toBe(false);
});
