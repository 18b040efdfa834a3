// Schedules that showed a fault which no other test shows, as they were found: what a seed makes alters with the
// generator, what is written here does not.
import type { Action } from './commands.ts';
import type { Schedule } from './schedule.ts';

/** A command in one line: what, by which client, the dice of its choices, the time after it in milliseconds. */
type Line = readonly [action: Action, client: number, dice: number, gap: number];

const known = (setting: Omit<Schedule, 'commands'>, lines: readonly Line[]): Schedule => ({
  ...setting,
  commands: lines.map(([action, client, dice, gap]) => ({ action, client, dice, gap })),
});

export const KNOWN: readonly Schedule[] = [
  // A waiting write that did not fit was tried again on top of later ones, and came to lie above them.
  known(
    {
      seed: 'estuary/2852',
      processes: [2, 1],
      isSlow: true,
      skews: [3452, 8426],
      hasCaches: false,
      restart: false,
    },
    [
      ['update', 1, 970857884, 5],
      ['wait', 1, 61607456, 5],
      ['primary away or back', 2, 807581703, 0],
      ['update', 1, 485045159, 60],
      ['clock jumps', 0, 743818147, 300],
      ['fault', 0, 471319262, 60],
      ['create', 0, 514589278, 0],
      ['update', 3, 523485487, 0],
      ['update', 1, 429987637, 900],
      ['primary away or back', 2, 405137036, 300],
      ['another client', 1, 972080261, 0],
      ['another client', 3, 648562412, 6000],
      ['stop', 0, 757156403, 2500],
      ['update', 0, 750563560, 0],
      ['primary away or back', 1, 439956154, 5],
      ['update', 1, 601395213, 900],
      ['group', 3, 290042545, 5],
      ['fault', 2, 506953281, 2500],
      ['update vendor', 1, 376132194, 300],
      ['group', 1, 339399340, 300],
      ['update', 2, 259381781, 300],
    ],
  ),
  // The write that it builds on turned up later, from a journal that could not be read: now it does fit.
  known(
    {
      seed: 'harbour/7',
      processes: [1, 1],
      isSlow: false,
      skews: [0, -3885],
      hasCaches: true,
      restart: true,
    },
    [
      ['update vendor', 2, 588622165, 300],
      ['fault', 2, 778101386, 2500],
      ['primary away or back', 2, 597561496, 900],
      ['clock jumps', 3, 103888413, 900],
      ['status file', 3, 39689271, 0],
      ['update', 2, 547020751, 60],
      ['primary away or back', 2, 824452047, 0],
      ['group', 3, 908602901, 60],
      ['journal fails or works', 2, 689308103, 0],
      ['read', 3, 427792483, 5],
      ['backup', 0, 325015549, 900],
      ['update', 2, 236085532, 5],
      ['update', 0, 552393291, 0],
      ['update', 2, 754752221, 5],
      ['create', 2, 102050795, 900],
    ],
  ),
  known(
    {
      seed: 'lighthouse/1630',
      processes: [1],
      isSlow: false,
      skews: [7315],
      hasCaches: true,
      restart: false,
    },
    [
      ['resolve', 2, 414207881, 5],
      ['primary away or back', 3, 169734180, 2500],
      ['update', 0, 648048088, 0],
      ['read', 2, 606775595, 5],
      ['primary away or back', 0, 612288988, 0],
      ['primary away or back', 1, 585704346, 300],
      ['update', 2, 699043017, 0],
      ['journal fails or works', 2, 12915269, 300],
      ['group', 2, 631509450, 60],
      ['another client', 0, 197652139, 0],
      ['another client', 0, 656573846, 2500],
      ['update', 1, 313151405, 0],
      ['create', 1, 108626207, 0],
      ['primary away or back', 2, 438736726, 300],
      ['resolve', 0, 486014155, 0],
      ['group', 0, 655905645, 900],
      ['fault', 1, 244999240, 300],
      ['update vendor', 0, 644486511, 60],
      ['primary away or back', 2, 864614344, 60],
      ['primary away or back', 0, 870294209, 0],
      ['update', 0, 815617109, 300],
      ['update vendor', 0, 644694498, 0],
    ],
  ),
  known({ seed: 'estuary/1773', processes: [2], isSlow: true, skews: [0], hasCaches: true, restart: false }, [
    ['repeat', 2, 625323855, 60],
    ['read', 2, 18034543, 60],
    ['primary away or back', 0, 574654069, 0],
    ['update', 1, 876338618, 300],
    ['kill', 3, 382206086, 5],
    ['journal fails or works', 3, 918754184, 900],
    ['update', 0, 882156756, 0],
    ['link', 2, 485406616, 0],
    ['journal fails or works', 1, 391512438, 5],
    ['link', 1, 515390659, 0],
    ['primary away or back', 3, 552657454, 0],
    ['update', 2, 379766625, 5],
    ['update', 1, 952175920, 0],
    ['update', 0, 975982642, 60],
    ['update', 1, 545827627, 900],
    ['read', 1, 879022974, 0],
    ['read', 3, 452121171, 0],
  ]),
  // A waiting plan was made by another attempt, at another time: the queue of a copy kept the first one's.
  known(
    {
      seed: 'harbour/1477',
      processes: [1],
      isSlow: true,
      skews: [0],
      hasCaches: false,
      restart: true,
    },
    [
      ['update', 0, 874262392, 900],
      ['cache fails or works', 1, 961287517, 900],
      ['cache fails or works', 1, 739965875, 300],
      ['repeat', 3, 932843409, 900],
      ['note', 1, 608714911, 0],
      ['fault', 3, 296945826, 0],
      ['plan', 1, 502774004, 60],
      ['repeat', 1, 391225719, 0],
      ['journal fails or works', 1, 509407192, 60],
      ['update', 3, 167588971, 6000],
    ],
  ),
  // Labels that an own batch had added, which then met a conflict, were added again by the next own update.
  known(
    {
      seed: 'estuary/1938',
      processes: [2],
      isSlow: false,
      skews: [0],
      hasCaches: true,
      restart: true,
    },
    [
      ['create', 1, 398407139, 0],
      ['update', 2, 291417483, 0],
      ['create', 1, 701359964, 0],
      ['primary away or back', 0, 22870137, 0],
      ['note', 2, 972788118, 0],
      ['bulk update', 3, 436203038, 0],
      ['update', 1, 709104890, 0],
      ['cache fails or works', 2, 736345254, 0],
      ['another works', 3, 392512228, 0],
      ['update', 3, 222985793, 0],
    ],
  ),
  // The status file, which has no labels, was taken for what the maker of an update had seen.
  known(
    {
      seed: '73e03f0d/44',
      processes: [2],
      isSlow: false,
      skews: [0],
      hasCaches: true,
      restart: true,
    },
    [
      ['plan', 2, 716528580, 0],
      ['take', 3, 987042123, 0],
      ['cache fails or works', 3, 512190504, 0],
      ['primary away or back', 0, 905090290, 0],
      ['bulk update', 3, 326311930, 0],
      ['update', 1, 684240456, 0],
      ['primary away or back', 3, 703674643, 0],
      ['status file', 3, 120420675, 0],
      ['update', 2, 844768280, 0],
    ],
  ),
  // A write was kept while what waits was looked for, which found nothing: the database was taken to have everything.
  known(
    {
      seed: 'harbour/2207',
      processes: [1, 1],
      isSlow: true,
      skews: [0, 0],
      hasCaches: true,
      restart: false,
    },
    [
      ['update enhancement', 3, 745522589, 0],
      ['take', 1, 899996324, 60],
      ['create', 1, 691618576, 0],
    ],
  ),
  // A write was applied while a read ran that had begun before: it lacked the write and did not say so.
  known(
    {
      seed: 'estuary/622',
      processes: [1, 1],
      isSlow: true,
      skews: [0, 0],
      hasCaches: true,
      restart: true,
    },
    [
      ['stop', 0, 349057008, 2500],
      ['update', 1, 828635030, 5],
      ['take', 2, 707263922, 0],
      ['note', 3, 350691187, 0],
      ['keep claim', 1, 132416367, 60],
      ['resolve', 3, 699208839, 5],
      ['plan', 0, 387282732, 2500],
      ['update', 2, 832788439, 0],
      ['cache is lost', 1, 650815975, 0],
      ['create', 1, 608750961, 0],
      ['another client', 0, 655163205, 0],
      ['update enhancement', 0, 714834411, 0],
      ['keep claim', 0, 160939667, 900],
    ],
  ),
  // The primary answered in the millisecond in which the copy was confirmed: the copy was older, without a word.
  known(
    {
      seed: 'ladybirds/1294',
      processes: [2],
      isSlow: false,
      skews: [0],
      hasCaches: true,
      restart: true,
    },
    [
      ['update', 1, 647698717, 0],
      ['take', 2, 428333181, 0],
      ['register vendor', 0, 875262815, 0],
      ['update', 2, 347085906, 0],
      ['primary away or back', 2, 364043149, 0],
      ['bulk update', 1, 530172622, 0],
      ['repeat', 2, 830597659, 0],
    ],
  ),
  // The look behind an answer met the cut, in a folder that had seen no change: the next read was another database's.
  known(
    { seed: 'ladybirds/1327', processes: [1], isSlow: true, skews: [0], hasCaches: false, restart: true },
    [
      ['table refuses or works', 2, 932278461, 300],
      ['create enhancement', 1, 917049494, 60],
      ['create', 0, 207685793, 5],
      ['another client', 1, 509725621, 0],
      ['group', 0, 449437147, 0],
      ['another database', 2, 77773903, 0],
      ['take next', 0, 921903746, 0],
    ],
  ),
  // The same in one that had: only the second read has to be refused.
  known({ seed: 'f2eef23a/340', processes: [2], isSlow: true, skews: [0], hasCaches: true, restart: true }, [
    ['update', 0, 448558876, 900],
    ['keep claim', 0, 166148958, 0],
    ['update enhancement', 1, 730815984, 5],
    ['update vendor', 0, 643552374, 300],
    ['another client', 0, 816208992, 900],
    ['update', 2, 462283531, 0],
    ['take', 0, 932842362, 5],
    ['register vendor', 1, 866825557, 0],
    ['read', 3, 257728666, 5],
    ['another database', 0, 744573899, 300],
    ['resolve', 0, 239372852, 5],
  ]),
  // A group that makes one item and updates another waited behind the other's conflict, and a note rightly did not.
  known(
    {
      seed: 'ladybirds/34',
      processes: [1],
      isSlow: false,
      skews: [0],
      hasCaches: true,
      restart: true,
    },
    [
      ['update', 3, 87729926, 0],
      ['primary away or back', 3, 642327752, 0],
      ['update', 2, 578325920, 0],
      ['group', 2, 619031008, 0],
      ['another client', 2, 601638545, 0],
      ['note', 0, 374169291, 0],
    ],
  ),
];

/** The same of databases that were put back: these are made from their seeds anew. */
export const KNOWN_RESTORES: readonly string[] = [
  // A write that named a provisional version whose changes had been applied did not bring along what its maker saw.
  'ladybirds/21',
  // The time of completion that others had set went with a status that its maker had seen as it was.
  'ladybirds/207',
  // A provisional version on top of one that the database had lost was taken for one of what is there now.
  'ladybirds/24',
  // A write that was put back lay on another version than it was made on: what was built on it there did not know it.
  '09223113/72',
];
