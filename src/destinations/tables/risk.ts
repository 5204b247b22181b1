/**
 * Where each line of the risk table comes from. A `practice` is what operators do (block lists, tariffs) rather than a
 * finding by a regulator or a survey, and weighs less.
 */
const RISK_SOURCES = {
  abc2018: 'ABC triple j Hack with the ACCC, report on one-ring calls from Papua New Guinea, February 2018',
  atlantic2016: 'The Atlantic, on revenue share fraud to Cuba, with C. Yates, December 2016',
  bnetza2017: 'Bundesnetzagentur, order of 4 December 2017: price announcement before calls to ping-call destinations',
  bnetza2018: 'Bundesnetzagentur, "Ausdehnung der Preisansage auf weitere Länder", in force 23 February 2018',
  cfca2011:
    'CFCA, fraud loss survey 2011: the five countries where most fraud terminates (SecureLogix, "Annual Toll Fraud Report", 27 August 2012)',
  commsrisk: 'Commsrisk, "What Is New with IRSF Fraud?": the destinations most prized until 2018',
  comreg2004: 'ComReg, direction of September 2004 to block direct dialling (RNZ, 22 September 2004; ZDNet)',
  fbi2014: 'FBI, "Callback scheme used in international revenue share fraud", February 2014',
  fcc2019: 'FCC, consumer warning on one-ring calls from +222 and +232, May 2019',
  hakom2010: 'HAKOM, list of high-risk numbers ("Popis visokorizičnih brojeva"), 2008 to 2010',
  icia2017: 'Irish Cellular Industry Association, warning on +247, +269 and +235 (Westmeath Examiner, 18 October 2017)',
  ofcom2019: 'Ofcom, "Wangiri missed call scams", October 2019',
  press1996: 'The Independent, "Call a porn line and help a Third World country", 10 August 1996',
  register2004: 'The Register, "Eutelsat denies rogue diallers accusation", 24 March 2004',
  telus2004: 'Telus, direct dialling closed from 1 July 2004 (RNZ, 28 June 2004)',
  vanuatu: 'Crypto.Québec by Radio-Canada, warning on one-ring calls from +678',
  practiceCox: 'practice: Cox Communications blocks unless asked (TransNexus, 2014)',
  practiceIntegra: 'practice: Integra, "International Calling – Standard" blocks for fraud',
  practiceTariff: 'practice: dear in public tariffs and wanted for that; no public study names it',
} as const;

export type RiskSource = keyof typeof RISK_SOURCES;

/** A destination whose numbers are used to earn from calls that nobody wanted to make. */
export interface RiskDestination {
  /** E.164 prefix with `+`. */
  prefix: `+${string}`;
  name: string;
  reason: string;
  sources: readonly RiskSource[];
}

const REVENUE_SHARE = 'a destination of revenue share fraud';
const CALL_BACK = 'numbers of one-ring (ping, wangiri) calls that pay for being called back';
const HIJACKED = 'number ranges leased or misappropriated for dialler and revenue share fraud';

/**
 * Destinations that international revenue share fraud uses.
 *
 * It is a class for caps and a hint, not a verdict: since 2018 such fraud goes to ordinary countries too. A country that
 * has much everyday traffic from Europe (Morocco, Tunisia, Serbia, Albania …) stays out even where a regulator names it.
 */
