//! The laws of annotations: an answer without doubts leaves byte for byte and as soon as ever; doubts are told once, in the form that the policy
//! says, however the answer is cut; what is told names the right places of what the client has; nothing is put into what programs read, and
//! rules in shadow tell nothing.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::labelled::{CALLS, Call, events, labelling, sent, statement};
use super::marks::keys;
use crate::audit::{AnnotationRecord, Receipt};
use crate::detect::claims::{Claims, Known, Statement, Verdict};
use crate::detect::{PatternSpec, RuleSpec, Unsupported};
use crate::dialect::route;
use crate::policy::{Action, Actions, Annotate, Density, Doubt, LabelMode, Policy, Rule, RuleState};
use crate::provenance::mark::{read, strip};
use crate::provenance::{Annotation, Skeleton, Told};
use crate::text::Tongue;

const PASSAGE: &str = "The bridge over the Tamar was opened in 1859 by Prince Albert. It is 665 metres long and was designed by Brunel, who \
    did not live to see trains on it every day. The two main spans are lens-shaped trusses of wrought iron that were floated out into the \
    river on pontoons and then lifted by hydraulic presses while the piers were built up below them. It still carries the railway between \
    the two counties, and the portals bear the engineer's name in large letters.";

pub(super) const SOURCE: &str = "https://facts.example/7";

/// Sentences, what is doubtful about each, and what stands at the doubtful place.
const SENTENCES: &[(&str, Option<(Doubt, &str)>)] = &[
    ("The bridge was opened in 1859. ", None),
    ("It was opened to the public in 1861. ", Some((Doubt::Unsupported, "1861"))),
    ("Write to jo@corp.example, they know more. ", None),
    ("See https://other.example/x for more. ", Some((Doubt::Unsupported, "https://other.example/x"))),
    ("Garlic cures influenza. ", Some((Doubt::False, "Garlic cures influenza"))),
    ("喝盐水可以预防新型病毒感染。", Some((Doubt::Misleading, "喝盐水可以预防新型病毒感染"))),
    ("I hope that this helps 😀! ", None),
];

pub(super) fn rules(state: RuleState) -> Vec<(Rule, RuleSpec)> {
    let output = Actions { output: Action::Flag, ..Actions::all(Action::Allow) };
    let rule = |id: &str| Rule { id: id.into(), actions: output, state, ..Rule::default() };
    let grounded = |kind: Unsupported| {
        let rule = Rule { grounding: Some(kind), ..rule(kind.as_str()) };
        (rule, RuleSpec { grounding: Some(kind), ..RuleSpec::default() })
    };
    let mut claims = Claims::default();
    for (claim, verdict) in
        [("Garlic cures influenza", Verdict::False), ("喝盐水可以预防新型病毒感染", Verdict::Misleading)]
    {
        let statement = Statement { claim: claim.into(), verdict, source: SOURCE.into() };
        claims.add(statement).unwrap_or_else(|e| panic!("{e}"));
    }
    let known = RuleSpec { claims: vec![Arc::new(Known::new(&claims))], ..RuleSpec::default() };
    vec![
        grounded(Unsupported::Number),
        grounded(Unsupported::Link),
        (Rule { told_behind: true, ..rule("known") }, known),
    ]
}

/// The rules in this state, beside one that masks, with clients told in this form. Built once each.
pub(super) fn policy(state: RuleState, form: Annotate) -> Arc<Policy> {
    static BUILT: LazyLock<Vec<(RuleState, Annotate, Arc<Policy>)>> = LazyLock::new(|| {
        let states = [RuleState::Enforce, RuleState::Shadow];
        let all = states.into_iter().flat_map(|state| Annotate::ALL.map(|form| (state, form)));
        all.map(|(state, form)| (state, form, built(state, form))).collect()
    });
    let found = BUILT.iter().find(|(of, with, _)| (*of, *with) == (state, form));
    found.map_or_else(|| panic!("{state:?}"), |(_, _, policy)| Arc::clone(policy))
}

fn built(state: RuleState, form: Annotate) -> Arc<Policy> {
    let mail = PatternSpec { regex: r"[a-z]{1,9}@corp\.example".into(), ..PatternSpec::default() };
    let mask = Rule {
        id: "mail".into(),
        actions: Actions { output: Action::Mask, ..Actions::all(Action::Allow) },
        marker: "[É-MAIL]".into(),
        ..Rule::default()
    };
    let mut all = rules(state);
    all.push((mask, RuleSpec { patterns: vec![mail], ..RuleSpec::default() }));
    Arc::new(Policy::from_rules(all).unwrap_or_else(|e| panic!("{e:?}")).annotating(form))
}

