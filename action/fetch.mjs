// Gets the binary of a release. Which one, and its SHA-256, stands in checksums.txt of this very
// commit: whoever pins the action has pinned the binary.

import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const TARGETS = { 'linux-x64': 'x86_64-unknown-linux-musl', 'linux-arm64': 'aarch64-unknown-linux-musl' };

const SIZE_MAX = 64 << 20;
const REDIRECTS_MAX = 5;
const IDLE_MS = 30_000;
const TRIES = 3;

// A path to an executable that nobody else wrote to.
export async function fetchBinary(version) {
  const asset = choose(version);
  const cached = process.env.RUNNER_TOOL_CACHE && join(process.env.RUNNER_TOOL_CACHE, 'hob', asset.name);
  // The cache of a runner of one's own is written to by every job there: its digest is asked each time.
  const archive = fromCache(cached, asset) ?? (await fromRelease(asset));
  if (cached) {
    toCache(cached, archive);
  }
  const path = join(mkdtempSync(join(process.env.RUNNER_TEMP ?? tmpdir(), 'hob-')), 'hob');
  writeFileSync(path, member(gunzipSync(archive, { maxOutputLength: 4 * SIZE_MAX }), 'hob'), { mode: 0o755 });
  return path;
}

// A line of checksums.txt, as sha256sum writes it: newest version last.
function choose(version) {
  const machine = `${process.platform}-${process.arch}`;
  const target = TARGETS[machine];
  if (!target) {
    throw new Error(`there is no hob for ${machine}; it runs on ${Object.keys(TARGETS).join(' and ')}`);
  }
  const lines = readFileSync(join(import.meta.dirname, 'checksums.txt'), 'utf8').split('\n');
  const assets = lines.flatMap((line) => {
    const [, digest, name, tag] = /^([0-9a-f]{64}) {2}(hob-(v[0-9][0-9A-Za-z.-]*?)-([a-z0-9_]+-unknown-linux-musl)\.tar\.gz)$/.exec(line) ?? [];
    return name?.endsWith(`-${target}.tar.gz`) ? [{ digest, name, tag }] : [];
  });
  const found = version === '' ? assets.at(-1) : assets.find((asset) => asset.tag === version);
  if (!found) {
    const known = assets.map((asset) => asset.tag).join(', ') || 'none';
    throw new Error(
      `this commit of the action names no hob ${version || 'release'} for ${machine} (it knows ${known}); ` +
        'use a released version of the action, or give a binary with `binary:`',
    );
  }
  return found;
}

function fromCache(path, asset) {
  try {
    const archive = path && readFileSync(path);
    return archive && digest(archive) === asset.digest ? archive : undefined;
  } catch {
    return undefined;
  }
}

// A cache that cannot be written to costs a download, nothing else.
function toCache(path, archive) {
  try {
    mkdirSync(join(path, '..'), { recursive: true });
    const fresh = `${path}.${process.pid}`;
    writeFileSync(fresh, archive);
    renameSync(fresh, path);
  } catch {}
}

async function fromRelease(asset) {
  const repository = process.env.GITHUB_ACTION_REPOSITORY || 'hob-dev/hob';
  const releases = process.env.HOB_RELEASES_URL || `https://github.com/${repository}/releases/download`;
  const url = `${releases.replace(/\/+$/, '')}/${asset.tag}/${asset.name}`;
  for (let attempt = 1; ; attempt++) {
    try {
      const archive = await get(new URL(url), REDIRECTS_MAX);
      if (digest(archive) !== asset.digest) {
        throw final(`what was found there has the SHA-256 ${digest(archive)}, and this action was made for ${asset.digest}`);
      }
      return archive;
    } catch (error) {
      if (attempt === TRIES || error.isFinal) {
        throw new Error(
          `cannot get the hob binary from ${url}: ${error.message}; ` +
            'behind a proxy set HTTPS_PROXY, without a network give a binary with `binary:`',
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 1000 * attempt));
    }
  }
}

function get(url, redirects) {
  const { protocol } = url;
  const secure = protocol === 'https:';
  const { Agent, get: ask } = secure ? https : http;
  return new Promise((resolve, reject) => {
    // The agent reads HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
    const request = ask(url, { agent: new Agent({ proxyEnv: process.env }), timeout: IDLE_MS }, (answer) => {
      const { statusCode, headers } = answer;
      if (statusCode >= 300 && statusCode < 400 && headers.location) {
        answer.resume();
        const next = new URL(headers.location, url);
        if (redirects === 0 || (secure && next.protocol !== 'https:')) {
          reject(final(`it leads on to ${next.origin}, once too often or without encryption`));
        } else {
          get(next, redirects - 1).then(resolve, reject);
        }
        return;
      }
      if (statusCode !== 200) {
        answer.resume();
        const error = new Error(`the answer is ${statusCode}`);
        reject(statusCode < 500 && statusCode !== 429 ? final(error.message) : error);
        return;
      }
      const pieces = [];
      let size = 0;
      answer.on('data', (piece) => {
        size += piece.length;
        pieces.push(piece);
        if (size > SIZE_MAX) {
          request.destroy(final(`it is longer than ${SIZE_MAX} bytes`));
        }
      });
      answer.on('end', () => (answer.complete ? resolve(Buffer.concat(pieces)) : reject(new Error('the answer was cut'))));
      answer.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`nothing came for ${IDLE_MS / 1000} s`)));
    request.on('error', reject);
  });
}

// An error that asking again would not mend.
function final(message) {
  return Object.assign(new Error(message), { isFinal: true });
}

function digest(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

// A file of a tar archive, by the last part of its name. Its digest was right: it is the release's own.
function member(tar, name) {
  const text = (from, length) => tar.toString('latin1', from, from + length).replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = parseInt(text(at + 124, 12).trim(), 8) || 0;
    const isFile = ['0', '\0'].includes(tar.toString('latin1', at + 156, at + 157));
    if (isFile && text(at, 100).split('/').at(-1) === name) {
      return tar.subarray(at + 512, at + 512 + size);
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`the archive of the release holds no file \`${name}\``);
}
