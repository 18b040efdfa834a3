import { files } from './hostile/files.ts';
import { describeRepositories } from './hostile/run.ts';

describeRepositories('links, pipes, databases and a `.git` of its own', files);