/// How an answer is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct How {
    pub(super) stream: bool,
    /// By a program.
    pub(super) exact: bool,
    pub(super) label: Option<LabelMode>,
    pub(super) marks: bool,
}

pub(super) fn begin(call: &Call, policy: &Arc<Policy>, how: How) -> Answering {
    let mut request = (call.request)(how.stream);
    if how.exact {
        request["logprobs"] = json!(true);
        request["generationConfig"] = json!({"responseMimeType": "application/json"});
    }
    let request = request.to_string().replace("What is that to you?", PASSAGE);
    let path = if how.stream { call.stream_path } else { call.path };
    let matched = route("POST", path, path.ends_with("/messages")).unwrap_or_else(|_| panic!("{path}"));
    let mut terms = Terms::new(Arc::clone(policy), ExchangeLimits::default());
    terms.client.labels = how.label.is_some();
    terms.marks = how.marks.then(|| Marks { keys: keys(), density: Some(Density::Standard), routed: false });
    let query = path.contains(":stream").then_some("alt=sse");
    let judged = Received::new(matched, terms).judge(query, true, Bytes::from(request));
    let mut ahead = judged.unwrap_or_else(|e| panic!("{path}: {e}")).ahead();
    how.label.into_iter().for_each(|mode| ahead.label(labelling(mode, false, true)));
    let (mut answering, _) = ahead.admit(Receipt::forged());
    let media = if how.stream { call.media } else { "application/json" };
    assert!(answering.head(200, Some(media)).is_ok());
    answering
}

/// A text of these sentences, and what is doubtful about them.
#[derive(Debug)]
struct Text {
    sentences: Vec<String>,
    doubts: Vec<(Doubt, &'static str)>,
}

impl Text {
    fn of(chosen: &[usize], ends_open: bool) -> Self {
        let mut sentences: Vec<String> = chosen.iter().map(|n| SENTENCES[*n].0.to_owned()).collect();
        if ends_open && let Some(last) = sentences.last_mut() {
            *last = last.trim_end_matches([' ', '.', '。']).to_owned();
        }
        Self { sentences, doubts: chosen.iter().filter_map(|n| SENTENCES[*n].1).collect() }
    }

    fn model(&self) -> String {
        self.sentences.concat()
    }

    /// As the policy lets it through.
    fn let_through(&self) -> String {
        self.model().replace("jo@corp.example", "[É-MAIL]")
    }

    /// In pieces of so many letters; of a call whose answer has two blocks no sentence is in both.
    fn pieces(&self, call: &Call, length: usize) -> Vec<String> {
        if call.path.ends_with("/messages") {
            return self.sentences.clone();
        }
        super::sample::pieces(&self.model(), length)
    }

    /// The notes that may stand behind it.
    fn notes(&self) -> Vec<String> {
        let place = |(sentence, (what, _)): (u64, &(Doubt, &str))| Annotation {
            what: *what,
            rule: String::new(),
            category: String::new(),
            index: 0,
            part: None,
            start: None,
            end: None,
            score: 1.0,
            source: if *what == Doubt::Unsupported { String::new() } else { SOURCE.into() },
            sentence,
        };
        let places: Vec<Annotation> = (0..).zip(&self.doubts).map(place).collect();
        Tongue::ALL.map(|tongue| Told(&places).note(tongue)).into()
    }
}

/// What is told in a stream beside the text.
pub(super) fn beside(out: &str, call: &Call) -> Vec<Value> {
    let comments = out.lines().filter_map(|line| line.strip_prefix(": sluicegate-annotations "));
    let comments = comments.map(|json| serde_json::from_str(json).unwrap_or_else(|e| panic!("{e}: {json}")));
    let members =
        events(out, call).into_iter().filter_map(|event| event.get("sluicegate_annotations").cloned());
    comments.chain(members).collect()
}

/// The text of a block, or the only one.
fn block(events: &[Value], call: &Call, index: u64) -> String {
    if !call.path.ends_with("/messages") {
        return (call.heard)(events);
    }
    let of = events.iter().filter(|event| event["index"] == index);
    of.filter_map(|event| event.pointer("/delta/text")?.as_str()).collect()
}

/// Holds what is told against the text in which it stands.
fn names_right_places(told: &Value, text: &Text, said: impl Fn(u64) -> String) -> Result<(), TestCaseError> {
    let places = told["places"].as_array().cloned().unwrap_or_default();
    prop_assert_eq!((&told["count"], places.len()), (&json!(text.doubts.len()), text.doubts.len()));
    let mut named: Vec<(String, String)> = Vec::new();
    for place in &places {
        let (Some(start), Some(end)) = (place["start"].as_u64(), place["end"].as_u64()) else {
            return Err(TestCaseError::fail(format!("no place: {place}")));
        };
        let said = said(place["index"].as_u64().unwrap_or(u64::MAX));
        let held: String = said.chars().skip(start as usize).take((end - start) as usize).collect();
        named.push((
            place["what"].as_str().unwrap_or_default().to_owned(),
            held.trim_end_matches(['.', '。']).to_owned(),
        ));
        let is_known = place["what"] != "unsupported";
        prop_assert_eq!(place.get("source").cloned(), is_known.then(|| json!(SOURCE)));
        prop_assert!(place["score"].as_f64().is_some_and(|score| score > 0.0 && score <= 1.0));
    }
    let mut expected: Vec<(String, String)> =
        text.doubts.iter().map(|(what, held)| (what.as_str().to_owned(), (*held).to_owned())).collect();
    named.sort();
    expected.sort();
    prop_assert_eq!(named, expected);
    Ok(())
}

fn chosen() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..SENTENCES.len(), 1..7)
}

