// Keeps what a main step that was killed left behind. Runs whatever became of the job.

import { binary } from './binary.mjs';
import { become, fail } from './start.mjs';

// Without a main step nothing is left.
if (process.env.STATE_started) {
  try {
    become(await binary(), ['ci', '--phase', 'save']);
  } catch (error) {
    fail(error);
  }
}
