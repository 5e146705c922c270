// Finds the hob binary and gives way to it.

import { appendFileSync } from 'node:fs';
import { binary } from './binary.mjs';
import { become, fail, input } from './start.mjs';

try {
  const path = await binary();
  // For `post`, which runs in a process of its own.
  if (process.env.GITHUB_STATE) {
    appendFileSync(process.env.GITHUB_STATE, 'started=true\n');
  }
  become(path, ['ci', '--phase', input('phase') || 'run']);
} catch (error) {
  fail(error);
}