proptest! {
    #![proptest_config(crate::text::cases::cases(96))]

    #[test]
    fn streams_tell_of_doubts_once(
        chosen in chosen(), open: bool, call in 0..CALLS.len(), form in 0..Annotate::ALL.len(), length in 1usize..30, cut in 1usize..300,
    ) {
        let (call, form, text) = (&CALLS[call], Annotate::ALL[form], Text::of(&chosen, open));
        let how = How { stream: true, ..How::default() };
        let stream = (call.stream)(&text.pieces(call, length));
        let run = |form, cut| {
            let mut answering = begin(call, &policy(RuleState::Enforce, form), how);
            (sent(&mut answering, &stream, cut), answering.annotation_record())
        };
        let (out, record) = run(form, cut);
        prop_assert_eq!(&out, &run(form, usize::MAX).0);
        let untold = run(Annotate::None, cut).0;
        if form == Annotate::None || text.doubts.is_empty() {
            prop_assert_eq!(&out, &untold);
            prop_assert_eq!(record, None);
            if text.model() == text.let_through() {
                prop_assert_eq!(&out, &stream);
            }
            return Ok(());
        }
        let (got, told) = (events(&out, call), beside(&out, call));
        let heard = (call.heard)(&got);
        let record = record.unwrap_or_default();
        if form == Annotate::Note {
            let note = heard.strip_prefix(&text.let_through()).and_then(|rest| rest.strip_prefix("\n\n"));
            prop_assert!(note.is_some_and(|note| text.notes().iter().any(|one| one == note)), "{heard}");
            prop_assert!(told.is_empty(), "{out}");
            prop_assert_eq!((record.notes, record.metadata, record.header), (1, false, false));
        } else {
            // Nothing but a member of one event is another, and that is the last but for end signs.
            prop_assert_eq!(&heard, &text.let_through());
            prop_assert_eq!(told.len(), 1, "{}", out);
            names_right_places(&told[0], &text, |index| block(&got, call, index))?;
            let strip = |mut event: Value| {
                event.as_object_mut().and_then(|event| event.remove("sluicegate_annotations"));
                event
            };
            prop_assert!(got.last().is_some_and(|last| last.get("sluicegate_annotations").is_some()), "{out}");
            let stripped: Vec<Value> = got.into_iter().map(strip).collect();
            prop_assert_eq!(stripped, events(&untold, call));
            prop_assert_eq!((record.notes, record.metadata, record.header), (0, true, false));
        }
        prop_assert_eq!(record.form, form.as_str());
        prop_assert_eq!(record.places as usize, text.doubts.len());
    }

    #[test]
    fn whole_answers_tell_of_doubts_once(chosen in chosen(), open: bool, call in 0..CALLS.len(), form in 0..Annotate::ALL.len()) {
        let (call, form, text) = (&CALLS[call], Annotate::ALL[form], Text::of(&chosen, open));
        let body = (call.whole)(&text.model()).to_string();
        let mut answering = begin(call, &policy(RuleState::Enforce, form), How::default());
        let out = sent(&mut answering, &body, 100);
        let header = answering.annotation_header();
        let tells = form != Annotate::None && !text.doubts.is_empty();
        prop_assert_eq!(header.is_some(), tells && form == Annotate::Header);
        prop_assert_eq!(answering.annotation_record().is_some(), tells);
        let mut got: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
        if !tells || form == Annotate::Header {
            if text.model() == text.let_through() {
                prop_assert_eq!(&out, &body);
            }
            prop_assert_eq!(&got, &(call.whole)(&text.let_through()));
        }
        if !tells {
            return Ok(());
        }
        let read = (call.read)(&got);
        match form {
            Annotate::None => {}
            Annotate::Note => {
                let note = read.strip_prefix(&text.let_through()).and_then(|rest| rest.strip_prefix("\n\n"));
                prop_assert!(note.is_some_and(|note| text.notes().iter().any(|one| one == note)), "{read}");
                prop_assert_eq!(&got, &(call.whole)(&read));
            }
            Annotate::Metadata => {
                let told = got.as_object_mut().and_then(|body| body.remove("sluicegate_annotations"));
                names_right_places(&told.unwrap_or_default(), &text, |_| read.clone())?;
                prop_assert_eq!(&got, &(call.whole)(&text.let_through()));
            }
            Annotate::Header => {
                let count = |what: Doubt| text.doubts.iter().filter(|(one, _)| *one == what).count();
                let kinds = Doubt::ALL.into_iter().filter(|what| count(*what) > 0);
                let expected: Vec<String> = kinds.map(|what| format!("{};count={}", what.as_str(), count(what))).collect();
                prop_assert_eq!(header, Some(expected.join(", ")));
            }
        }
    }

    /// No event waits longer than without annotations, but for the end of a block behind which a note is to stand.
    #[test]
    fn streams_hold_no_longer(chosen in chosen(), call in 0..CALLS.len(), form in 0..Annotate::ALL.len(), length in 1usize..30) {
        let (call, form, text) = (&CALLS[call], Annotate::ALL[form], Text::of(&chosen, false));
        prop_assume!(form != Annotate::Note || text.doubts.is_empty() || !call.path.ends_with("/messages"));
        let stream = (call.stream)(&text.pieces(call, length));
        let how = How { stream: true, ..How::default() };
        let [mut plain, mut told] = [Annotate::None, form].map(|form| begin(call, &policy(RuleState::Enforce, form), how));
        let end = if call.media.ends_with("ndjson") { "\n" } else { "\n\n" };
        for event in stream.split_inclusive(end) {
            let (mut before, mut after) = (Vec::new(), Vec::new());
            prop_assert_eq!(plain.feed(event.as_bytes(), &mut before), told.feed(event.as_bytes(), &mut after));
            // A note is an event more.
            prop_assert!(after.len() >= before.len(), "{event}");
        }
    }

    /// In what a program reads no words are put, and it is told beside the text.
    #[test]
    fn what_programs_read_stays_exact(chosen in chosen(), call in 0..CALLS.len(), stream: bool, length in 1usize..30) {
        let (call, text) = (&CALLS[call], Text::of(&chosen, false));
        // Gemini is asked for JSON, which is not held against anything.
        let is_json = call.path.contains(":generate");
        let tells = !text.doubts.is_empty() && !is_json;
        // A marker that stands in JSON outside of a string brings its quotes.
        let expected = if is_json { text.let_through().replace("[É-MAIL]", "\"[É-MAIL]\"") } else { text.let_through() };
        let mut answering = begin(call, &policy(RuleState::Enforce, Annotate::Note), How { stream, exact: true, ..How::default() });
        let record = if stream {
            let out = sent(&mut answering, &(call.stream)(&text.pieces(call, length)), 64);
            prop_assert_eq!((call.heard)(&events(&out, call)), expected);
            prop_assert_eq!(beside(&out, call).len(), usize::from(tells));
            answering.annotation_record()
        } else {
            let out = sent(&mut answering, &(call.whole)(&text.model()).to_string(), 64);
            let got: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
            prop_assert_eq!((call.read)(&got), expected);
            prop_assert_eq!(got.get("sluicegate_annotations").is_some(), tells);
            answering.annotation_record()
        };
        prop_assert!(record.is_none_or(|record| record.notes == 0 && record.metadata));
    }

    /// Rules in shadow tell nobody of anything.
    #[test]
    fn in_shadow_nothing_is_told(chosen in chosen(), call in 0..CALLS.len(), form in 0..Annotate::ALL.len(), stream: bool) {
        let (call, form, text) = (&CALLS[call], Annotate::ALL[form], Text::of(&chosen, false));
        let body = if stream { (call.stream)(&text.pieces(call, 9)) } else { (call.whole)(&text.model()).to_string() };
        let how = How { stream, ..How::default() };
        let [shadow, none] = [(RuleState::Shadow, form), (RuleState::Enforce, Annotate::None)].map(|(state, form)| {
            let mut answering = begin(call, &policy(state, form), how);
            let out = sent(&mut answering, &body, 50);
            (out, answering.annotation_header(), answering.annotation_record())
        });
        prop_assert_eq!(&shadow, &none);
        prop_assert_eq!((shadow.1, shadow.2), (None, None));
    }

    /// Beside a label and marks: the note stands before the label, metadata are signed over both, and all marks verify.
    #[test]
    fn notes_stand_beside_labels_and_marks(chosen in chosen(), call in 0..CALLS.len(), stream: bool, marks: bool, length in 1usize..30) {
        let (call, text) = (&CALLS[call], Text::of(&chosen, false));
        let how = How { stream, marks, label: Some(LabelMode::InlineSuffix), ..How::default() };
        let mut answering = begin(call, &policy(RuleState::Enforce, Annotate::Note), how);
        let (got, signed) = if stream {
            let out = sent(&mut answering, &(call.stream)(&text.pieces(call, length)), 64);
            ((call.heard)(&events(&out, call)), statement(&out, call))
        } else {
            let out = sent(&mut answering, &(call.whole)(&text.model()).to_string(), 64);
            let body: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
            let signed = answering.label_statement().and_then(|json| crate::provenance::Signed::parse(&json).ok());
            ((call.read)(&body), signed)
        };
        prop_assert_eq!(signed.map(|signed| signed.statement.hashes), Some(vec![Skeleton::of(&got)]));
        let plain = strip(&keys(), &got).into_owned();
        prop_assert!(read(&keys(), &got).found.iter().all(|found| found.epoch.is_some() && found.whole != Some(false)));
        let rest = plain.strip_prefix(&text.let_through()).and_then(|rest| rest.strip_prefix("\n\n"));
        let rest = rest.ok_or_else(|| TestCaseError::fail(format!("not what was said: {plain}")))?;
        let note = rest.rsplit_once("\n\n").map_or("", |(note, _)| note);
        prop_assert_eq!(note.is_empty(), text.doubts.is_empty(), "{}", plain);
        prop_assert!(text.notes().iter().any(|one| one == note), "{plain}");
    }
}

