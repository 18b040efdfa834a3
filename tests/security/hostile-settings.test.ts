import { settings } from './hostile/settings.ts';
import { describeRepositories } from './hostile/run.ts';

describeRepositories('settings of its own', settings);
