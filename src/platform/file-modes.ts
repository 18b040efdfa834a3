/**
 * For whom the tracker's own files are: for this user alone, or, where the environment says so, for the group as well.
 * A committed file cannot say it.
 */
export const isShared = /^(1|true|yes)$/i.test(process.env['WORKTRAIL_SHARED_FOLDER']?.trim() ?? '');

/** Of files that the tracker makes in its folder; the user's umask may take more away. */
export const FILE_MODE = isShared ? 0o660 : 0o600;
export const FOLDER_MODE = isShared ? 0o770 : 0o700;
