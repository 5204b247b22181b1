/** An account's id on its way into a command. Pure. */

const ACCOUNT_CHARACTERS_MAX = 64;
// Control characters and half surrogate pairs: nothing that a switch keeps as it is.
const UNSAFE = /[\p{Cc}\p{Cs}]/u;

/** A command was about to be made for what is no account. It is never sent: on many switches "no value" means "all". */
export class UnsafeReference extends Error {}

/** The id, unchanged. Throws {@link UnsafeReference} where it is empty, blank, longer than 64 characters, or holds control characters. */
export function safeReference(accountId: string): string {
  if (accountId.trim() === '') throw new UnsafeReference('an account without an id: a switch could take it for all');
  if ([...accountId].length > ACCOUNT_CHARACTERS_MAX || UNSAFE.test(accountId)) {
    throw new UnsafeReference(`no account's id: ${JSON.stringify(accountId.slice(0, ACCOUNT_CHARACTERS_MAX))}`);
  }
  return accountId;
}
