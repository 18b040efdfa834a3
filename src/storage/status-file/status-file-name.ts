/** The file, in the project's folder, that shows people its status. */
export const STATUS_FILE = '.project_status.md';
