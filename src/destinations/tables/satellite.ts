/** A satellite network's own place in the E.164 plan. */
export interface SatelliteNetwork {
  /** E.164 prefix with `+`. */
  prefix: `+${string}`;
  network: string;
}

/**
 * Numbers that are reached by satellite and priced so.
 *
 * Sources: ITU, List of ITU-T Recommendation E.164 assigned country codes, with its notes on the shared codes 881, 882
 * and 883 (annex to Operational Bulletin 1114, 15 December 2016). Code 870 is Inmarsat's single network access code,
 * 881 belongs to the global mobile satellite systems as a whole. Of the "international networks" 882 and 883 only these
 * five are satellite: two satellite operators, and three whose phones are aboard ships and aircraft and which tariffs
 * list as satellite (SPT, tariff for calls to satellite numbers, decision 675/QĐ-SPT-KDTT, 29 June 2012). The rest of
 * 882 and all of 883 are terrestrial: VoIP, roaming and machine-to-machine networks.
 */
export const SATELLITE_NETWORKS: readonly SatelliteNetwork[] = [
  { prefix: '+870', network: 'Inmarsat' },
  { prefix: '+881', network: 'GMSS: Iridium (6, 7), Globalstar (8, 9)' },
  { prefix: '+88213', network: 'Telespazio (EMSAT)' },
  { prefix: '+88216', network: 'Thuraya' },
  { prefix: '+88232', network: 'Maritime Communications Partner, aboard ships' },
  { prefix: '+88298', network: 'OnAir, aboard aircraft' },
  { prefix: '+88299', network: 'AeroMobile, aboard aircraft' },
];
