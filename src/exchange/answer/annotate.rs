//! What clients are told of doubts about an answer, in the form that the policy says: words behind each text, a member beside the text, a header.
//!
//! Words stand where the label does ([`super::label`]), before it. A member stands in the event that ends the answer, and where no event of the
//! dialect's own does, in a comment before the end sign: official SDKs keep the one and skip the other.

use std::collections::BTreeSet;

use super::label::Around;
use crate::audit::AnnotationRecord;
use crate::dialect::Matched;
use crate::exchange::Place;
use crate::policy::{Annotate, Policy};
use crate::provenance::{Annotation, Told, in_a_line};
use crate::text::Tongue;

/// The member beside the text.
pub(super) const MEMBER: &str = "sluicegate_annotations";
/// How a comment of a stream begins that holds the same.
pub(super) const COMMENT: &str = ": sluicegate-annotations ";

/// Where a place is: the parts of its text, its rule, its sentence and its span.
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
        self.in_text() && self.untold(around).any(|place| text_of(around.matched, &place) == Some(text))
    }

    /// The words behind a text, in this language; none where there is nothing to say.
    pub(super) fn note(&mut self, around: &Around<'_>, text: u64, tongue: Tongue) -> Option<String> {
        if !self.in_text() {
            return None;
        }
        let places: Vec<Place> =
            self.untold(around).filter(|place| text_of(around.matched, place) == Some(text)).collect();
        let note = Told(&self.tell(around, &places)).note(tongue);
        self.record.notes += u32::from(!note.is_empty());
        Some(note).filter(|note| !note.is_empty())
    }

    /// The value of a member beside the text, where something has not been told otherwise.
    pub(super) fn member(&mut self, around: &Around<'_>) -> Option<String> {
        let places: Vec<Place> = self.untold(around).collect();
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
        let places: Vec<Place> = self.untold(around).filter(|_| self.is_in_head()).collect();
        if places.is_empty() {
            return None;
        }
        self.record.header = true;
        Some(Told(&self.tell(around, &places)).header())
    }

    fn in_text(&self) -> bool {
        self.form == Annotate::Note && !self.exact
    }

    fn untold(&self, around: &Around<'_>) -> impl Iterator<Item = Place> {
        let places = around.reader.doubts().into_iter();
        places.filter(|place| !self.told.contains(&key(place)) && text_of(around.matched, place).is_some())
    }

    fn tell(&mut self, around: &Around<'_>, places: &[Place]) -> Vec<Annotation> {
        self.told.extend(places.iter().map(key));
        places.iter().map(|place| annotation(around.matched, around.policy, place)).collect()
    }
}

fn key(place: &Place) -> Key {
    (place.parts, place.rule.0, place.of, place.sentence, place.span)
}

fn text_of(matched: &Matched, place: &Place) -> Option<u64> {
    matched.dialect.text_of(matched.operation, place.parts)
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
