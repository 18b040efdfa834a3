// A repository whose .git/config, hooks and attributes carry commands.
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { HostileCase } from './case.ts';
import type { Scene } from './scene.ts';

const MISSING = '1'.repeat(40);

/** Each makes a section of `.git/config`; `RUN` stands for the canary. */
const SECTIONS: Record<string, string> = {
  fsmonitor: '[core]\n\tfsmonitor = RUN',
  'hooks elsewhere': '[core]\n\thooksPath = HOOKS',
  'ssh command': '[core]\n\tsshCommand = RUN',
  'proxy command': '[core]\n\tgitProxy = RUN',
  pager:
    '[core]\n\tpager = RUN\n[pager]\n\tlog = RUN\n\trev-list = RUN\n\tfor-each-ref = RUN\n\tcat-file = RUN',
  editor: '[core]\n\teditor = RUN\n[sequence]\n\teditor = RUN',
  askpass: '[core]\n\taskPass = RUN\n[credential]\n\thelper = "!RUN"',
  'alternate refs': '[core]\n\talternateRefsCommand = RUN',
  aliases:
    '[alias]\n\tlog = "!RUN"\n\trev-parse = "!RUN"\n\tcat-file = "!RUN"\n\tls-files = "!RUN"\n\tx = "!RUN"',
  'external diff': '[diff]\n\texternal = RUN\n[diff "x"]\n\ttextconv = RUN\n\tcommand = RUN',
  filters: '[filter "x"]\n\tclean = RUN\n\tsmudge = RUN\n\tprocess = RUN\n\trequired = true',
  'merge driver': '[merge "x"]\n\tdriver = RUN',
  signing:
    '[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = RUN\n\tformat = ssh\n[gpg "ssh"]\n\tprogram = RUN\n\tdefaultKeyCommand = RUN\n[log]\n\tshowSignature = true',
  trailers: '[trailer "x"]\n\tcmd = RUN\n\tcommand = RUN',
  maintenance: '[gc]\n\tauto = 1\n\trecentObjectsHook = RUN\n[maintenance]\n\tauto = true',
  'pack hook': '[uploadpack]\n\tpackObjectsHook = RUN',
  'included file': '[include]\n\tpath = evil.config',
  'conditionally included file': '[includeIf "gitdir:**"]\n\tpath = evil.config',
  'work tree configuration': '[extensions]\n\tworktreeConfig = true',
  'url in place of another': '[url "ext::RUN "]\n\tinsteadOf = https://\n\tinsteadOf = ssh://',
};

/** How a partial clone fetches what is missing: the first look at a missing object would do so. */
const REMOTES: Record<string, string> = {
  'over ssh': 'url = ssh://host/r',
  'over ext': 'url = "ext::RUN %S"',
  'with an upload-pack of its own': 'url = .\n\tuploadpack = RUN',
  'over a helper': 'vcs = evil\n\turl = evil::x',
  'from a file': 'url = file:///nowhere\n\tuploadpack = RUN',
  'through a proxy': 'url = git://host/r\n\tproxy = RUN',
};

const HOOKS = [
  'post-index-change',
  'reference-transaction',
  'pre-commit',
  'post-commit',
  'post-checkout',
  'post-update',
  'pre-auto-gc',
  'fsmonitor-watchman',
  'update',
  'post-rewrite',
];

function configure(scene: Scene, text: string): void {
  const hooks = path.join(scene.outside, 'hooks');
  const filled = text.replaceAll('HOOKS', hooks).replaceAll('RUN', scene.canary);
  appendFileSync(path.join(scene.project, '.git', 'config'), `\n${filled}\n`);
}

function addHooks(scene: Scene, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of HOOKS) {
    copyFileSync(scene.canary, path.join(folder, name));
    chmodSync(path.join(folder, name), 0o755);
  }
}

export const gitCommands: HostileCase[] = [
  ...Object.entries(SECTIONS).map(([name, section]): HostileCase => ({
    name,
    build: (scene) => {
      const { project, outside } = scene;
      addHooks(scene, path.join(outside, 'hooks'));
      writeFileSync(path.join(project, '.gitattributes'), '* diff=x filter=x merge=x\n');
      const evil = `[core]\n\tfsmonitor = ${scene.canary}\n\thooksPath = ${path.join(outside, 'hooks')}\n`;
      writeFileSync(path.join(project, '.git', 'evil.config'), evil);
      writeFileSync(path.join(project, '.git', 'config.worktree'), evil);
      configure(scene, section);
    },
    honestWrite: 'saved',
  })),
  ...Object.entries(REMOTES).map(([name, remote]): HostileCase => ({
    name: `a partial clone ${name}`,
    build: (scene) => {
      configure(
        scene,
        `[extensions]\n\tpartialClone = origin\n[core]\n\trepositoryformatversion = 1\n\tsshCommand = RUN\n[protocol]\n\tallow = always\n[remote "origin"]\n\tpromisor = true\n\t${remote}`,
      );
      const refs = path.join(scene.project, '.git', 'refs');
      writeFileSync(path.join(refs, 'heads', 'main'), `${MISSING}\n`);
      mkdirSync(path.join(refs, 'worktrail', 'journal', 'a'), { recursive: true });
      writeFileSync(path.join(refs, 'worktrail', 'journal', 'a', 'b'), `${'2'.repeat(40)}\n`);
      writeFileSync(path.join(refs, 'worktrail', 'snapshot'), `${'3'.repeat(40)}\n`);
    },
    honestWrite: 'saved',
  })),
  {
    name: 'hooks',
    build: (scene) => addHooks(scene, path.join(scene.project, '.git', 'hooks')),
    honestWrite: 'saved',
  },
];
