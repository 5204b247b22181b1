/** What feeds, receivers and switches are called: it may stand in a path, and as the name of a folder. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** What is said of one that is none. */
export const NAME_FORM = 'must be 1 to 64 letters, digits, dots, dashes or underscores';
