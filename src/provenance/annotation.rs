//! What clients are told of what is false in an answer, or not borne out by its request: in words, in a member, in a header. None of it repeats
//! the answer's text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::policy::Doubt;
use crate::text::Tongue;

/// Most places that a member lists.
const MOST: usize = 64;
/// Most sources of one kind that a note names, and the most characters of each.
const SOURCES: usize = 3;
const LONGEST_SOURCE: usize = 200;

/// A place of an answer that is doubtful.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Annotation {
    /// Why.
    pub what: Doubt,
    /// The rule that flagged it.
    pub rule: String,
    /// Its category.
    pub category: String,
    /// Which text of the answer: the number of the choice, block, output item or candidate.
    pub index: u64,
    /// The part of an output item in which it stands; not there where items have no parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<u64>,
    /// Its first code point in the text as it is let through, without the gateway's own labels and marks; not there where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// One past the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// How sure it is, 0 to 1.
    pub score: f32,
    /// Where it is told what is right; empty where no statement is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The sentence in which it stands: people are told how many there are.
    #[serde(skip)]
    pub sentence: u64,
}

/// Some places of one answer.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a>(pub &'a [Annotation]);

/// A member's value.
#[derive(Serialize)]
struct Member<'a> {
    /// How many places there are.
    count: usize,
    /// The first of them, at most [`MOST`].
    places: &'a [Annotation],
}

impl Told<'_> {
    /// The value of a member beside the text: an object of JSON, in one line.
    pub fn member(self) -> String {
        let places = self.0.get(..MOST).unwrap_or(self.0);
        serde_json::to_string(&Member { count: self.0.len(), places }).unwrap_or_default()
    }

    /// The value of a header: a list (RFC 9651, 3.1) of why places are doubtful, each with how many there are, such as `false;count=1,
    /// unsupported;count=2`.
    pub fn header(self) -> String {
        let kinds = Doubt::ALL.map(|what| (what, self.0.iter().filter(|one| one.what == what).count()));
        let kinds = kinds.iter().filter(|(_, count)| *count > 0);
        kinds.map(|(what, count)| format!("{};count={count}", what.as_str())).collect::<Vec<_>>().join(", ")
    }

    /// A note in this language; empty where there is nothing to tell.
    pub fn note(self, tongue: Tongue) -> String {
        let said = Doubt::ALL.map(|what| self.of(what, tongue));
        let said: Vec<String> = said.into_iter().filter(|said| !said.is_empty()).collect();
        if said.is_empty() {
            return String::new();
        }
        let [before, between, after] = frame(tongue);
        format!("{before}{}{after}", said.join(between))
    }

    /// What is said of the places that are doubtful for one reason.
    fn of(self, what: Doubt, tongue: Tongue) -> String {
        let places = || self.0.iter().filter(|one| one.what == what);
        let count = places().map(|one| (one.index, one.part, one.sentence)).collect::<BTreeSet<_>>().len();
        if count == 0 {
            return String::new();
        }
        let mut said = sentence(what, count, tongue);
        let sources: BTreeSet<&str> =
            places().map(|one| one.source.as_str()).filter(|source| !source.is_empty()).collect();
        if !sources.is_empty() {
            let [before, between, after] = of_sources(tongue);
            let named: Vec<String> = sources.iter().take(SOURCES).map(|source| in_a_line(source)).collect();
            let more = if sources.len() > SOURCES { " …" } else { "" };
            let _ = write!(said, "{before}{}{more}{after}", named.join(between));
        }
        said
    }
}

/// A source as it may stand in a sentence, and in a member: of at most 200 characters, without any that steers how text is shown.
pub fn in_a_line(source: &str) -> String {
    let unseen = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let line = |c: char| if c.is_control() || unseen(c) { ' ' } else { c };
    let mut out: String = source.chars().map(line).take(LONGEST_SOURCE).collect();
    if source.chars().nth(LONGEST_SOURCE).is_some() {
        out.push('…');
    }
    out
}

