// Every example in docs/browser.md compiles, against a page's own declarations.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const WEB = fileURLToPath(new URL('..', import.meta.url));
const ACTIONS = `
export interface Message { role: 'user' | 'assistant'; content: string }
export interface Reply { messages: Message[]; newMessage: import('@ai-sdk/rsc').StreamableValue<string> }
export declare function continueConversation(history: Message[]): Promise<Reply>;
`;
const CONFIG = {
  extends: '../client/tsconfig.json',
  compilerOptions: { jsx: 'react-jsx', paths: { '@flightwire/client': ['../client/index.ts'] } },
  include: ['*.tsx', '*.d.ts', '../client/ambient.d.ts'],
};

test('the examples compile', () => {
  const docs = readFileSync(join(WEB, '../docs/browser.md'), 'utf8');
  const blocks = [...docs.matchAll(/^```tsx\n(.*?)^```/gms)].map(match => match[1] as string);
  expect(blocks.length).toBeGreaterThan(4);
  const folder = mkdtempSync(join(WEB, '.docs-'));
  try {
    writeFileSync(join(folder, 'actions.d.ts'), ACTIONS);
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG));
    blocks.forEach((block, index) => {
      writeFileSync(join(folder, `example${index}.tsx`), `${block}\nexport {};\n`);
    });
    const tsc = join(WEB, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [tsc, '--noEmit', '-p', folder], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error((error as { stdout?: string }).stdout || String(error));
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);
