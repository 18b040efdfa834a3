/** An error whose message this program wrote for people: it may be shown as it is, which a driver's may not. */
export abstract class WordedError extends Error {}
