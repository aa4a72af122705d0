//! Pages that need nothing else: styles and pictures stand in them, nothing is fetched, and nothing runs.

/// The end of a page.
pub(super) const END: &str = "</body></html>\n";

/// The look of pages.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2733;--soft:#5b6877;--line:#d8dee6;--back:#fff;--card:#f6f8fa;--good:#1a7f4b;--bad:#b42318;\
--doubt:#9a6700;--none:#6b7785;--a:#2563ae;--b:#5aa0dc;--c:#d9a441;--d:#9fb0c3;--e:#c4554d}\
@media(prefers-color-scheme:dark){:root{--ink:#e4e9ef;--soft:#9aa7b5;--line:#313b47;--back:#12171d;--card:#1a2129;--good:#4cc38a;--bad:#f2766b;\
--doubt:#e0b04b;--none:#9aa7b5;--a:#5b9be0;--b:#8cc4f2;--c:#e0b962;--d:#56657a;--e:#e5837b}}\
*{box-sizing:border-box}body{margin:0 auto;max-width:68rem;padding:2rem 1.25rem 4rem;background:var(--back);color:var(--ink);\
font:15px/1.5 system-ui,-apple-system,'Segoe UI','Noto Sans','Noto Sans CJK SC',sans-serif}\
h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.25rem 0 .6rem}p{margin:.4rem 0}\
.soft{color:var(--soft)}.small{font-size:.85rem}\
.note{border-left:4px solid var(--doubt);background:var(--card);padding:.6rem .9rem;border-radius:0 6px 6px 0;margin:1rem 0}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.4rem .55rem;border-bottom:1px solid var(--line);vertical-align:top}\
th{font-weight:600;color:var(--soft);white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
.chip{display:inline-block;padding:.05rem .55rem;border-radius:1rem;border:1px solid currentColor;font-size:.8rem;font-weight:600;white-space:nowrap}\
.met{color:var(--good)}.not_met{color:var(--bad)}.too_small{color:var(--doubt)}.not_measured{color:var(--none)}\
.key{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.3rem 0 .8rem}.key i{display:inline-block;width:.75rem;height:.75rem;border-radius:2px;margin-right:.35rem;vertical-align:-1px}\
svg{display:block;max-width:100%;height:auto}svg text{fill:var(--ink);font-size:12px}svg .soft{fill:var(--soft)}\
code{font-family:ui-monospace,monospace;font-size:.86em;overflow-wrap:anywhere}details{margin:.5rem 0}summary{cursor:pointer;font-weight:600}\
blockquote{margin:.25rem 0;padding-left:.7rem;border-left:2px solid var(--line);white-space:pre-wrap;overflow-wrap:anywhere}";

/// A page up to its first heading.
pub(super) fn begin(title: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\n"
    )
}

/// A text as it may stand between tags and within quotes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // No sign of a text turns the lines around.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
