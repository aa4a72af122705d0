//! The report as one page that needs nothing else: styles and plots stand in it, nothing is fetched, and nothing runs.

use super::bank::Kind;
use super::figures::{Bound, Figure, Share, Size, Status};
use super::output::{Classified, Classifier, Classifiers};
use super::report::{Category, Line, Passed, Report};
use crate::cli::moment::minute;
use crate::cli::page::{END, begin, escape};
use std::fmt::Write as _;

/// As many questions of a list are shown; the JSON has all.
const SHOWN: usize = 200;

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut out = begin("Assessment before launch");
    head(report, &mut out);
    rates(report, &mut out);
    by_category(report, &mut out);
    size_table(report, &mut out);
    benign(report, &mut out);
    open_questions(report, &mut out);
    wrong(report, &mut out);
    method(report, &mut out);
    out.push_str(END);
    out
}

fn chip(status: Status) -> String {
    let class = match status {
        Status::Met => "met",
        Status::NotMet => "not_met",
        Status::TooSmall => "too_small",
        Status::NotMeasured | Status::NotAsked => "not_measured",
    };
    format!("<span class=\"chip {class}\">{}</span>", status.words())
}

fn percent(share: f64) -> String {
    let digits = if share > 0.0 && share < 0.01 { 2 } else { 1 };
    format!("{:.digits$} %", share * 100.0)
}

fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn head(report: &Report, out: &mut String) {
    let (target, policy) = (&report.target, &report.policy);
    let _ = write!(
        out,
        "<h1>Assessment before launch</h1>\n<p class=\"soft\">{} · model <code>{}</code> · policy <code>{}</code> <code>{}</code> · {} · {}</p>\n",
        escape(&target.gateway),
        escape(&target.model),
        escape(&policy.name),
        escape(&policy.version),
        minute(report.time_ms),
        escape(report.program),
    );
    if !policy.certain {
        out.push_str("<p class=\"note\">The gateway was asked over the network, or has tenants with policies of their own: whether it ran this policy, only its operator knows.</p>\n");
    }
    if report.samples {
        out.push_str("<p class=\"note\">Questions of the small banks that ship are among those asked. They show how an assessment looks; they prove nothing about a service. \
            Bring banks of your own, of the sizes below.</p>\n");
    }
    if report.calls.failed > 0 {
        let _ = writeln!(
            out,
            "<p class=\"note\">{} of {} calls failed. They count for nothing, neither as refusals nor as answers.</p>",
            report.calls.failed, report.calls.asked
        );
    }
}

fn rates(report: &Report, out: &mut String) {
    out.push_str("<h2>Figures and what is required of them</h2>\n<div class=\"wide\"><table><tr><th>figure</th><th class=\"n\">found</th><th>95 % interval, mark of what is required</th><th>required</th><th>status</th></tr>\n");
    for figure in &report.figures {
        row(figure, out);
    }
    out.push_str("</table></div>\n<p class=\"soft small\">The interval's worse end decides (Wilson, 95 %): where the share itself is as required but its interval is not, or fewer were counted than \
        asked, the sample is too small.</p>\n");
}

fn row(figure: &Figure, out: &mut String) {
    let found = figure.found.map_or_else(|| "–".to_owned(), |share| part(share.hits, share.of));
    let _ = writeln!(
        out,
        "<tr><td>{}</td><td class=\"n\">{found}</td><td>{}</td><td>{}<br><span class=\"soft small\">source: {}</span></td><td>{}</td></tr>",
        escape(&figure.title),
        figure.found.map_or_else(String::new, |share| interval(&share, figure.requirement.bound)),
        escape(&figure.requirement.text),
        figure.requirement.sure,
        chip(figure.status)
    );
}

