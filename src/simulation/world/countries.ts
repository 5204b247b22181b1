/**
 * Destinations of made-up traffic: where a number begins, how many digits follow, a price a minute in euros as public rate tables have
 * it, how often everyday callers in western Europe go there, and whether fraud likes it.
 */
export interface Country {
  code: string;
  prefix: string;
  digits: number;
  price: number;
  everyday: number;
  /** `dear`: where fraud earns most; `cheap`: where it goes so as not to stand out */
  fraud?: 'dear' | 'cheap';
  migrants?: number;
}

export const COUNTRIES: readonly Country[] = [
  { code: 'DE', prefix: '+4915', digits: 9, price: 0.09, everyday: 20 },
  { code: 'BE', prefix: '+3247', digits: 7, price: 0.1, everyday: 18 },
  { code: 'GB', prefix: '+4477', digits: 8, price: 0.12, everyday: 14, fraud: 'cheap' },
  { code: 'FR', prefix: '+336', digits: 8, price: 0.1, everyday: 10 },
  { code: 'ES', prefix: '+346', digits: 8, price: 0.12, everyday: 7 },
  { code: 'IT', prefix: '+393', digits: 9, price: 0.13, everyday: 6 },
  { code: 'US', prefix: '+1212', digits: 7, price: 0.03, everyday: 7 },
  { code: 'PL', prefix: '+486', digits: 8, price: 0.11, everyday: 5, migrants: 6, fraud: 'cheap' },
  { code: 'CH', prefix: '+4179', digits: 7, price: 0.22, everyday: 3 },
  { code: 'AT', prefix: '+4366', digits: 8, price: 0.15, everyday: 3 },
  { code: 'DK', prefix: '+452', digits: 7, price: 0.08, everyday: 2 },
  { code: 'SE', prefix: '+467', digits: 8, price: 0.09, everyday: 2.5 },
  { code: 'NO', prefix: '+479', digits: 7, price: 0.1, everyday: 1.5 },
  { code: 'PT', prefix: '+3519', digits: 8, price: 0.14, everyday: 2 },
  { code: 'IE', prefix: '+3538', digits: 8, price: 0.13, everyday: 1.5 },
  { code: 'CZ', prefix: '+4206', digits: 8, price: 0.1, everyday: 1.5 },
  { code: 'HU', prefix: '+3620', digits: 7, price: 0.13, everyday: 1, migrants: 1 },
  { code: 'RO', prefix: '+407', digits: 8, price: 0.15, everyday: 1.5, migrants: 3, fraud: 'cheap' },
  { code: 'BG', prefix: '+3598', digits: 8, price: 0.3, everyday: 0.8, migrants: 3, fraud: 'cheap' },
  { code: 'GR', prefix: '+306', digits: 9, price: 0.14, everyday: 1 },
  { code: 'TR', prefix: '+905', digits: 9, price: 0.22, everyday: 2, migrants: 8 },
  { code: 'MA', prefix: '+2126', digits: 8, price: 0.45, everyday: 1, migrants: 7 },
  { code: 'CN', prefix: '+861', digits: 10, price: 0.04, everyday: 1.5, migrants: 2 },
  { code: 'IN', prefix: '+919', digits: 9, price: 0.05, everyday: 1.5, migrants: 3 },
  { code: 'AE', prefix: '+9715', digits: 8, price: 0.28, everyday: 0.8 },
  { code: 'ZA', prefix: '+277', digits: 8, price: 0.25, everyday: 0.7 },
  { code: 'BR', prefix: '+55119', digits: 8, price: 0.2, everyday: 0.6 },
  { code: 'JP', prefix: '+8190', digits: 8, price: 0.18, everyday: 0.5 },
  { code: 'AU', prefix: '+614', digits: 8, price: 0.12, everyday: 0.7 },
  { code: 'IL', prefix: '+9725', digits: 8, price: 0.1, everyday: 0.5 },
  { code: 'SR', prefix: '+5978', digits: 6, price: 0.42, everyday: 0.7, migrants: 5 },
  { code: 'ID', prefix: '+628', digits: 9, price: 0.16, everyday: 0.5, migrants: 2 },
  { code: 'GH', prefix: '+2332', digits: 8, price: 0.4, everyday: 0.2, migrants: 3 },
  { code: 'NG', prefix: '+2348', digits: 9, price: 0.22, everyday: 0.2, migrants: 2 },
  { code: 'PK', prefix: '+923', digits: 9, price: 0.18, everyday: 0.2, migrants: 2, fraud: 'cheap' },
  { code: 'AF', prefix: '+937', digits: 8, price: 0.45, everyday: 0.1, migrants: 2, fraud: 'dear' },
  { code: 'SO', prefix: '+2526', digits: 8, price: 0.68, everyday: 0.05, migrants: 3, fraud: 'dear' },
  { code: 'ET', prefix: '+2519', digits: 8, price: 0.38, everyday: 0.1, migrants: 2 },
  { code: 'SN', prefix: '+2217', digits: 8, price: 0.5, everyday: 0.1, migrants: 1, fraud: 'dear' },
  { code: 'RS', prefix: '+3816', digits: 8, price: 0.35, everyday: 0.5, migrants: 2, fraud: 'cheap' },
  { code: 'BA', prefix: '+38761', digits: 6, price: 0.46, everyday: 0.3, migrants: 2, fraud: 'dear' },
  { code: 'AL', prefix: '+35569', digits: 7, price: 0.5, everyday: 0.1, migrants: 1, fraud: 'dear' },
  { code: 'UA', prefix: '+38067', digits: 7, price: 0.28, everyday: 0.6, migrants: 4 },
  { code: 'RU', prefix: '+79', digits: 9, price: 0.25, everyday: 0.6, migrants: 2 },
  { code: 'EG', prefix: '+201', digits: 9, price: 0.2, everyday: 0.3, migrants: 1, fraud: 'cheap' },
  { code: 'TN', prefix: '+2162', digits: 7, price: 0.7, everyday: 0.2, migrants: 1, fraud: 'dear' },
  { code: 'ZW', prefix: '+26377', digits: 7, price: 0.4, everyday: 0.05, fraud: 'dear' },
  { code: 'CU', prefix: '+535', digits: 7, price: 0.98, everyday: 0.05, fraud: 'dear' },
  { code: 'GM', prefix: '+2203', digits: 6, price: 0.6, everyday: 0.05, fraud: 'dear' },
  { code: 'MV', prefix: '+9607', digits: 6, price: 1.16, everyday: 0.05, fraud: 'dear' },
  { code: 'SL', prefix: '+23276', digits: 6, price: 0.6, everyday: 0.03, fraud: 'dear' },
  { code: 'LV', prefix: '+3712', digits: 7, price: 0.25, everyday: 0.4, fraud: 'cheap' },
  { code: 'LT', prefix: '+3706', digits: 7, price: 0.22, everyday: 0.4, fraud: 'cheap' },
  { code: 'EE', prefix: '+3725', digits: 7, price: 0.2, everyday: 0.3, fraud: 'cheap' },
  { code: 'MD', prefix: '+3736', digits: 7, price: 0.32, everyday: 0.1, fraud: 'cheap' },
  { code: 'GE', prefix: '+9955', digits: 8, price: 0.3, everyday: 0.1, fraud: 'cheap' },
  { code: 'VN', prefix: '+849', digits: 8, price: 0.12, everyday: 0.3, migrants: 1, fraud: 'cheap' },
  { code: 'MG', prefix: '+26132', digits: 7, price: 0.8, everyday: 0.02, fraud: 'dear' },
  { code: '001', prefix: '+88216', digits: 8, price: 4.6, everyday: 0.02, fraud: 'dear' },
];

export const byCode = new Map(COUNTRIES.map((country) => [country.code, country]));
export const EVERYDAY = COUNTRIES.map(({ everyday }) => everyday);
export const MIGRANTS = COUNTRIES.map(({ migrants }) => migrants ?? 0);
export const DEAR = COUNTRIES.filter(({ fraud }) => fraud === 'dear');
export const CHEAP = COUNTRIES.filter(({ fraud }) => fraud === 'cheap');