export const RISK_DESTINATIONS: readonly RiskDestination[] = [
  // Africa
  { prefix: '+220', name: 'Gambia', reason: REVENUE_SHARE, sources: ['practiceCox'] },
  { prefix: '+222', name: 'Mauritania', reason: CALL_BACK, sources: ['fcc2019'] },
  { prefix: '+224', name: 'Guinea', reason: CALL_BACK, sources: ['bnetza2017', 'ofcom2019', 'practiceCox'] },
  { prefix: '+231', name: 'Liberia', reason: CALL_BACK, sources: ['bnetza2017', 'icia2017'] },
  { prefix: '+232', name: 'Sierra Leone', reason: REVENUE_SHARE, sources: ['cfca2011', 'bnetza2017', 'fcc2019'] },
  { prefix: '+235', name: 'Chad', reason: CALL_BACK, sources: ['bnetza2017', 'icia2017'] },
  { prefix: '+236', name: 'Central African Republic', reason: REVENUE_SHARE, sources: ['practiceCox'] },
  {
    prefix: '+239',
    name: 'São Tomé and Príncipe',
    reason: HIJACKED,
    sources: ['comreg2004', 'telus2004', 'hakom2010'],
  },
  { prefix: '+245', name: 'Guinea-Bissau', reason: HIJACKED, sources: ['telus2004', 'bnetza2018'] },
  { prefix: '+247', name: 'Ascension', reason: CALL_BACK, sources: ['icia2017', 'practiceTariff'] },
  { prefix: '+248', name: 'Seychelles', reason: CALL_BACK, sources: ['bnetza2017', 'practiceCox'] },
  { prefix: '+252', name: 'Somalia', reason: REVENUE_SHARE, sources: ['cfca2011', 'bnetza2017', 'commsrisk'] },
  { prefix: '+253', name: 'Djibouti', reason: REVENUE_SHARE, sources: ['practiceIntegra'] },
  { prefix: '+257', name: 'Burundi', reason: CALL_BACK, sources: ['bnetza2017'] },
  { prefix: '+261', name: 'Madagascar', reason: CALL_BACK, sources: ['bnetza2017'] },
  { prefix: '+263', name: 'Zimbabwe', reason: REVENUE_SHARE, sources: ['cfca2011', 'bnetza2018', 'practiceIntegra'] },
  { prefix: '+269', name: 'Comoros', reason: CALL_BACK, sources: ['bnetza2018', 'icia2017'] },
  { prefix: '+291', name: 'Eritrea', reason: REVENUE_SHARE, sources: ['practiceIntegra'] },
  // Europe and Asia
  { prefix: '+370', name: 'Lithuania', reason: REVENUE_SHARE, sources: ['commsrisk'] },
  { prefix: '+371', name: 'Latvia', reason: REVENUE_SHARE, sources: ['cfca2011', 'hakom2010', 'atlantic2016'] },
  { prefix: '+37270', name: 'Estonia, personal numbers', reason: REVENUE_SHARE, sources: ['hakom2010'] },
  {
    prefix: '+3876',
    name: 'Bosnia and Herzegovina, mobile',
    reason: CALL_BACK,
    sources: ['bnetza2017', 'practiceTariff'],
  },
  { prefix: '+850', name: 'North Korea', reason: REVENUE_SHARE, sources: ['practiceIntegra'] },
  { prefix: '+960', name: 'Maldives', reason: REVENUE_SHARE, sources: ['bnetza2017', 'hakom2010', 'practiceCox'] },
  { prefix: '+994', name: 'Azerbaijan', reason: REVENUE_SHARE, sources: ['practiceCox', 'practiceIntegra'] },
  // The Americas
  { prefix: '+53', name: 'Cuba', reason: REVENUE_SHARE, sources: ['cfca2011', 'commsrisk', 'atlantic2016'] },
  { prefix: '+592', name: 'Guyana', reason: CALL_BACK, sources: ['telus2004', 'bnetza2018', 'ofcom2019'] },
  { prefix: '+1246', name: 'Barbados', reason: CALL_BACK, sources: ['fbi2014'] },
  { prefix: '+1264', name: 'Anguilla', reason: CALL_BACK, sources: ['fbi2014'] },
  { prefix: '+1268', name: 'Antigua and Barbuda', reason: CALL_BACK, sources: ['fbi2014'] },
  { prefix: '+1284', name: 'British Virgin Islands', reason: CALL_BACK, sources: ['fbi2014'] },
  { prefix: '+1473', name: 'Grenada', reason: CALL_BACK, sources: ['fbi2014'] },
  { prefix: '+1649', name: 'Turks and Caicos Islands', reason: CALL_BACK, sources: ['fbi2014'] },
  { prefix: '+1664', name: 'Montserrat', reason: CALL_BACK, sources: ['fbi2014'] },
  { prefix: '+1767', name: 'Dominica', reason: CALL_BACK, sources: ['fbi2014', 'hakom2010'] },
  // The Pacific
  { prefix: '+672', name: 'Norfolk Island', reason: HIJACKED, sources: ['comreg2004'] },
  { prefix: '+674', name: 'Nauru', reason: HIJACKED, sources: ['comreg2004', 'telus2004', 'bnetza2018'] },
  { prefix: '+675', name: 'Papua New Guinea', reason: CALL_BACK, sources: ['abc2018'] },
  { prefix: '+676', name: 'Tonga', reason: CALL_BACK, sources: ['bnetza2018'] },
  { prefix: '+677', name: 'Solomon Islands', reason: HIJACKED, sources: ['comreg2004'] },
  { prefix: '+678', name: 'Vanuatu', reason: CALL_BACK, sources: ['vanuatu', 'icia2017'] },
  { prefix: '+681', name: 'Wallis and Futuna', reason: HIJACKED, sources: ['comreg2004'] },
  { prefix: '+682', name: 'Cook Islands', reason: HIJACKED, sources: ['comreg2004'] },
  { prefix: '+683', name: 'Niue', reason: HIJACKED, sources: ['press1996'] },
  { prefix: '+685', name: 'Samoa', reason: CALL_BACK, sources: ['bnetza2018'] },
  { prefix: '+686', name: 'Kiribati', reason: HIJACKED, sources: ['comreg2004'] },
  { prefix: '+688', name: 'Tuvalu', reason: HIJACKED, sources: ['comreg2004', 'practiceIntegra'] },
  { prefix: '+690', name: 'Tokelau', reason: HIJACKED, sources: ['comreg2004'] },
  { prefix: '+691', name: 'Micronesia', reason: CALL_BACK, sources: ['bnetza2018'] },
  // Satellite networks
  { prefix: '+881', name: 'Global mobile satellite systems', reason: CALL_BACK, sources: ['bnetza2017'] },
  { prefix: '+88213', name: 'EMSAT', reason: HIJACKED, sources: ['register2004'] },
  { prefix: '+88216', name: 'Thuraya', reason: REVENUE_SHARE, sources: ['practiceTariff'] },
];
