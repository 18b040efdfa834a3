// A repository whose settings name a command for everything that git can start: none of them runs, whatever is done.
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { GitJournal } from '../../src/storage/journals/git-journal.ts';
import { readLogFacts } from '../../src/storage/git/log-facts.ts';
import { readCommittedStatusFile } from '../../src/storage/replicas/snapshot.ts';
import { findRootCommit, readHead, resolveCommit } from '../../src/storage/git/repository.ts';
import { Server } from '../processes/server.ts';
import { makeEntry } from '../storage/tiers/journal-entries.ts';
import { cleanUpLater } from '../support/cleanup.ts';
import { runInProcess } from '../support/in-process.ts';
import { git, spawnServe, temporaryProject } from '../support/program.ts';

/** Every setting whose value git runs, loads or connects to; COMMAND stands for one that leaves a trace. */
const SETTINGS = (command: string, file: string) => `
[core]
	repositoryformatversion = 1
	fsmonitor = ${command}
	hooksPath = ${path.dirname(file)}/hooks
	sshCommand = ${command}
	gitProxy = ${command}
	askPass = ${file}
	editor = ${command}
	pager = ${command}
	alternateRefsCommand = ${command}
	attributesFile = ${path.dirname(file)}/attributes
[extensions]
	partialClone = origin
	worktreeConfig = true
[remote "origin"]
	url = ssh://h/r
	promisor = true
	partialclonefilter = blob:none
	uploadpack = ${command}
	receivepack = ${command}
	proxy = ${command}
[remote "helper"]
	url = ext::${file}
	vcs = ext
	promisor = true
[remote "local"]
	url = ${path.dirname(file)}/missing
	uploadpack = ${command}
	promisor = true
[url "ext::${file} "]
	insteadOf = ssh://h/
[protocol]
	allow = always
[protocol "ext"]
	allow = always
[pager]
	log = ${command}
	config = ${command}
	for-each-ref = ${command}
[alias]
	log = !${command}
	rev-parse = !${command}
	cat-file = !${command}
[hook "planted"]
	event = reference-transaction
	event = post-index-change
	command = ${command}
[diff]
	external = ${command}
[diff "planted"]
	command = ${command}
	textconv = ${command}
[filter "planted"]
	clean = ${command}
	smudge = ${command}
	process = ${command}
	required = true
[merge "planted"]
	driver = ${command}
[merge]
	tool = planted
[mergetool "planted"]
	cmd = ${command}
[difftool "planted"]
	cmd = ${command}
[log]
	showSignature = true
[commit]
	gpgSign = true
[gpg]
	program = ${file}
	format = ssh
[gpg "ssh"]
	program = ${file}
	defaultKeyCommand = ${command}
[gpg "x509"]
	program = ${file}
[user]
	signingKey = planted
[credential]
	helper = !${command}
[credential "ssh://h"]
	helper = !${command}
[trace2]
	eventTarget = ${file}-trace
	normalTarget = ${file}-trace
	perfTarget = ${file}-trace
[uploadpack]
	packObjectsHook = ${command}
[sequence]
	editor = ${command}
[interactive]
	diffFilter = ${command}
[trailer "planted"]
	command = ${command}
	cmd = ${command}
[browser "planted"]
	cmd = ${command}
[man "planted"]
	cmd = ${command}
[web]
	browser = planted
[submodule "planted"]
	update = !${command}
[gc]
	recentObjectsHook = ${command}
	auto = 1
[maintenance]
	auto = true
[fetch]
	recurseSubmodules = yes
[sendemail]
	sendmailCmd = ${command}
[imap]
	tunnel = ${command}
[instaweb]
	httpd = ${command}
[receive]
	procReceiveRefs = refs/worktrail
[tar "planted"]
	command = ${command}
[http]
	proxy = ext::${file}
`;

