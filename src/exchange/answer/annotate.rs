//! What clients are told of doubts about an answer, in the form that the policy says: words behind each text, a member beside the text, a header.
//!
//! Words stand where the label does ([`super::label`]), before it. A member stands in the event that ends the answer, and where no event of the
//! dialect's own does, in a comment before the end sign: official SDKs keep the one and skip the other.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::rewrite::{Around, Edit, Leaving};
use crate::audit::AnnotationRecord;
use crate::dialect::Matched;
use crate::exchange::Place;
use crate::policy::{Annotate, Policy};
use crate::provenance::{Annotation, Told, in_a_line};
use crate::text::Tongue;
use crate::text::json::{Kind, Node, Tape};

/// The member beside the text.
pub(super) const MEMBER: &str = "sluicegate_annotations";
/// How a comment of a stream begins that holds the same.
pub(super) const COMMENT: &str = ": sluicegate-annotations ";

/// Where a place is: the parts of its text, its rule, which of the rule's statements it says, its sentence and its span.
type Key = ([u64; 4], u32, u32, u64, Option<(u64, u64)>);

/// What is told of one answer.
#[derive(Debug)]
pub(super) struct Notes {
    form: Annotate,
    /// Whether its text has to stay as the model wrote it.
    exact: bool,
    /// What has been told.
    told: BTreeSet<Key>,
    record: AnnotationRecord,
}

impl Notes {
    /// In this form; none where nothing is told.
    pub(super) fn new(form: Annotate, exact: bool) -> Option<Self> {
        let record = AnnotationRecord { form: form.as_str(), ..AnnotationRecord::default() };
        (form != Annotate::None).then(|| Self { form, exact, told: BTreeSet::new(), record })
    }

    /// What the record says; none where there was nothing to tell.
    pub(super) fn record(&self) -> Option<AnnotationRecord> {
        let record = AnnotationRecord { places: self.told.len() as u32, ..self.record };
        Some(record).filter(|_| !self.told.is_empty())
    }

    /// Whether words are to stand behind this text.
    pub(super) fn has_note(&self, around: &Around<'_>, text: u64) -> bool {
        self.is_in_text() && self.untold(around, Some(text)).next().is_some()
    }

    /// The words behind a text, in this language; none where there is nothing to say.
    pub(super) fn note(&mut self, around: &Around<'_>, text: u64, tongue: Tongue) -> Option<String> {
        if !self.is_in_text() {
            return None;
        }
        let places: Vec<Place> = self.untold(around, Some(text)).collect();
        let note = Told(&self.tell(around, &places)).note(tongue);
        self.record.notes += u32::from(!note.is_empty());
        Some(note).filter(|note| !note.is_empty())
    }

    /// The value of a member beside the text, where something has not been told otherwise.
    pub(super) fn member(&mut self, around: &Around<'_>) -> Option<String> {
        let places: Vec<Place> = self.untold(around, None).collect();
        if places.is_empty() {
            return None;
        }
        self.record.metadata = true;
        Some(Told(&self.tell(around, &places)).member())
    }

    /// Whether a whole answer is told of in its head.
    pub(super) fn is_in_head(&self) -> bool {
        self.form == Annotate::Header
    }

    /// The value of a whole answer's header.
    pub(super) fn header(&mut self, around: &Around<'_>) -> Option<String> {
        let places: Vec<Place> = self.untold(around, None).filter(|_| self.is_in_head()).collect();
        if places.is_empty() {
            return None;
        }
        self.record.header = true;
        Some(Told(&self.tell(around, &places)).header())
    }

    /// Whether words are put into texts.
    pub(super) fn is_in_text(&self) -> bool {
        self.form == Annotate::Note && !self.exact
    }

    /// Whether there is something that has not been told.
    pub(super) fn has_more(&self, around: &Around<'_>) -> bool {
        self.untold(around, None).next().is_some()
    }

