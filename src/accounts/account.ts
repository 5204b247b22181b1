/** A customer of the provider, as the provider's own systems name it. */
export interface Account {
  /** the provider's own customer reference, at most 64 characters */
  accountId: string;
  name: string;
  /** such as `smb`; caps may be scoped to it; empty: none */
  segment: string;
  /** ISO 4217: everything the account is charged is in it */
  currency: string;
  /** IANA zone in which its periods are cut */
  timeZone: string;
  /** 1–28: the day on which its month begins */
  cycleDay: number;
  /** BCP 47: the language of its warnings */
  locale: string;
  /** empty: none on file */
  email: string;
  /** E.164; empty: none on file */
  msisdn: string;
  /** ISO 3166-1 alpha-2: national forms of numbers are read with it */
  homeCountry: string;
  /** the contract clause that allows suspension; empty: Plafond never suspends by itself */
  suspensionTerms: string;
  /** a reseller or group; empty: none */
  parentId: string;
}
