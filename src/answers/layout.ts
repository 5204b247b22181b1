/** The pages' HTML and styles: one column, no script, nothing from anywhere else. Texts are partials, by their names in `words/`. */
import { createHash } from 'node:crypto';
import { inkOn, readableOnWhite } from './colour.ts';

const INK = '#1b1b1f';

/** The styles of a page in the brand's colour. */
export function stylesFor(colour: string): string {
  return `
*{box-sizing:border-box}
body{margin:0;font:1.0625rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color:${INK};background:#fff}
.skip{position:absolute;left:-999rem}
.skip:focus{position:static;display:block;padding:.75rem 1rem}
header{background:${colour};color:${inkOn(colour)}}
header p{max-width:40rem;margin:0 auto;padding:.9rem 1rem;font-weight:600}
main,footer{max-width:40rem;margin:0 auto;padding:0 1rem}
h1{font-size:1.6rem;line-height:1.25;margin:1.25rem 0 .75rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2rem 0 .5rem}
a{color:${readableOnWhite(colour, INK)}}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1rem 0}
dt{color:#47474f}
dd{margin:0;font-weight:600;overflow-wrap:anywhere}
figure{margin:1rem 0}
img{display:block;width:100%;max-width:26rem;height:auto}
summary{cursor:pointer;padding:.5rem 0}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
caption{text-align:left;font-weight:600;padding:.25rem 0}
th,td{text-align:left;padding:.35rem .5rem .35rem 0;border-bottom:1px solid #d4d4da;vertical-align:top;overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap}
.note{border-left:.3rem solid ${colour};background:#f2f3f7;padding:.75rem 1rem;margin:1rem 0}
.note p,.note ul,.note h2{margin:.25rem 0}
.wrong{border-left-color:#b3261e;background:#fdecea}
form{border:1px solid #8a8a94;border-radius:.5rem;padding:1rem;margin:1rem 0}
fieldset{border:0;padding:0;margin:.75rem 0}
legend{padding:0;font-weight:600}
label{display:block;margin:.5rem 0;font-weight:600}
.choice{font-weight:400;min-height:2.75rem;display:flex;align-items:center;gap:.75rem}
input[type=radio]{width:1.4rem;height:1.4rem;flex:none;margin:0;accent-color:${readableOnWhite(colour, INK)}}
input[type=text],input[type=tel]{display:block;width:100%;max-width:20rem;font:inherit;padding:.6rem;margin-top:.25rem;border:2px solid #5c5c66;border-radius:.35rem;color:${INK};background:#fff}
button{font:inherit;font-weight:700;width:100%;min-height:3rem;padding:.7rem 1rem;border:2px solid ${INK};border-radius:.5rem;background:#fff;color:${INK};cursor:pointer}
button.first{background:${colour};color:${inkOn(colour)};border-color:${readableOnWhite(colour, INK)}}
:focus-visible{outline:3px solid ${INK};outline-offset:3px;box-shadow:0 0 0 3px #fff}
.skip:focus{outline-offset:-3px}
blockquote p,form>p:first-of-type{margin:0 0 .75rem}
blockquote p{margin:0}
.number{white-space:nowrap;margin-right:.5rem}
blockquote{margin:1rem 0;padding:1rem;border:1px solid #8a8a94;border-radius:.5rem}
footer{color:#47474f;font-size:.9375rem;margin-bottom:3rem;border-top:1px solid #d4d4da;padding-top:1rem;margin-top:2rem}
`;
}