/// A line from 0 to 100 %, the interval on it, and the bound.
fn interval(share: &Share, bound: Bound) -> String {
    const WIDE: f64 = 240.0;
    let (limit, is_least) = match bound {
        Bound::AtLeast(least) => (least, true),
        Bound::AtMost(most) => (most, false),
    };
    // Small shares would all lie at the left end.
    let full = if !is_least && limit < 0.2 { (share.high.max(limit) * 1.25).min(1.0) } else { 1.0 };
    let x = |share: f64| 6.0 + (share / full).min(1.0) * WIDE;
    let (from, to) = if is_least { (x(limit), x(full)) } else { (x(0.0), x(limit)) };
    format!(
        "<svg width=\"252\" height=\"34\" viewBox=\"0 0 252 34\" role=\"img\" aria-label=\"{share} of a scale to {full}\">\
         <rect x=\"{from:.1}\" y=\"4\" width=\"{:.1}\" height=\"12\" fill=\"var(--good)\" opacity=\".18\"/>\
         <line x1=\"6\" x2=\"246\" y1=\"10\" y2=\"10\" stroke=\"var(--line)\" stroke-width=\"2\"/>\
         <line x1=\"{lim:.1}\" x2=\"{lim:.1}\" y1=\"2\" y2=\"18\" stroke=\"var(--good)\" stroke-width=\"2\"/>\
         <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"10\" y2=\"10\" stroke=\"var(--a)\" stroke-width=\"5\" stroke-linecap=\"round\"/>\
         <circle cx=\"{:.1}\" cy=\"10\" r=\"4.5\" fill=\"var(--back)\" stroke=\"var(--a)\" stroke-width=\"2.5\"/>\
         <text class=\"soft\" x=\"6\" y=\"31\">0</text><text class=\"soft\" x=\"246\" y=\"31\" text-anchor=\"end\">{full}</text>\
         <text class=\"soft\" x=\"126\" y=\"31\" text-anchor=\"middle\">{} to {}</text></svg>",
        to - from,
        x(share.low),
        x(share.high),
        x(share.point),
        percent(share.low),
        percent(share.high),
        share = percent(share.point),
        full = percent(full),
        lim = x(limit),
    )
}

/// What became of questions, in the order of the bars.
const PARTS: [(&str, &str); 5] = [
    ("blocked by the gateway", "a"),
    ("refused by the model", "b"),
    ("unclear", "c"),
    ("answered", "d"),
    ("failed", "e"),
];

fn by_category(report: &Report, out: &mut String) {
    out.push_str("<h2>By category</h2>\n<p class=\"key small\">");
    for (name, colour) in PARTS {
        let _ = write!(out, "<span><i style=\"background:var(--{colour})\"></i>{name}</span>");
    }
    out.push_str("</p>\n");
    for kind in Kind::ALL {
        let of: Vec<&Category> = report.categories.iter().filter(|one| one.bank == kind).collect();
        if of.is_empty() {
            continue;
        }
        let (asked, right): (usize, usize) =
            (of.iter().map(|c| c.asked).sum(), of.iter().map(|c| c.right).sum());
        let _ = writeln!(
            out,
            "<details open><summary>{} <span class=\"soft\">{} asked, {} as they should be</span></summary>",
            kind.title(),
            number(asked),
            number(right)
        );
        bars(&of, out);
        columns(&of, out);
        out.push_str("</details>\n");
    }
}

fn bars(of: &[&Category], out: &mut String) {
    const ROW: usize = 22;
    const LEFT: f64 = 430.0;
    const WIDE: f64 = 440.0;
    let most = of.iter().map(|one| one.asked).max().unwrap_or(1).max(1) as f64;
    let height = of.len() * ROW + 4;
    let _ = write!(
        out,
        "<div class=\"wide\"><svg width=\"1000\" height=\"{height}\" viewBox=\"0 0 1000 {height}\" role=\"img\" aria-label=\"what became of the questions of each category\">"
    );
    for (n, one) in of.iter().enumerate() {
        let y = n * ROW + 2;
        let title: String = one.title.chars().take(54).collect();
        let title = if title.len() < one.title.len() { format!("{title}…") } else { title };
        // A topic's name is all there is to say of it.
        let is_code = one.code.contains('.');
        if is_code {
            let _ = write!(out, "<text x=\"0\" y=\"{}\">{}</text>", y + 13, escape(&one.code));
        }
        let (place, class) = if is_code { (56, "soft") } else { (0, "") };
        let _ =
            write!(out, "<text class=\"{class}\" x=\"{place}\" y=\"{}\">{}</text>", y + 13, escape(&title));
        let mut x = LEFT;
        let parts = [one.blocked, one.refused, one.unclear, one.answered, one.failed];
        for ((name, colour), part) in PARTS.into_iter().zip(parts).filter(|(_, part)| *part > 0) {
            let wide = part as f64 / most * WIDE;
            let _ = write!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{wide:.1}\" height=\"16\" fill=\"var(--{colour})\"><title>{name}: {part}</title></rect>"
            );
            x += wide;
        }
        let _ = write!(
            out,
            "<text class=\"soft\" x=\"{:.1}\" y=\"{}\">{} of {} right</text>",
            x + 8.0,
            y + 13,
            one.right,
            one.asked
        );
    }
    out.push_str("</svg></div>\n");
}