/// A stream that breaks off or is cut has told of what was doubtful so far, where its dialect has comments.
#[test]
fn what_breaks_off_has_told() {
    let call = &CALLS[0];
    let mut answering =
        begin(call, &policy(RuleState::Enforce, Annotate::Metadata), How { stream: true, ..How::default() });
    let text = Text::of(&[1, 4, 0], false);
    let stream = (call.stream)(&text.pieces(call, 9));
    let (begun, _) = stream.split_once(r#""finish_reason":"stop""#).unwrap_or_else(|| panic!("{stream}"));
    let begun = begun.rsplit_once("\n\n").map_or(begun, |(begun, _)| begun).to_owned() + "\n\n";
    let mut out = Vec::new();
    assert_eq!(answering.feed(begun.as_bytes(), &mut out), Flow::More);
    assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::Cut);
    let out = String::from_utf8(out.concat()).unwrap_or_else(|e| panic!("{e}"));
    let told = beside(&out, call);
    assert_eq!(told.len(), 1, "{out}");
    assert_eq!(told[0]["count"], 2);
    let record = answering.annotation_record();
    assert_eq!(
        record,
        Some(AnnotationRecord { form: "metadata", places: 2, metadata: true, ..AnnotationRecord::default() })
    );
}

/// What an upstream says under the same name does not pass for this gateway's.
#[test]
fn a_member_of_the_upstreams_own_gives_way() {
    let call = &CALLS[0];
    for own in [json!("mine"), json!({"count": 0}), json!(null), json!([1, 2])] {
        let mut body = (call.whole)(&Text::of(&[1], false).model());
        body["sluicegate_annotations"] = own;
        let mut answering = begin(call, &policy(RuleState::Enforce, Annotate::Metadata), How::default());
        let out = sent(&mut answering, &body.to_string(), usize::MAX);
        let got: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
        assert_eq!(got["sluicegate_annotations"]["count"], 1, "{out}");
        assert_eq!(out.matches("sluicegate_annotations").count(), 1);
    }
}
