// What the panel says about an error.
import { expect, test } from 'vitest';
import { ActionError, silenceError } from '../client/errors';
import { textOf } from '../client/panel';
import { pythonFrames, reportOf, reportOfBuild, reportOfFailure } from '../client/report';

const shown = (stack: string, app?: string) =>
  pythonFrames(stack, app).map(({ file, line, name }) => `${file}:${line} ${name}`);

const STACK = `KeyError: 'city'
    at weather (file:///srv/app/lib/weather.py:3:4)
    at ask (file:///srv/app/actions.py:12:3)
    at run (file:///usr/lib/python3.11/asyncio/tasks.py:277:1)
    at fetchServerAction (http://127.0.0.1:3000/call.ts:9:1)`;

test("the app's own frames come without its folder and without anybody else's", () => {
  expect(shown(STACK, '/srv/app')).toEqual(['lib/weather.py:3 weather', 'actions.py:12 ask']);
});

test('without own frames every Python frame is shown', () => {
  expect(pythonFrames(STACK, '/elsewhere')).toHaveLength(3);
  expect(pythonFrames(STACK)).toHaveLength(3);
});

test.each([
  ['Firefox', 'ask@file:///srv/app/actions.py:12:3'],
  ['a folder with a space', '    at ask (file:///srv/app/my%20actions.py:12:3)'],
  ['React with source maps', '    at ask (about://React/Server/file:///srv/app/actions.py?7:12:3)'],
])('frames are understood as %s writes them', (_, line) => {
  expect(shown(line, '/srv/app')[0]).toMatch(/actions\.py:12 ask$/);
});

test('the hint names where to look', () => {
  const error = Object.assign(new Error("'city'"), { name: 'KeyError', stack: STACK, digest: 'd1' });
  const report = reportOf(error, '/srv/app');
  expect(report.title).toBe('KeyError');
  expect(report.hint).toContain('lib/weather.py:3');
  expect(report.hint).toContain('d1');
});

test.each(['refused', 'unreachable', 'lost'] as const)('a call that was %s has a hint of its own', kind => {
  expect(reportOf(new ActionError(kind, 'x')).hint).not.toBe('');
});

test('a server that said nothing may stand at a breakpoint', () => {
  expect(reportOf(silenceError('lost', 60_000)).hint).toContain('silenceTimeoutMs');
});

test('a module that does not compile shows its frame without colours', () => {
  const message = 'Transform failed with 1 error:\n\n\u001b[31mUnexpected token\u001b[0m\n 8 | <p';
  const report = reportOfBuild({ message, id: '/srv/app/page.tsx' }, '/srv/app');
  expect(report.message).toBe('Unexpected token\n\n8 | <p');
});

test('a failure of background work names the action, the work and the place', () => {
  const report = reportOfFailure(
    {
      name: 'KeyError',
      message: 'x',
      frames: [['pump', '/srv/app/actions.py', 3, 5]],
      action: 'ask',
      job: 'pump',
      digest: 'd2',
    },
    '/srv/app',
  );
  expect(report.where).toBe('Action ask, background work pump');
  expect(textOf(report)).toContain('  at actions.py:3 pump');
  expect(report.hint).toContain('d2');
});
