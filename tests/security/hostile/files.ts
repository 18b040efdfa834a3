// Links, devices and databases in the places where Worktrail keeps its own, and `.git` that is no folder.
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { runCli } from '../../support/program.ts';
import { git } from '../../support/temporary-project.ts';
import type { HostileCase } from './case.ts';
import { commit, FORGED, type Scene } from './scene.ts';

const own = ({ project }: Scene, ...names: string[]) => path.join(project, '.worktrail', ...names);

function linked(name: string, target: (scene: Scene) => string): HostileCase['build'] {
  return async (scene) => {
    mkdirSync(path.dirname(own(scene, name)), { recursive: true });
    symlinkSync(target(scene), own(scene, name));
    await commit(scene.project);
  };
}

const missing = ({ outside }: Scene) => path.join(outside, 'made-by-worktrail');
const notes = ({ outside }: Scene) => path.join(outside, 'notes.md');
const folder = ({ outside }: Scene) => outside;

/** The entry is named, and nothing is done until it was moved. */
const REFUSED = /\.worktrail/;

const LINKS: [name: string, target: (scene: Scene) => string][] = [
  ['.gitignore', missing],
  ['pending', folder],
  ['backups', folder],
  ['edited', folder],
  ['worktrail.db', missing],
  ['worktrail.db-wal', missing],
  ['worktrail.db-journal', notes],
  ['outbox.db', missing],
  ['operations.db', missing],
  ['project.json', notes],
  ['device', notes],
];

const links: HostileCase[] = [
  ...LINKS.map(([name, target]): HostileCase => ({
    name: `a link out of the project as .worktrail/${name}`,
    build: linked(name, target),
    honestWrite: REFUSED,
  })),
  {
    name: 'a link out of the project as .worktrail',
    build: async (scene) => {
      symlinkSync(scene.outside, own(scene));
      await commit(scene.project);
    },
    honestWrite: REFUSED,
  },
  {
    name: 'a link out of the project as .project_status.md',
    build: async (scene) => {
      symlinkSync(notes(scene), path.join(scene.project, '.project_status.md'));
      await commit(scene.project);
    },
    honestWrite: 'saved',
  },
];

function pipe(...where: string[]): HostileCase['build'] {
  return ({ project }) => {
    const file = path.join(project, ...where);
    mkdirSync(path.dirname(file), { recursive: true });
    rmSync(file, { recursive: true, force: true });
    execFileSync('mkfifo', [file]);
  };
}

const pipes: HostileCase[] = [
  { name: 'a pipe as .git', build: pipe('.git'), honestWrite: 'saved' },
  { name: 'a pipe as .git/HEAD', build: pipe('.git', 'HEAD'), honestWrite: 'saved' },
  { name: 'a pipe as .project_status.md', build: pipe('.project_status.md'), honestWrite: 'saved' },
  ...[
    'device',
    'project.json',
    'worktrail.db',
    'outbox.db',
    'operations.db',
    path.join('pending', 'a-b.md'),
  ].map((name): HostileCase => ({
    name: `a pipe as .worktrail/${name}`,
    build: pipe('.worktrail', name),
    honestWrite: /saved|\.worktrail/,
  })),
];

/** The tracker of an attacker, altered past it. */
function altered(statement: string): HostileCase['build'] {
  return async (scene) => {
    const made = await runCli(['create', 'A plain title'], { project: scene.project, env: scene.env });
    if (made.code !== 0) throw new Error(made.stderr);
    const database = new Database(own(scene, 'worktrail.db'));
    database.exec(statement);
    database.close();
  };
}

const databases: HostileCase[] = [
  {
    name: 'a tracker with a trigger',
    build: altered(
      `create trigger evil after insert on work_items begin update work_items set title = '${FORGED} ' || title where id = new.id; end`,
    ),
    honestWrite: /evil/,
  },
  {
    name: 'a tracker with a view',
    build: altered(`create view evil as select '${FORGED}' as title`),
    honestWrite: /evil/,
  },
  { name: 'a tracker with a foreign table', build: altered('create table evil (x)'), honestWrite: /evil/ },
  {
    name: 'a tracker whose table is a view of another',
    build: altered('alter table notes rename to evil; create view notes as select * from evil'),
    honestWrite: /evil|notes/,
  },
  {
    name: 'a database of another program',
    build: (scene) => {
      mkdirSync(own(scene));
      const database = new Database(own(scene, 'worktrail.db'));
      database.exec('create table precious (x); insert into precious values (1)');
      database.close();
    },
    honestWrite: /another program/,
  },
];

/** Another project of the person, to which a `.git` file may point. */
async function otherProject(scene: Scene): Promise<string> {
  const other = path.join(scene.outside, 'other');
  mkdirSync(other);
  await git(other, 'init', '--quiet', '--initial-branch=main');
  return other;
}

const dotGit =
  (content: (other: string, scene: Scene) => string): HostileCase['build'] =>
  async (scene) => {
    const other = await otherProject(scene);
    rmSync(path.join(scene.project, '.git'), { recursive: true });
    writeFileSync(path.join(scene.project, '.git'), content(other, scene));
  };

const dotGits: HostileCase[] = [
  {
    name: "a .git file that leads to another project's",
    build: dotGit((other) => `gitdir: ${path.join(other, '.git')}\n`),
    honestWrite: 'saved',
  },
  {
    name: 'a .git file with a commondir of another project',
    build: async (scene) => {
      const other = await otherProject(scene);
      const { project } = scene;
      renameSync(path.join(project, '.git'), path.join(project, 'git-folder'));
      writeFileSync(path.join(project, '.git'), `gitdir: git-folder\n`);
      writeFileSync(path.join(project, 'git-folder', 'commondir'), `${path.join(other, '.git')}\n`);
    },
    honestWrite: 'saved',
  },
  {
    name: 'a .git folder with a commondir of another project',
    build: async (scene) => {
      const other = await otherProject(scene);
      writeFileSync(path.join(scene.project, '.git', 'commondir'), `${path.join(other, '.git')}\n`);
    },
    honestWrite: 'saved',
  },
  {
    name: 'refs that are a link to those of another project',
    build: async (scene) => {
      const other = await otherProject(scene);
      const refs = path.join(scene.project, '.git', 'refs');
      rmSync(refs, { recursive: true });
      symlinkSync(path.join(other, '.git', 'refs'), refs);
    },
    honestWrite: 'saved',
  },
  {
    name: 'a .git file that leads to a device',
    build: dotGit(() => 'gitdir: /dev/zero\n'),
    honestWrite: 'saved',
  },
  {
    name: 'a .git file of 40 MB',
    build: dotGit(() => `gitdir: ${'x'.repeat(40_000_000)}`),
    honestWrite: 'saved',
  },
  {
    name: 'a .git link to another project',
    build: async (scene) => {
      const other = await otherProject(scene);
      rmSync(path.join(scene.project, '.git'), { recursive: true });
      symlinkSync(path.join(other, '.git'), path.join(scene.project, '.git'));
    },
    honestWrite: 'saved',
  },
  {
    name: 'a HEAD that leads out of the repository',
    build: ({ project, outside }) =>
      writeFileSync(
        path.join(project, '.git', 'HEAD'),
        `ref: refs/heads/../../../../${path.relative(path.dirname(project), path.join(outside, 'notes.md'))}\n`,
      ),
    honestWrite: 'saved',
  },
];

export const files: HostileCase[] = [...links, ...pipes, ...databases, ...dotGits];
