import { journals } from './hostile/journals.ts';
import { describeRepositories } from './hostile/run.ts';

describeRepositories('waiting writes and snapshots', journals);