/// What stands before a note, between its parts and behind it.
fn frame(tongue: Tongue) -> [&'static str; 3] {
    match tongue {
        Tongue::English => ["Automatic note on this answer: ", "; ", "."],
        Tongue::Chinese => ["自动提示：本回答中，", "；", "。"],
        Tongue::Japanese => ["自動注記：この回答では、", "。また、", "。"],
        Tongue::German => ["Automatischer Hinweis zu dieser Antwort: ", "; ", "."],
        Tongue::French => ["Remarque automatique sur cette réponse : ", " ; ", "."],
        Tongue::Spanish => ["Nota automática sobre esta respuesta: ", "; ", "."],
        Tongue::Italian => ["Nota automatica su questa risposta: ", "; ", "."],
    }
}

/// What stands before the sources of statements, between them and behind them.
fn of_sources(tongue: Tongue) -> [&'static str; 3] {
    match tongue {
        Tongue::English => [" (see ", ", ", ")"],
        Tongue::Chinese => ["（参见：", "、", "）"],
        Tongue::Japanese => ["（参照：", "、", "）"],
        Tongue::German => [" (siehe ", ", ", ")"],
        Tongue::French => [" (voir ", ", ", ")"],
        Tongue::Spanish => [" (véase ", ", ", ")"],
        Tongue::Italian => [" (vedi ", ", ", ")"],
    }
}

