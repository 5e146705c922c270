// Finds the hob binary and lets it do the job.

import { appendFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import { fetchBinary } from './fetch.mjs';
import { fail, input, start } from './start.mjs';

async function binary() {
  const local = input('binary');
  if (local !== '') {
    return isAbsolute(local) ? local : join(process.env.GITHUB_WORKSPACE ?? process.cwd(), local);
  }
  return fetchBinary(input('version'));
}

try {
  const path = await binary();
  // For `post`, which runs in a process of its own.
  if (process.env.GITHUB_STATE) {
    const end = randomUUID();
    appendFileSync(process.env.GITHUB_STATE, `binary<<${end}\n${path}\n${end}\n`);
  }
  process.exitCode = await start(path, ['ci', '--phase', input('phase') || 'run']);
} catch (error) {
  fail(error);
}
