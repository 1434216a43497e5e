// Answers one JSON line with another: what the jsondiffpatch that @ai-sdk/rsc uses makes of a value and a delta.
import { createInterface } from 'node:readline';
import { clone, patch } from 'jsondiffpatch';

for await (const line of createInterface({ input: process.stdin })) {
  const { value, delta } = JSON.parse(line);
  // Exactly what the provider does with a delta (rsc/src/shared-client/context.tsx).
  const patched = delta === null ? value : patch(clone(value), delta);
  console.log(JSON.stringify({ patched }));
}
