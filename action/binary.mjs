// Finds the hob binary: the one that the workflow names, else the one of this action's release. Asked
// by `main` and by `post` alike: what `main` found may have been written to since, by any step.

import { isAbsolute, join } from 'node:path';
import { fetchBinary } from './fetch.mjs';
import { input } from './start.mjs';

export async function binary() {
  const local = input('binary');
  if (local !== '') {
    return isAbsolute(local) ? local : join(process.env.GITHUB_WORKSPACE ?? process.cwd(), local);
  }
  return fetchBinary(input('version'));
}