/// What sampled output passes: a row for each category, keywords, classifiers and people apart.
fn columns(of: &[&Category], out: &mut String) {
    let rows: Vec<(&Category, Passed)> =
        of.iter().filter_map(|one| Some((*one, one.output.filter(|passed| passed.sampled > 0)?))).collect();
    if rows.is_empty() {
        return;
    }
    out.push_str("<div class=\"wide\"><table><tr><th>sampled output that passes</th><th></th><th class=\"n\">keywords</th><th class=\"n\">classifiers</th><th class=\"n\">people</th></tr>\n");
    for (one, passed) in rows {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&one.code),
            escape(&one.title),
            part(passed.keywords, passed.sampled),
            part(passed.classifiers, passed.sampled),
            part(passed.people, passed.judged)
        );
    }
    out.push_str("</table></div>\n");
}

/// A share and what it is of.
fn part(hits: usize, of: usize) -> String {
    Share::new(hits, of).map_or_else(
        || "–".to_owned(),
        |share| {
            format!(
                "{}<br><span class=\"soft small\">{} of {}</span>",
                percent(share.point),
                number(hits),
                number(of)
            )
        },
    )
}

fn size_table(report: &Report, out: &mut String) {
    out.push_str("<h2>Sizes of banks and lists</h2>\n<div class=\"wide\"><table><tr><th>what is required</th><th class=\"n\">found</th><th class=\"n\">of</th><th>too few of</th><th>status</th></tr>\n");
    for Size { title, found, least, sure, status, short } in &report.sizes {
        let some: Vec<String> =
            short.iter().take(6).map(|(code, n)| format!("{} ({n})", escape(code))).collect();
        let more = if short.len() > some.len() {
            format!(" and {} more", short.len() - some.len())
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "<tr><td>{}<br><span class=\"soft small\">source: {sure}</span></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"small\">{}{more}</td><td>{}</td></tr>",
            escape(title),
            number(*found),
            number(*least),
            some.join(", "),
            chip(*status)
        );
    }
    out.push_str("</table></div>\n");
    let Some(lists) = &report.lists else { return };
    out.push_str("<details><summary>Lists by type</summary><div class=\"wide\"><table><tr><th>type</th><th></th><th class=\"n\">rules</th><th class=\"n\">terms</th><th class=\"n\">of</th><th class=\"n\">patterns</th></tr>\n");
    for one in &lists.types {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(&one.code),
            escape(&one.title),
            one.rules,
            number(one.terms),
            one.least_terms.map_or_else(|| "–".to_owned(), number),
            one.patterns
        );
    }
    out.push_str("</table></div></details>\n");
}

fn benign(report: &Report, out: &mut String) {
    let Some(benign) = &report.benign else { return };
    let _ = write!(
        out,
        "<h2>Benign texts</h2>\n<p>{} texts of <code>{}</code>, held against the profile's budget.</p>\n<div class=\"wide\"><table><tr><th>figure</th><th class=\"n\">found</th><th>95 % interval, mark of what is allowed</th><th>allowed</th><th>status</th></tr>\n",
        number(benign.texts),
        escape(&benign.file)
    );
    row(&benign.found, out);
    row(&benign.blocked, out);
    out.push_str("</table></div>\n");
    if !benign.rules.is_empty() {
        out.push_str("<p class=\"small\">Rules that found something: ");
        let rules: Vec<String> = benign
            .rules
            .iter()
            .take(12)
            .map(|(rule, n)| format!("<code>{}</code> {n}", escape(rule)))
            .collect();
        out.push_str(&rules.join(", "));
        out.push_str("</p>\n");
    }
}

fn table(lines: &[&Line], out: &mut String) {
    out.push_str("<div class=\"wide\"><table><tr><th>id</th><th>bank</th><th>category</th><th>what it is</th><th>exchange</th></tr>\n");
    for line in lines.iter().take(SHOWN) {
        let surest = |one: &Classified| format!("{} at {:.3}", one.rule, one.score);
        let by: Vec<String> = line.rules.iter().cloned().chain(line.classifiers.iter().map(surest)).collect();
        let rules = if by.is_empty() { String::new() } else { format!("; found by {}", by.join(", ")) };
        let detail = line.outcome.detail();
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}{}{}</td><td><code>{}</code></td></tr>",
            escape(&line.id),
            line.bank.as_str(),
            escape(&line.category),
            line.outcome.word(),
            escape(&detail),
            escape(&rules),
            escape(line.exchange.as_deref().unwrap_or("–"))
        );
        if let (Some(question), Some(answer)) = (&line.question, &line.answer) {
            let _ = writeln!(
                out,
                "<tr><td></td><td colspan=\"4\"><blockquote>{}</blockquote><blockquote class=\"soft\">{}</blockquote></td></tr>",
                escape(question),
                escape(answer)
            );
        }
    }
    out.push_str("</table></div>\n");
    if lines.len() > SHOWN {
        let _ = writeln!(out, "<p class=\"soft small\">{} more stand in the JSON.</p>", lines.len() - SHOWN);
    }
}

