// Starts the binary, without a shell: what the workflow gave goes in by environment variables alone.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';

// Input of action.yml → variable that hob reads.
const VARIABLES = {
  agent: 'HOB_AGENT',
  message: 'HOB_MESSAGE',
  model: 'HOB_MODEL',
  'github-token': 'HOB_GITHUB_TOKEN',
  'anthropic-api-key': 'ANTHROPIC_API_KEY',
  'anthropic-base-url': 'ANTHROPIC_BASE_URL',
  'openai-api-key': 'OPENAI_API_KEY',
  'openai-base-url': 'OPENAI_BASE_URL',
  expose: 'HOB_EXPOSE',
  timeout: 'HOB_TIMEOUT',
  'artifact-retention-days': 'HOB_RETENTION_DAYS',
};

export function input(name) {
  return (process.env[`INPUT_${name.toUpperCase()}`] ?? '').trim();
}

// What this step was started with, each input under the name that hob reads. An input that is left
// out leaves the variable as the workflow's own `env:` has it.
function environment() {
  const variables = Object.entries(process.env).filter(([name]) => !name.startsWith('INPUT_'));
  const given = Object.entries(VARIABLES).map(([name, variable]) => [variable, input(name)]);
  return Object.fromEntries([...variables, ...given.filter(([, value]) => value !== '')]);
}

// Runs it to its end; the exit code, as a shell would tell it.
export function start(binary, args) {
  return new Promise((resolve, reject) => {
    // Before it starts, so that none is missed; they come when this turn of the loop is over.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => child.kill(signal));
    }
    // In a process group of its own, so that a signal to ours reaches it once, through us: a second
    // one tells hob to drop everything.
    const child = spawn(binary, args, { env: environment(), stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    child.on('error', (error) => reject(new Error(`cannot start the binary \`${binary}\`: ${reason(error)}`)));
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });
}

function reason(error) {
  switch (error.code) {
    case 'ENOENT':
      return 'there is no such file; `binary:` is a path on the runner, from the workspace on';
    case 'EACCES':
      return 'it is no program that may be run; `chmod +x` makes it one';
    default:
      return error.message;
  }
}

// Ends the step with a message on the page of the job.
export function fail(error) {
  const text = String(error?.message ?? error).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  console.error(`::error title=hob::${text}`);
  process.exitCode = 2;
}
