//! `sluicegate obligations`: what laws ask, article by article, and what does something about it.

use super::{ConfigArgs, Exit, Format, colour, show};
use crate::config::{Purpose, Settings, setting_names};
use crate::diag::{Colour, Diagnostic, has_errors};
use crate::policy::{AppliesIf, Control, Date, Library, Obligation, State};
use std::io::{self, IsTerminal, Write};

/// Print what laws ask, article by article, and what the gateway does about it
///
/// A query over the obligations of all packs: each names its law and article, since when it holds, what does
/// something about it, how far that goes in this version, which test shows it, which text it was written against
/// and what it was held against. `draft` means that nobody has held it against a text yet. It is no legal advice.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 when nothing is found, 2 for a bad configuration.

Examples:
  sluicegate obligations --jurisdiction cn
  sluicegate obligations --jurisdiction eu --article 50 --on 2026-08-02 --format json")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// Only of this jurisdiction, such as `cn`, `eu`, `us`, `jp`
    #[arg(long, value_name = "NAME")]
    jurisdiction: Option<String>,

    /// Only of this law, by its short name, such as `cn-interim-measures`
    #[arg(long, value_name = "NAME")]
    instrument: Option<String>,

    /// Only of this article, with the paragraphs in it
    #[arg(long, value_name = "ARTICLE")]
    article: Option<String>,

    /// Only what holds on this day
    #[arg(long, value_name = "DATE")]
    on: Option<Date>,

    /// Only what is met so far: `enforced`, `partly`, `stated`, `operator`, `open`
    #[arg(long, value_name = "HOW_FAR", value_parser = state)]
    met: Option<State>,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

fn state(name: &str) -> Result<State, String> {
    State::ALL.into_iter().find(|state| state.as_str() == name).ok_or_else(|| {
        let names = State::ALL.map(State::as_str);
        format!("one of {}", names.join(", "))
    })
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let loaded = args.config.load(Purpose::Check);
    if has_errors(&loaded.diagnostics) {
        show(&loaded.diagnostics)?;
        return Ok(Exit::Misuse);
    }
    let library = loaded.settings.as_ref().map_or_else(Library::embedded, Settings::policy_library);
    let library = match library.and_then(known) {
        Ok(library) => library,
        Err(found) => {
            show(&found)?;
            return Ok(Exit::Misuse);
        }
    };
    if let Some(unknown) = unknown(args, library.obligations()) {
        show(&[unknown])?;
        return Ok(Exit::Misuse);
    }
    let found: Vec<&Obligation> =
        library.obligations().iter().filter(|obligation| is_asked_for(args, obligation)).collect();
    let stdout = io::stdout();
    let colour = colour(stdout.is_terminal());
    let mut out = stdout.lock();
    match args.format {
        Format::Human => human(&found, colour, &mut out)?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?,
    }
    Ok(if found.is_empty() { Exit::No } else { Exit::Fine })
}

/// Settings that obligations name are there.
pub(super) fn known(library: Library) -> Result<Library, Vec<Diagnostic>> {
    let unknown = library.unknown_settings(&setting_names());
    if unknown.is_empty() { Ok(library) } else { Err(unknown) }
}

/// A name on the command line that nothing has.
fn unknown(args: &Args, obligations: &[Obligation]) -> Option<Diagnostic> {
    let check = |what: &'static str, asked: &Option<String>, of: fn(&Obligation) -> &str| {
        let asked = asked.as_ref()?;
        let mut names: Vec<&str> = obligations.iter().map(of).collect();
        names.sort_unstable();
        names.dedup();
        let unknown = Diagnostic::error("unknown-name", format!("unknown {what} `{asked}`"));
        (!names.contains(&asked.as_str())).then(|| unknown.valid("valid", asked, &names))
    };
    check("jurisdiction", &args.jurisdiction, |o| &o.jurisdiction)
        .or_else(|| check("instrument", &args.instrument, |o| &o.instrument))
}