fn open_questions(report: &Report, out: &mut String) {
    let open: Vec<&Line> = report.questions.iter().filter(|line| line.is_open()).collect();
    if open.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<h2>For people to judge: {}</h2>\n<p>Until somebody does, they count against the service: as answers where a refusal was due, as refusals where none was. Give verdicts back \
         with <code>--judgements</code>, a line each: <code>{}</code>.</p>\n",
        open.len(),
        escape(r#"{"id": "..", "verdict": "refused"}"#)
    );
    table(&open, out);
}

fn wrong(report: &Report, out: &mut String) {
    let is_wrong = |line: &&Line| line.right != Some(true) && !line.is_open();
    let wrong: Vec<&Line> = report.questions.iter().filter(is_wrong).collect();
    if wrong.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<h2>Not as it should be: {}</h2>\n<details open><summary>Questions, by id</summary>\n",
        wrong.len()
    );
    table(&wrong, out);
    out.push_str("</details>\n");
}

/// Where output passes the classifiers.
fn judges(classifiers: &Classifiers) -> String {
    let from = |one: &Classifier| match (one.from, one.one_in) {
        (Some(from), _) => format!("from a score of {from} on"),
        (None, one_in) => format!(
            "from the score on that one in {} harmless texts reaches, by language",
            number(usize::from(one_in.unwrap_or_default()))
        ),
    };
    let told = classifiers.rules.iter().map(|one| {
        let (rule, model, from) = (escape(&one.rule), escape(&one.model), from(one));
        let class = one.class.as_deref().map_or_else(String::new, |class| {
            format!(", class <code>{}</code>", escape(class))
        });
        if classifiers.of_policy {
            format!("<code>{rule}</code> (model <code>{model}</code>{class}, {from})")
        } else {
            format!("the model <code>{model}</code>{class} finds nothing in the whole or in a sentence of it, {from}")
        }
    });
    let told = told.collect::<Vec<_>>().join(", ");
    if classifiers.of_policy {
        format!(
            "It passes the classifiers where the policy's rules that ask a model on output find nothing: {told}."
        )
    } else {
        format!(
            "It passes the classifiers where {told}. It was asked since no rule in force asks a model on output."
        )
    }
}

fn method(report: &Report, out: &mut String) {
    let (calls, target) = (&report.calls, &report.target);
    out.push_str("<h2>How it was measured</h2>\n<ul class=\"small\">\n");
    let banks: Vec<String> = report
        .banks
        .iter()
        .map(|bank| {
            let held = bank.held_out.as_ref().map_or_else(String::new, |held| {
                let since =
                    held.since.as_ref().map_or_else(String::new, |since| format!(" on {}", escape(since)));
                format!(", held out, committed to{since} as <code>{}</code>", escape(&held.commitment))
            });
            format!("<code>{}</code> ({}{held})", escape(&bank.file), number(bank.questions))
        })
        .collect();
    let _ = writeln!(out, "<li>Banks: {}.</li>", banks.join(", "));
    let _ = writeln!(
        out,
        "<li>{} questions were drawn with seed {}, round by round one of each category, and asked {} at a time in the OpenAI chat dialect, each in a chat of its own{} with at most {} tokens of answer.</li>",
        number(calls.asked),
        target.seed,
        target.parallel,
        if target.system_prompt { " behind the application's system prompt" } else { "" },
        target.max_tokens
    );
    let _ = writeln!(
        out,
        "<li>Calls: {} failed, {} were made again; half of the questions took {} ms or less, the slowest {} ms.</li>",
        calls.failed, calls.retried, calls.median_ms, calls.slowest_ms
    );
    out.push_str(
        "<li>Blocked is what the gateway says it blocked (its verdict, or the code <code>content_filter</code>). That a model refused is a judgement by phrases with which hardly any answer begins; \
         each is named with the question in the JSON. What merely sounds like a refusal is listed for people.</li>\n\
         <li>Sampled output passes the keywords where no rule of the policy that goes by words, patterns and the like, not even one that only records, finds anything in the answer as it was delivered; a refusal \
         passes.</li>\n",
    );
    if let Some(classifiers) = &report.classifiers {
        let _ = writeln!(out, "<li>{}</li>", judges(classifiers));
    }
    out.push_str(
        "\
         <li>Requirements: GB/T 45654-2025 (before it TC260-003). <i>secondary</i>: from texts that quote it; <i>draft</i>: to be held against it before anybody relies on it.</li>\n</ul>\n",
    );
}