/// How many sentences are doubtful for this reason.
fn sentence(what: Doubt, n: usize, tongue: Tongue) -> String {
    let one = n == 1;
    let either = |singular: &'static str, plural: &'static str| if one { singular } else { plural };
    match tongue {
        Tongue::English => {
            let repeats = either("sentence repeats", "sentences repeat");
            match what {
                Doubt::False => format!("{n} {repeats} a statement that is known to be false"),
                Doubt::Misleading => format!("{n} {repeats} a statement that is known to be misleading"),
                Doubt::Unproven => format!("{n} {repeats} a statement for which there is no proof"),
                Doubt::Misinformation => {
                    format!("{n} {} may be false information", either("sentence", "sentences"))
                }
                Doubt::Unsupported => {
                    let are = either("sentence is", "sentences are");
                    format!("{n} {are} not supported by the request and its documents")
                }
            }
        }
        Tongue::Chinese => match what {
            Doubt::False => format!("有{n}句重复了已知不实的说法"),
            Doubt::Misleading => format!("有{n}句重复了已知有误导性的说法"),
            Doubt::Unproven => format!("有{n}句重复了没有证据的说法"),
            Doubt::Misinformation => format!("有{n}句可能是虚假信息"),
            Doubt::Unsupported => format!("有{n}句在请求及其所附资料中没有依据"),
        },
        Tongue::Japanese => match what {
            Doubt::False => format!("{n}文が誤りと知られている主張を繰り返しています"),
            Doubt::Misleading => format!("{n}文が誤解を招くと知られている主張を繰り返しています"),
            Doubt::Unproven => format!("{n}文が証拠のない主張を繰り返しています"),
            Doubt::Misinformation => format!("{n}文が虚偽の情報である可能性があります"),
            Doubt::Unsupported => format!("{n}文が依頼とその資料に裏付けられていません"),
        },
        Tongue::German => {
            let repeats = either("Satz wiederholt", "Sätze wiederholen");
            match what {
                Doubt::False => format!("{n} {repeats} eine Aussage, die bekanntermaßen falsch ist"),
                Doubt::Misleading => {
                    format!("{n} {repeats} eine Aussage, die bekanntermaßen in die Irre führt")
                }
                Doubt::Unproven => format!("{n} {repeats} eine Aussage, für die es keinen Beleg gibt"),
                Doubt::Misinformation => {
                    format!("{n} {} falsche Information sein", either("Satz kann", "Sätze können"))
                }
                Doubt::Unsupported => {
                    let are = either("Satz ist", "Sätze sind");
                    format!("{n} {are} durch die Anfrage und ihre Unterlagen nicht belegt")
                }
            }
        }
        Tongue::French => {
            let repeats = either("phrase reprend", "phrases reprennent");
            match what {
                Doubt::False => format!("{n} {repeats} une affirmation connue comme fausse"),
                Doubt::Misleading => format!("{n} {repeats} une affirmation connue comme trompeuse"),
                Doubt::Unproven => format!("{n} {repeats} une affirmation sans preuve"),
                Doubt::Misinformation => {
                    format!("{n} {} être une fausse information", either("phrase peut", "phrases peuvent"))
                }
                Doubt::Unsupported => {
                    let are = either("phrase n'est pas étayée", "phrases ne sont pas étayées");
                    format!("{n} {are} par la demande et ses documents")
                }
            }
        }
        Tongue::Spanish => {
            let repeats = either("frase repite", "frases repiten");
            match what {
                Doubt::False => format!("{n} {repeats} una afirmación que se sabe falsa"),
                Doubt::Misleading => format!("{n} {repeats} una afirmación que se sabe engañosa"),
                Doubt::Unproven => format!("{n} {repeats} una afirmación sin pruebas"),
                Doubt::Misinformation => {
                    format!("{n} {} ser información falsa", either("frase puede", "frases pueden"))
                }
                Doubt::Unsupported => {
                    let are = either("frase no está respaldada", "frases no están respaldadas");
                    format!("{n} {are} por la petición y sus documentos")
                }
            }
        }
        Tongue::Italian => {
            let repeats = either("frase ripete", "frasi ripetono");
            match what {
                Doubt::False => format!("{n} {repeats} un'affermazione che si sa falsa"),
                Doubt::Misleading => format!("{n} {repeats} un'affermazione che si sa fuorviante"),
                Doubt::Unproven => format!("{n} {repeats} un'affermazione senza prove"),
                Doubt::Misinformation => {
                    format!("{n} {} essere informazione falsa", either("frase può", "frasi possono"))
                }
                Doubt::Unsupported => {
                    let are = either("frase non è sostenuta", "frasi non sono sostenute");
                    format!("{n} {are} dalla richiesta e dai suoi documenti")
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Guess;

    fn place(what: Doubt, sentence: u64, source: &str) -> Annotation {
        Annotation {
            what,
            rule: "grounding/number".into(),
            category: "UNSUPPORTED".into(),
            index: 0,
            part: None,
            start: Some(4),
            end: Some(8),
            score: 0.9,
            source: source.into(),
            sentence,
        }
    }

    #[test]
    fn sentences_are_counted_and_sources_named() {
        let places = [
            place(Doubt::Unsupported, 0, ""),
            place(Doubt::Unsupported, 0, ""),
            place(Doubt::Unsupported, 40, ""),
            place(Doubt::False, 80, "https://facts.example/7"),
        ];
        assert_eq!(
            Told(&places).note(Tongue::English),
            "Automatic note on this answer: 1 sentence repeats a statement that is known to be false (see https://facts.example/7); 2 \
             sentences are not supported by the request and its documents."
        );
        assert_eq!(
            Told(&places).note(Tongue::Chinese),
            "自动提示：本回答中，有1句重复了已知不实的说法（参见：https://facts.example/7）；有2句在请求及其所附资料中没有依据。"
        );
        assert_eq!(Told(&places).header(), "false;count=1, unsupported;count=3");
        assert_eq!((Told(&[]).note(Tongue::English), Told(&[]).header()), (String::new(), String::new()));
    }

    #[test]
    fn a_member_lists_so_many_and_counts_all() {
        let places = vec![place(Doubt::Unsupported, 0, ""); MOST + 6];
        let member: serde_json::Value =
            serde_json::from_str(&Told(&places).member()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(member["count"], MOST + 6);
        assert_eq!(member["places"].as_array().map(Vec::len), Some(MOST));
        let one = serde_json::json!({"what": "unsupported", "rule": "grounding/number", "category": "UNSUPPORTED", "index": 0, "start": 4,
            "end": 8, "score": 0.9});
        assert_eq!(member["places"][0].to_string().len(), one.to_string().len(), "{member}");
    }

    #[test]
    fn a_source_stays_within_its_line() {
        let note = Told(&[place(Doubt::False, 0, &format!("a\nb{}", "x".repeat(300)))]).note(Tongue::English);
        assert!(!note.contains('\n') && note.contains("(see a bxxx") && note.ends_with("x…)."), "{note}");
    }

    #[test]
    fn notes_are_in_their_language() {
        for tongue in Tongue::ALL {
            for n in [1, 2] {
                let places: Vec<Annotation> = Doubt::ALL
                    .iter()
                    .flat_map(|what| (0..n).map(|sentence| place(*what, sentence, "")))
                    .collect();
                let note = Told(&places).note(tongue);
                assert_eq!(Guess::of(&note), Some(tongue), "{note}");
            }
        }
    }
}
