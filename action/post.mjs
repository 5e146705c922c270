// Keeps what a main step that was killed left behind. Runs whatever became of the job.

import { fail, start } from './start.mjs';

// Without a binary there was no main step, and nothing is left.
const binary = process.env.STATE_binary;
if (binary) {
  try {
    process.exitCode = await start(binary, ['ci', '--phase', 'save']);
  } catch (error) {
    fail(error);
  }
}
