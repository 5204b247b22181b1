/**
 * How the fragments of a language stand in a mail. `say` puts in a fragment, keeping the line on which it stands: a partial
 * alone on its line would take the line's end with it.
 */

/** The names under which a provider may replace them. */
export const LAYOUTS = ['mail.txt', 'mail.html'] as const;
export type Layout = (typeof LAYOUTS)[number];

const TEXT = `{{say "greeting"}}

{{say "headline"}}.
{{say "figures"}}
{{#if usual}}
{{say "usual"}}
{{/if}}
{{#if also}}

{{say "alsoHeading"}}
{{#each also}}
- {{say "also"}}
{{/each}}
{{/if}}
{{#if countries}}

{{say "countriesHeading"}}
{{#each countries}}
- {{say "country"}}
{{/each}}
{{/if}}
{{#if suspended}}

{{say "blocked"}}
{{#unless suspended.until}}
{{say "blockedByHand"}}
{{/unless}}

{{say "worksHeading"}}
- {{say "worksEmergency"}}
- {{say "worksIncoming"}}
{{#if suspended.nationalWorks}}
- {{say "worksNational"}}
{{/if}}
{{#if suspended.othersWork}}
- {{say "worksOthers"}}
{{/if}}

{{say "terms"}}

{{say "sooner"}}
{{else}}

{{say "nextHeading"}}
{{say "next"}}
{{#if newPeriod}}
{{say "newPeriod"}}
{{/if}}
{{/if}}

{{say "notYou"}}
{{#if link}}

{{say "answer"}}
{{link}}
{{/if}}

{{say "tax"}}

{{say "regards"}}
{{say "provider"}}
`;

/** One column that a phone shows without zooming; styles inline, for mail programs drop the others. */
const HTML = `<!doctype html>
<html lang="{{language}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light">
<title>{{subject}}</title>
</head>
<body style="margin:0;padding:0;background:#f1f3f4;color:#202124;font-family:Arial,Helvetica,sans-serif;font-size:16px;line-height:1.5">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f1f3f4"><tr><td align="center" style="padding:12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:584px;background:#ffffff;border-radius:8px">
{{#if logoText}}
<tr><td style="background:{{colour}};color:#ffffff;border-radius:8px 8px 0 0;padding:14px 20px;font-size:18px;font-weight:bold">{{logoText}}</td></tr>
{{/if}}
<tr><td style="padding:20px">
<p style="margin:0 0 12px">{{say "greeting"}}</p>
<h1 style="margin:0 0 12px;font-size:22px;line-height:1.3">{{say "headline"}}</h1>
<p style="margin:0 0 12px">{{say "figures"}}{{#if usual}} {{say "usual"}}{{/if}}</p>
{{#if chart}}
<img src="cid:{{chart}}" width="400" alt="{{say "chartText"}}" style="display:block;width:100%;max-width:400px;height:auto;border:0;margin:0 0 16px">
{{/if}}
{{#if suspended}}
<p style="margin:0 0 12px;padding:12px 14px;background:#fce8e6;border-left:4px solid #b3261e">{{say "blocked"}}{{#unless suspended.until}} {{say "blockedByHand"}}{{/unless}}</p>
<p style="margin:0 0 4px">{{say "worksHeading"}}</p>
<ul style="margin:0 0 12px;padding-left:22px">
<li>{{say "worksEmergency"}}</li>
<li>{{say "worksIncoming"}}</li>
{{#if suspended.nationalWorks}}
<li>{{say "worksNational"}}</li>
{{/if}}
{{#if suspended.othersWork}}
<li>{{say "worksOthers"}}</li>
{{/if}}
</ul>
{{/if}}
{{#if also}}
<p style="margin:0 0 4px">{{say "alsoHeading"}}</p>
<ul style="margin:0 0 12px;padding-left:22px">
{{#each also}}
<li>{{say "also"}}</li>
{{/each}}
</ul>
{{/if}}
{{#if countries}}
<p style="margin:0 0 4px">{{say "countriesHeading"}}</p>
<ul style="margin:0 0 12px;padding-left:22px">
{{#each countries}}
<li>{{say "country"}}</li>
{{/each}}
</ul>
{{/if}}
{{#unless suspended}}
<h2 style="margin:16px 0 4px;font-size:17px">{{say "nextHeading"}}</h2>
<p style="margin:0 0 12px">{{say "next"}}{{#if newPeriod}} {{say "newPeriod"}}{{/if}}</p>
{{/unless}}
<p style="margin:0 0 12px"><strong>{{say "notYou"}}</strong></p>
{{#if link}}
<p style="margin:0 0 8px">{{say "answer"}}</p>
<p style="margin:0 0 16px"><a href="{{link}}" style="display:inline-block;background:{{colour}};color:#ffffff;text-decoration:none;font-weight:bold;padding:12px 22px;border-radius:6px">{{say "answerButton"}}</a></p>
{{/if}}
{{#if suspended}}
<p style="margin:0 0 12px">{{say "sooner"}}</p>
<p style="margin:0 0 12px;font-size:14px;color:#5f6368">{{say "terms"}}</p>
{{/if}}
<p style="margin:0 0 12px;font-size:14px;color:#5f6368">{{say "tax"}}</p>
<p style="margin:0">{{say "regards"}}<br>{{say "provider"}}</p>
</td></tr></table>
</td></tr></table>
</body>
</html>
`;

export const BUILT_IN_LAYOUTS: Record<Layout, string> = { 'mail.txt': TEXT, 'mail.html': HTML };
