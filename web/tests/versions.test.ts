// The workspace checks what pages run with: the same versions as the tool folder.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../${name}/package.json`, import.meta.url), 'utf8'));

test('the workspace has the versions of the tool folder', () => {
  const tools = read('toolchain').dependencies as Record<string, string>;
  const workspace = read('.').devDependencies as Record<string, string>;
  const shared = Object.keys(workspace).filter(name => name in tools);
  expect(shared.length).toBeGreaterThan(8);
  for (const name of shared) expect([name, workspace[name]]).toEqual([name, tools[name]]);
});

test('`ai` is the version that @ai-sdk/rsc names', () => {
  const rsc = JSON.parse(
    readFileSync(new URL('../node_modules/@ai-sdk/rsc/package.json', import.meta.url), 'utf8'),
  );
  expect(read('toolchain').dependencies.ai).toBe(rsc.dependencies.ai);
});