async function hostileRepository(): Promise<{ project: string; canaries: () => string[] }> {
  const project = await temporaryProject({ git: true });
  // Without a space: git would not read the settings.
  const elsewhere = mkdtempSync(path.join(os.tmpdir(), 'canaries-'));
  cleanUpLater(() => rmSync(elsewhere, { recursive: true, force: true }));
  const traces = path.join(elsewhere, 'traces');
  mkdirSync(traces);
  const file = path.join(elsewhere, 'canary');
  const script = `#!/bin/sh\ntouch "${traces}/$(basename "$0").$$"\nexit 1\n`;
  const plain = path.join(elsewhere, 'canary');
  writeFileSync(plain, script);
  chmodSync(plain, 0o755);
  const hooks = [path.join(elsewhere, 'hooks'), path.join(project, '.git', 'hooks')];
  for (const folder of hooks) {
    mkdirSync(folder, { recursive: true });
    for (const name of ['reference-transaction', 'post-index-change', 'fsmonitor-watchman', 'pre-auto-gc']) {
      writeFileSync(path.join(folder, name), script, { mode: 0o755 });
    }
  }
  for (const attributes of [
    path.join(elsewhere, 'attributes'),
    path.join(project, '.gitattributes'),
    path.join(project, '.git', 'info', 'attributes'),
  ]) {
    writeFileSync(attributes, '* filter=planted diff=planted merge=planted\n');
  }
  const settings = SETTINGS(`touch '${traces}/setting'`, file);
  const included = path.join(project, '.git', 'included');
  writeFileSync(included, settings);
  writeFileSync(path.join(project, '.git', 'config.worktree'), settings);
  // The same settings in each place where they can be.
  appendFileSync(path.join(project, '.git', 'config'), `${settings}\n[include]\n\tpath = included\n`);
  appendFileSync(
    path.join(project, '.git', 'config'),
    `[includeIf "gitdir:${project}/"]\n\tpath = included\n[includeIf "onbranch:main"]\n\tpath = included\n`,
  );
  return { project, canaries: () => readdirSync(traces) };
}

/** HEAD, a branch and the refs of ours point to objects that are not there, as in a partial clone. */
function loseObjects(project: string): void {
  const missing = `${'1'.repeat(40)}\n`;
  for (const ref of ['heads/main', 'worktrail/snapshot', 'worktrail/journal/a/b']) {
    const place = path.join(project, '.git', 'refs', ...ref.split('/'));
    mkdirSync(path.dirname(place), { recursive: true });
    rmSync(place, { force: true });
    writeFileSync(place, missing);
  }
}

it.each(['with all its objects', 'of which objects are missing'])('in a repository %s', async (which) => {
  const { project, canaries } = await hostileRepository();
  const head = (await git(project, 'rev-parse', 'HEAD').catch(() => '1'.repeat(40))).trim();
  // What this test's own git has left there does not count.
  const before = canaries().length;
  if (which.includes('missing')) loseObjects(project);
  mkdirSync(path.join(project, 'docs', 'session-prompts'), { recursive: true });
  writeFileSync(path.join(project, 'docs', 'session-prompts', 'a.md'), '# A prompt\n');
  for (const command of [
    ['list'],
    ['create', 'An item'],
    ['doctor'],
    ['doctor', '--fix'],
    ['backup'],
    ['status', '--write'],
    ['import', 'session-prompts'],
    ['import', 'session-prompts', '--dry-run'],
  ]) {
    await runInProcess(command, { project });
    expect({ command, canaries: canaries().length - before }).toEqual({ command, canaries: 0 });
  }
  const server = new Server(spawnServe({ project, args: ['--toolsets', 'all'] }));
  await server.rpc.initialize();
  await server.create({ title: 'by a client' });
  await server.call('log_deployment', { title: 'x', commit_hash: head.slice(0, 8) });
  await server.answer('list_work_items');
  await server.rpc.program.stop();
  // What the program does in the background, and when the outbox cannot be written.
  const journal = new GitJournal(project, 'device');
  const entry = makeEntry();
  await journal.append(entry).catch(() => undefined);
  await journal.list().catch(() => undefined);
  await journal.remove([entry.id]).catch(() => undefined);
  await findRootCommit(project);
  await readHead(project);
  await resolveCommit(project, head.slice(0, 8));
  await readLogFacts(project);
  await readCommittedStatusFile(project);
  expect(canaries().length - before).toBe(0);
  // The honest work was done beside it.
  const database = new Database(path.join(project, '.worktrail', 'worktrail.db'), { readonly: true });
  expect(database.prepare('select count(*) from work_items').pluck().get()).toBeGreaterThanOrEqual(2);
  database.close();
  // Or the settings would be none that run anything.
  await git(project, 'status').catch(() => undefined);
  expect(canaries().length).toBeGreaterThan(before);
});
