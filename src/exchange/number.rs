//! Where numbers stand in a text that is JSON source. A finding in a number takes all of it: beside a marker in quotes, a sign, a fraction or
//! an exponent that stayed would be no JSON.
//!
//! ```text
//! {"c":-4111111111111111.5}
//!       ^^^^^^^^^^^^^^^^       found
//!      ^^^^^^^^^^^^^^^^^^^     goes
//! ```
//!
//! A number with an exponent is also read as what its digits say: see [`crate::text::number`].
//!
//! So the text from where a number begins waits until nothing in the number can be found any more, and its end is known.

use std::collections::VecDeque;
use std::ops::Range;

use smallvec::SmallVec;

use super::emit::{Edit, Place};
use crate::detect::{Engine, Finding, RuleSet, TextKind, scan_all};
use crate::text::TextPos;
use crate::text::number::written_out;

/// Longer numbers are not waited for, and of them only what was found goes.
const LONGEST: u64 = 64;

/// The numbers of one channel's text, from where it is undecided.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    place: Place,
    seen: u64,
    /// Where the number began in which the text ends.
    open: Option<u64>,
    /// Its source so far, up to [`LONGEST`].
    source: String,
    closed: VecDeque<Range<u64>>,
    /// Edits that reach into the open number.
    reaching: SmallVec<[Edit; 1]>,
    /// Numbers with an exponent that have ended and are still to be read, written out.
    unread: Vec<(Range<u64>, String)>,
}

impl Numbers {
    /// The numbers of a whole text that begins at `start`.
    pub(super) fn of(text: &str, start: u64) -> Self {
        let mut numbers = Self { seen: start, ..Self::default() };
        let mut none = Vec::new();
        numbers.push(text, &mut none);
        numbers.close(&mut none);
        numbers
    }

    /// Reads the next piece. Edits that take the rest of a number now that its end is known are put into `more`.
    pub(super) fn push(&mut self, text: &str, more: &mut Vec<Edit>) {
        for byte in text.bytes() {
            let goes_on = self.open.is_some() && b"+.eE".contains(&byte);
            let number = !self.place.in_string && (byte.is_ascii_digit() || byte == b'-' || goes_on);
            if number && self.source.len() <= LONGEST as usize {
                self.source.push(char::from(byte));
            }
            match (self.open, number) {
                (None, true) => self.open = Some(self.seen),
                (Some(_), false) => self.close(more),
                (None, false) | (Some(_), true) => {}
            }
            self.place.step(byte);
            self.seen += 1;
        }
    }

    /// The text has ended, and with it the number in which it ends.
    pub(super) fn close(&mut self, more: &mut Vec<Edit>) {
        let Some(start) = self.open.take() else { return };
        let source = std::mem::take(&mut self.source);
        let reaching = std::mem::take(&mut self.reaching);
        if self.seen - start <= LONGEST {
            self.closed.push_back(start..self.seen);
            if let Some(number) = written_out(&source) {
                self.unread.push((start..self.seen, number));
            }
            let longer = |e: Edit| Edit { start: e.start.min(start), end: e.end.max(self.seen), ..e };
            more.extend(reaching.into_iter().map(longer));
        }
    }

    /// Reads what numbers say that are written with an exponent. What is found in one is found where it stands, counted from `base`, unless
    /// something was found there as it stands.
    pub(super) fn read(&mut self, engine: &Engine, rules: &RuleSet, base: u64, found: &mut Vec<Finding>) {
        for (range, number) in self.unread.drain(..) {
            let (start, end) = (TextPos(range.start - base), TextPos(range.end - base));
            if !found.iter().any(|f| f.start < end && start < f.end) {
                let said = scan_all(engine, rules, TextKind::Plain, &number);
                found.extend(said.into_iter().map(|finding| Finding { start, end, ..finding }));
            }
        }
    }

    /// The edit that takes all of the numbers that this one touches, if it is longer.
    pub(super) fn whole(&mut self, edit: &Edit) -> Option<Edit> {
        let (mut start, mut end) = (edit.start, edit.end);
        for number in self.closed.iter().filter(|n| n.start < edit.end && edit.start < n.end) {
            (start, end) = (start.min(number.start), end.max(number.end));
        }
        if self.open.is_some_and(|open| open < edit.end) {
            self.reaching.push(Edit { start, end, ..edit.clone() });
        }
        ((start, end) != (edit.start, edit.end)).then(|| Edit { start, end, ..edit.clone() })
    }