/** The policy under which a page with these styles may load nothing, run nothing, and be shown in no frame. */
export function contentPolicy(styles: string): string {
  const hash = createHash('sha256').update(styles).digest('base64');
  return `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;
}

export const LAYOUT = `<!doctype html>
<html lang="{{lang}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>{{#if brand.name}}{{title}} – {{brand.name}}{{else}}{{title}}{{/if}}</title>
<style>{{{styles}}}</style>
</head>
<body>
<a class="skip" href="#content">{{> skip}}</a>
{{#if brand.name}}<header><p>{{brand.name}}</p></header>
{{/if}}<main id="content" tabindex="-1">
<h1>{{title}}</h1>
{{> @partial-block}}
</main>
<footer>
{{#if expires}}<p>{{> link}}</p>
{{/if}}<p>{{> reach}}</p>
</footer>
</body>
</html>
`;

export const OVERVIEW = `{{#> layout}}
{{#if answers}}<section class="note" role="status" aria-labelledby="answers">
<h2 id="answers">{{> answersHeading}}</h2>
<ul>{{#each answers}}<li>{{#if notUs}}{{> answerNotUs}}{{else if us}}{{> answerUs}}{{else}}{{> answerCall}}{{/if}}</li>{{/each}}</ul>
</section>
{{/if}}<p>{{> lead}}</p>
<dl>
<dt>{{> spent}}</dt><dd>{{spend}}</dd>
{{#if limit}}<dt>{{> limitLabel}}</dt><dd>{{limit}}</dd>
{{/if}}<dt>{{> on}}</dt><dd>{{what}}</dd>
<dt>{{> period}}</dt><dd>{{periodText}}</dd>
<dt>{{> known}}</dt><dd>{{asOf}}</dd>
</dl>
<figure>
<img alt="{{> chart}}" width="{{chartSize.width}}" height="{{chartSize.height}}" src="data:image/svg+xml;base64,{{chartData}}">
{{#if days}}<figcaption><details><summary>{{> chartTable}}</summary>
<table><thead><tr><th scope="col">{{> day}}</th><th scope="col" class="n">{{> amount}}</th></tr></thead>
<tbody>{{#each days}}<tr><td>{{day}}</td><td class="n">{{amount}}</td></tr>
{{/each}}</tbody></table></details></figcaption>
{{/if}}</figure>
{{#if numbers}}<table><caption>{{> destinations}}</caption>
<thead><tr><th scope="col">{{> number}}</th><th scope="col" class="n">{{> times}}</th><th scope="col" class="n">{{> amount}}</th></tr></thead>
<tbody>{{#each numbers}}<tr><td><span class="number">{{number}}</span> {{country}}</td><td class="n">{{uses}}</td><td class="n">{{amount}}</td></tr>
{{/each}}</tbody></table>
{{else}}<p>{{> noUsage}}</p>
{{/if}}<p>{{> tax}}</p>
<h2>{{> blocked}}</h2>
{{#if bars}}<ul>{{#each bars}}<li>{{> blockedItem}}</li>
{{/each}}</ul>
<p>{{> keepsWorking}}</p>
<p>{{> howLifted}}</p>
{{else}}<p>{{> nothingBlocked}}</p>
{{/if}}<h2 id="question">{{> question}}</h2>
<form method="post" action="{{path}}/not-us">
<input type="hidden" name="form" value="{{forms.notUs}}">
<p>{{> blockText}}</p>
<button class="first">{{> blockButton}}</button>
</form>
{{#if ours}}<form method="get" action="{{path}}/us">
{{#if ours.amount}}<p>{{> oursText}}</p>
<label>{{> amountLabel}}<input type="text" name="amount" inputmode="decimal" autocomplete="off" maxlength="20" required></label>
{{else}}<p>{{> oursPlainText}}</p>
{{/if}}<button>{{> oursButton}}</button>
</form>
{{/if}}<form method="post" action="{{path}}/call-me">
<input type="hidden" name="form" value="{{forms.callMe}}">
<p>{{> callText}}</p>
{{#if phone}}<fieldset><legend>{{> callButton}}</legend>
<label class="choice"><input type="radio" name="at" value="file" checked>{{> phoneOnFile}}</label>
<label class="choice"><input type="radio" name="at" value="other">{{> phoneOther}}</label>
</fieldset>
{{else}}<input type="hidden" name="at" value="other">
{{/if}}<label>{{> phoneLabel}}<input type="tel" name="phone" autocomplete="tel" maxlength="40"{{#unless phone}} required{{/unless}}></label>
<button>{{> callButton}}</button>
</form>
{{/layout}}`;

export const CONFIRM = `{{#> layout}}
<blockquote><p>{{consent}}</p></blockquote>
<p>{{> consentNote}}</p>
<form method="post" action="{{path}}/us">
<input type="hidden" name="form" value="{{forms.us}}">
<input type="hidden" name="agreed" value="{{consent}}">
{{#if typed}}<input type="hidden" name="amount" value="{{typed}}">
{{/if}}<button class="first">{{> confirmButton}}</button>
</form>
<p><a href="{{path}}">{{> back}}</a></p>
{{/layout}}`;

export const TROUBLE = `{{#> layout}}
<div class="note wrong" role="alert"><p>{{text}}</p></div>
{{#if path}}<p><a href="{{path}}">{{> again}}</a></p>
{{/if}}{{/layout}}`;
