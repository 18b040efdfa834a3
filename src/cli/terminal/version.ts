/** Filled in by the bundle and by vitest; without either (run from the sources) there is no version to tell. */
declare const WORKTRAIL_VERSION: string | undefined;

export const VERSION = typeof WORKTRAIL_VERSION === 'undefined' ? '0.0.0-source' : WORKTRAIL_VERSION;
