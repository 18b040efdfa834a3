export const LAYERS: readonly string[];
export function layerOf(file: string): string;
export function whyNotImport(file: string, specifier: string): string | undefined;