    /// How far the text is settled when nothing can be found any more that begins before `settled`.
    pub(super) fn settled(&mut self, settled: u64) -> u64 {
        while self.closed.front().is_some_and(|n| n.end <= settled) {
            self.closed.pop_front();
        }
        let open = self.open.filter(|&start| self.seen - start <= LONGEST);
        let within = self.closed.front().map(|n| n.start).or(open);
        within.map_or(settled, |start| start.min(settled))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::{Answering, Ended, ExchangeLimits, Next, Received, Terms};
    use crate::audit::Receipt;
    use crate::detect::{PatternSpec, RuleSpec};
    use crate::dialect::route;
    use crate::policy::{Action, Actions, BlockAs, Policy, Rule, Unscanned};

    /// A card's number in the forms that say it with an exponent.
    const FORMS: &[&str] = &[
        "4111111111111111E0",
        "4111111111111111e+0",
        "4111111111111111e-0",
        "41111111111111110e-1",
        "4.111111111111111e15",
        "-4.111111111111111E+15",
        "411111111111.1111e4",
        "0.0004111111111111111e19",
    ];

    fn terms() -> Terms {
        let pattern =
            PatternSpec { regex: "41{15}".into(), left: true, right: true, ..PatternSpec::default() };
        let rule = Rule {
            id: "card".into(),
            actions: Actions::all(Action::Mask),
            marker: "[CARD]".into(),
            ..Rule::default()
        };
        let spec = RuleSpec { patterns: vec![pattern], ..RuleSpec::default() };
        let policy = Policy::from_rules(vec![(rule, spec)]).unwrap_or_else(|e| panic!("{e:?}"));
        let policy = Arc::new(policy.with(Unscanned::Allow, BlockAs::Error));
        Terms::new(policy, ExchangeLimits::default())
    }

    fn sent(body: &str) -> String {
        let matched = route("POST", "/v1/chat/completions", false).unwrap_or_else(|_| panic!("a route"));
        let judged =
            Received::new(matched, terms()).judge(None, true, Bytes::copy_from_slice(body.as_bytes()));
        match judged.unwrap_or_else(|e| panic!("{e}: {body}")).next() {
            Next::Forward { body, .. } => String::from_utf8_lossy(body).into_owned(),
            other => panic!("{other:?}: {body}"),
        }
    }

    fn answering(request: &'static str, media: &str) -> Answering {
        let matched = route("POST", "/v1/chat/completions", false).unwrap_or_else(|_| panic!("a route"));
        let judged =
            Received::new(matched, terms()).judge(None, true, Bytes::from_static(request.as_bytes()));
        let mut answering = judged.unwrap_or_else(|e| panic!("{e}")).admit(Receipt::forged());
        assert!(answering.head(200, Some(media)).is_ok());
        answering
    }

    /// A body's numbers, and numbers in the source of arguments, are read by what they say.
    #[test]
    fn an_exponent_hides_no_number() {
        for form in FORMS {
            for body in [
                r#"{"messages":[],"metadata":{"card":NUMBER,"n":1}}"#,
                r#"{"messages":[],"novelty":[1,NUMBER,"x"]}"#,
                r#"{"messages":[],"temperature":NUMBER}"#,
                r#"{"messages":[{"role":"user","content":NUMBER}]}"#,
            ] {
                let want = body.replace("NUMBER", "\"[CARD]\"");
                assert_eq!(sent(&body.replace("NUMBER", form)), want, "{form}");
            }
            let call = r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"card\":NUMBER,\"n\":1}"}}]}]}"#;
            let want = call.replace("NUMBER", r#"\"[CARD]\""#);
            assert_eq!(sent(&call.replace("NUMBER", form)), want, "{form}");
        }
    }

    /// What says no such number stays, byte for byte, also beside what is rewritten.
    #[test]
    fn other_numbers_stay_as_they_are_written() {
        for clean in ["1e3", "1.5e-7", "4e15", "4111111111111111e3", "4111111111111111e-3", "1E300", "0e0"] {
            let body = format!(r#"{{"messages":[],"a":[{clean},4111111111111111e0],"b":{clean}}}"#);
            let want = body.replace("4111111111111111e0", "\"[CARD]\"");
            assert_eq!(sent(&body), want, "{clean}");
            let alone = format!(r#"{{"messages":[],"b":{clean}}}"#);
            assert_eq!(sent(&alone), alone);
        }
    }

    #[test]
    fn a_number_that_comes_as_a_piece_is_what_clients_append() {
        let event = |piece: &str| {
            format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{piece}}}}}]}}\n\n")
        };
        let mut answering = answering(r#"{"messages":[],"stream":true}"#, "text/event-stream");
        let mut out = Vec::new();
        for piece in ["\"card \"", "4.1111111e7", "11111111", "\" thanks\""] {
            answering.feed(event(piece).as_bytes(), &mut out);
        }
        answering.feed(b"data: [DONE]\n\n", &mut out);
        answering.finish(Ended::Complete, &mut out);
        let got = String::from_utf8(out.concat()).unwrap_or_default();
        assert!(got.contains("[CARD]") && !got.contains("1111"), "{got}");
    }

    proptest! {
        #![proptest_config(crate::text::cases::cases(64))]

        /// However arguments are cut, and escaped, nothing of the number comes out, and they stay JSON.
        #[test]
        fn arguments_in_pieces_hide_no_number(form in proptest::sample::select(FORMS), cuts in proptest::collection::vec(1usize..9, 1..40)) {
            let source = format!(r#"{{"card": {form}, "n": 1.5e3}}"#);
            let mut answering = answering(r#"{"messages":[],"stream":true}"#, "text/event-stream");
            let (mut rest, mut out, mut cuts) = (source.as_str(), Vec::new(), cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (piece, more) = rest.split_at(cuts.next().unwrap_or(1).min(rest.len()));
                rest = more;
                let piece = crate::dialect::quoted(piece);
                let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":0,\"function\":{{\"arguments\":{piece}}}}}]}}}}]}}\n\n");
                answering.feed(event.as_bytes(), &mut out);
            }
            answering.feed(b"data: [DONE]\n\n", &mut out);
            answering.finish(Ended::Complete, &mut out);
            let got = String::from_utf8(out.concat()).unwrap_or_default();
            let events = got.lines().filter_map(|l| l.strip_prefix("data: ")).filter(|d| *d != "[DONE]");
            let said: String = events
                .filter_map(|e| serde_json::from_str::<serde_json::Value>(e).ok())
                .filter_map(|e| e.pointer("/choices/0/delta/tool_calls/0/function/arguments").and_then(|a| a.as_str().map(str::to_owned)))
                .collect();
            prop_assert_eq!(said, r#"{"card": "[CARD]", "n": 1.5e3}"#);
        }
    }
}