fn is_asked_for(args: &Args, one: &Obligation) -> bool {
    let is = |asked: &Option<String>, found: &str| asked.as_ref().is_none_or(|asked| asked == found);
    is(&args.jurisdiction, &one.jurisdiction)
        && is(&args.instrument, &one.instrument)
        && args.article.as_ref().is_none_or(|asked| is_article(&one.article, asked))
        && args.on.is_none_or(|day| one.holds_on(day))
        && args.met.is_none_or(|state| one.state == state)
}

/// `5` is Article 5 and 5(1)(a), not 50.
fn is_article(article: &str, asked: &str) -> bool {
    let rest = article.strip_prefix(asked);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
}

fn human(found: &[&Obligation], colour: Colour, out: &mut impl Write) -> io::Result<()> {
    let (bold, plain) = if colour == Colour::On { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    let mut instrument = "";
    for one in found {
        if one.instrument != instrument {
            instrument = &one.instrument;
            writeln!(out, "{bold}{}: {}{plain}", one.jurisdiction, one.title)?;
            let link = one.link.as_deref().map(|link| format!(", {link}")).unwrap_or_default();
            let text = match one.written_against {
                Some(day) => format!("written against the text of {day}"),
                None => "written against a text of unknown date".to_owned(),
            };
            writeln!(out, "  {}, {text}{link}", one.instrument)?;
        }
        let until = one.expires.map(|day| format!(" until {day}")).unwrap_or_default();
        writeln!(out, "\n  {bold}{}{plain}  {}  since {}{until}", one.article, one.id, one.effective)?;
        writeln!(out, "    {}", one.summary)?;
        if one.applies_if != AppliesIf::default() {
            writeln!(out, "    if      {}", condition(&one.applies_if))?;
        }
        writeln!(out, "    state   {} (source: {})", one.state.as_str(), one.sure.as_str())?;
        if let Some(note) = &one.note {
            writeln!(out, "    source  {note}")?;
        }
        for control in &one.controls {
            writeln!(out, "    by      {}", said(control))?;
        }
        for test in &one.tests {
            writeln!(out, "    shown   {test}")?;
        }
        if let Some(evidence) = &one.evidence {
            writeln!(out, "    record  {evidence}")?;
        }
    }
    let count = |state: State| found.iter().filter(|one| one.state == state).count();
    let states = State::ALL.map(|state| format!("{} {}", count(state), state.as_str()));
    writeln!(
        out,
        "{}{} obligations: {}",
        if found.is_empty() { "" } else { "\n" },
        found.len(),
        states.join(", ")
    )
}

fn condition(applies: &AppliesIf) -> String {
    let words = |key: &str, values: Vec<&str>| {
        (!values.is_empty()).then(|| format!("{key} is {}", values.join(" or ")))
    };
    let parts = [
        words("audience", applies.audience.iter().map(|one| one.as_str()).collect()),
        words("role", applies.role.iter().map(|one| one.as_str()).collect()),
        words("tier", applies.tier.iter().map(|one| one.as_str()).collect()),
        words("domain", applies.domain.iter().map(String::as_str).collect()),
        applies.when.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn said(control: &Control) -> String {
    match control {
        Control::Rules { named, ids } if named.ends_with('*') => format!("rules {named} ({})", ids.len()),
        Control::Rules { named, .. } => format!("rule {named}"),
        Control::Profile(name) => format!("profile {name}"),
        Control::Setting(name) => format!("setting {name}"),
        Control::Command(line) => format!("command `{line}`"),
        Control::Person(what) => format!("people: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::is_article;

    #[test]
    fn an_article_is_itself_and_what_is_in_it() {
        for (article, asked, is) in [
            ("5(1)(a)", "5", true),
            ("5", "5", true),
            ("50", "5", false),
            ("50(1)", "50(1)", true),
            ("26(6)", "6", false),
            ("A.6.2.8", "A.6", true),
        ] {
            assert_eq!(is_article(article, asked), is, "{article} {asked}");
        }
    }
}
