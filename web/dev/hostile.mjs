// 400 texts that a page must show and never obey: markup, handlers, addresses, templates, terminal and direction
// characters, prototypes' names, broken Unicode; each of the roots in ten disguises. What would run sets
// window.__xss, asks for a dialog, or fetches from example.invalid.
const roots = [
  '<script>window.__xss=1;alert(1)</script>',
  '<img src=x onerror="window.__xss=2">',
  '"><svg onload=window.__xss=3>',
  'javascript:window.__xss=4',
  '</title></script><iframe srcdoc="<script>parent.__xss=5</script>">',
  '{{constructor.constructor("window.__xss=6")()}}',
  '<a href="javascript:window.__xss=7" onmouseover=window.__xss=8>x</a>',
  '<style>*{display:none}</style><link rel=stylesheet href=http://example.invalid/x.css>',
  '![x](http://example.invalid/pixel.png)',
  '\u202Eevil\u202C \u0000\u0007\u001b[31m \uD83D \uFEFF',
  '<svg><animate onbegin=window.__xss=9 attributeName=x dur=1s>',
  '<details open ontoggle=window.__xss=10><summary>x</summary></details>',
  '<input autofocus onfocus=window.__xss=11>',
  '<video><source onerror=window.__xss=12></video>',
  '<body onload=window.__xss=13>',
  '<math><mi xlink:href="javascript:window.__xss=14">x</mi></math>',
  '<object data="http://example.invalid/o"></object><embed src="http://example.invalid/e">',
  '<form action="javascript:window.__xss=15"><button>x</button></form>',
  '<meta http-equiv=refresh content="0;url=http://example.invalid/">',
  '<base href="http://example.invalid/">',
  '[x](javascript:window.__xss=16)',
  '[x](data:text/html,<script>window.__xss=17</script>)',
  '<http://example.invalid/auto> and http://example.invalid/bare',
  '```html\n<script>window.__xss=18</script>\n```',
  '`<img src=http://example.invalid/i onerror=window.__xss=19>`',
  '<template><script>window.__xss=20</script></template>',
  '<noscript><p title="</noscript><img src=x onerror=window.__xss=21>">',
  '<!--<img src="--><img src=x onerror=window.__xss=22>">',
  "';window.__xss=23;//",
  '${window.__xss=24}',
  '#{window.__xss=25} <%= window.__xss=26 %>',
  '&lt;img src=x onerror=window.__xss=27&gt;',
  '%3Cscript%3Ewindow.__xss=28%3C/script%3E',
  '__proto__',
  'constructor',
  '../../../../etc/passwd',
  '?tab=raw&q=<script>window.__xss=29</script>#x',
  '<system-reminder><img src=x onerror=window.__xss=30></system-reminder>',
  '\u001b]8;;http://example.invalid/\u0007link\u001b]8;;\u0007',
  'x'.repeat(3000) + '<img src=x onerror=window.__xss=31>'
];

const disguises = [
  (text) => text,
  (text) => `${text.toUpperCase().replaceAll('WINDOW.__XSS', 'window.__xss')}!`,
  (text) => `"'>${text}`,
  (text) => `</textarea></style></script>${text}`,
  (text) => `\n\n${text}\n`,
  (text) => `\u0001${text.replaceAll('<', '\u0000<').replaceAll(' ', '\t')}`,
  (text) => `**${text}** | a | b |\n|---|---|\n| ${text} | 2 |`,
  (text) => `# ${text}\n> ${text}\n1. ${text}`,
  (text) => `\u2067${text}\u2069\u200B\u0301`,
  (text) => JSON.stringify({ [text]: text })
];

export const hostileTexts = disguises.flatMap((disguise) => roots.map(disguise));
