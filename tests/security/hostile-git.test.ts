import { gitCommands } from './hostile/git-commands.ts';
import { describeRepositories } from './hostile/run.ts';

describeRepositories('commands for git', gitCommands);