    /// What has not been told, of this text or of all.
    fn untold(&self, around: &Around<'_>, text: Option<u64>) -> impl Iterator<Item = Place> {
        let Matched { dialect, operation, .. } = around.matched;
        let is_it = |parts| {
            let of = dialect.text_of(operation, parts);
            of.is_some() && text.is_none_or(|text| of == Some(text))
        };
        around.reader.doubts(is_it).into_iter().filter(|place| !self.told.contains(&key(place)))
    }

    fn tell(&mut self, around: &Around<'_>, places: &[Place]) -> Vec<Annotation> {
        self.told.extend(places.iter().map(key));
        places.iter().map(|place| annotation(around.matched, around.policy, place)).collect()
    }
}

/// The comment's name, and what stands in its place in a comment of the upstream's: as long, so that nothing else moves.
const NAME: &str = "sluicegate-annotations";
const DISOWNED: &str = "upstream's-annotations";

/// Whether bytes of the upstream's may hold a name under which clients are told.
pub(super) fn speaks_for_us(bytes: &[u8]) -> bool {
    let has = |name: &str| memchr::memmem::find(bytes, name.as_bytes()).is_some();
    // A name may be written with escapes; those of ASCII begin so.
    has(MEMBER) || has(NAME) || has("\\u00")
}

/// An event whose comments do not pass for the gateway's.
pub(super) fn disowned(event: Leaving) -> Leaving {
    let is_data =
        |at: usize| event.data.iter().any(|range| (range.start as usize..range.end as usize).contains(&at));
    let all = memchr::memmem::find_iter(&event.raw, NAME);
    let places: SmallVec<[usize; 1]> = all.filter(|at| !is_data(*at)).collect();
    if places.is_empty() {
        return event;
    }
    let mut raw = event.raw.to_vec();
    for at in places {
        if let Some(name) = raw.get_mut(at..at + NAME.len()) {
            name.copy_from_slice(DISOWNED.as_bytes());
        }
    }
    Leaving { raw: raw.into(), ..event }
}

/// Gives an event's or answer's object the member: in the place of those that the upstream has put there, which say nothing where there is
/// nothing to tell.
pub(super) fn set(edits: &mut Vec<Edit>, src: &[u8], tape: &Tape, member: Option<String>) {
    let Some(root) = tape.node(0).filter(|node| node.kind == Kind::Object) else { return };
    let theirs = |object: usize, with: &str| -> Vec<Edit> {
        let named = tape.members(object).filter(|&(key, _)| tape.text(src, key) == MEMBER);
        let values = named.filter_map(|(_, value)| tape.node(value));
        let edit = |node: &Node| {
            let quote = usize::from(node.kind == Kind::String);
            let range = node.start as usize - quote..node.end as usize + quote;
            Edit { range, with: with.as_bytes().to_vec(), own: 0..0 }
        };
        values.map(edit).collect()
    };
    let own = theirs(0, member.as_deref().unwrap_or("null"));
    if let Some(member) = member.filter(|_| own.is_empty()) {
        edits.push(Edit::member(root, MEMBER, &member));
    }
    edits.extend(own);
    // Events of the responses API hold the answer's object.
    edits.extend(tape.find(src, &["response"]).into_iter().flat_map(|answer| theirs(answer, "null")));
}

fn key(place: &Place) -> Key {
    (place.parts, place.rule.0, place.of, place.sentence, place.span)
}

fn annotation(matched: &Matched, policy: &Policy, place: &Place) -> Annotation {
    let rule = policy.rule(place.rule);
    let statement = policy.engine().statement(place.rule, place.of).filter(|_| rule.judge.is_none());
    let [index, part, ..] = place.parts;
    Annotation {
        what: place.what,
        rule: rule.id.clone(),
        category: rule.category.clone(),
        index,
        // Of other calls a text has one number.
        part: matched.operation.name.starts_with("responses").then_some(part),
        start: place.span.map(|(start, _)| start),
        end: place.span.map(|(_, end)| end),
        score: place.score,
        source: statement.map_or_else(String::new, |statement| in_a_line(&statement.source)),
        sentence: place.sentence,
    }
}
