//! Where fuzzers come in: each function takes any bytes and holds a law, so that the targets in `fuzz/` are one line each.
//!
//! The replay below runs the same functions in the normal tests, over the kept corpus and some mutations of it. Only tests and fuzzers
//! compile this: a journal's receipt can be forged here and nowhere else.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use crate::detect::{Finding, Scan, scan_all, scan_encoded};
use crate::dialect::{DIALECTS, ErrorKind, Matched, Operation};
use crate::exchange::{Answering, Ended, ExchangeLimits, Flow, Judged, Next, Outcome, Received, Terms};
use crate::policy::{BlockAs, Direction, Files, Library, Policy, PolicySettings, Unscanned};
use crate::stream::{Frame, FrameError, Framing, Splitter};
use crate::text::fold::TextKind;
use crate::text::json::{Kind, Ruler, Tape};

/// One target: takes any bytes, never panics.
pub type Target = fn(&[u8]);

/// Every target by name, as `fuzz/fuzz_targets` has them.
pub const TARGETS: &[(&str, Target)] = &[
    ("head", head),
    ("sse", sse),
    ("ndjson", ndjson),
    ("json", json),
    ("request", request),
    ("answer", answer),
    ("hold", hold),
    ("scan", scan),
    ("encoded", encoded),
    ("config", config),
    ("rules", rules),
    ("inflate", inflate),
    ("manifest", manifest),
    ("model", model),
];

const LIMIT: usize = 1 << 16;

/// The policy that ships, which lets pass what it cannot read, so that reading goes on.
static POLICY: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    let policy = Library::embedded().and_then(|l| l.policy(&PolicySettings::default()));
    let policy = policy.unwrap_or_else(|e| panic!("the shipped policy does not load: {e:?}"));
    Arc::new(policy.with(Unscanned::Allow, BlockAs::Error))
});

fn terms() -> Terms {
    let limits = ExchangeLimits {
        answer_bytes: LIMIT,
        event_bytes: LIMIT,
        held_bytes: LIMIT,
        ..ExchangeLimits::default()
    };
    Terms::new(Arc::clone(&POLICY), limits)
}

/// The first byte picks, the rest is the input.
fn pick<'d, T: Copy>(data: &'d [u8], from: &[T]) -> Option<(T, &'d [u8])> {
    let (first, rest) = data.split_first()?;
    Some((*from.get(usize::from(*first) % from.len())?, rest))
}

/// Cuts that depend on the bytes themselves: short and long pieces, and none at all.
fn pieces(data: &[u8]) -> Vec<&[u8]> {
    let step = 1 + data.iter().fold(0_usize, |a, b| a.wrapping_mul(31).wrapping_add(usize::from(*b))) % 17;
    data.chunks(step).collect()
}

// === the edge ===

/// A request's head, from bytes to what the gateway makes of it: what is accepted has one reading.
pub fn head(data: &[u8]) {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut parsed = httparse::Request::new(&mut fields);
    if !matches!(parsed.parse(data), Ok(httparse::Status::Complete(_))) {
        return;
    }
    let mut request = http::Request::builder()
        .method(parsed.method.unwrap_or_default())
        .uri(parsed.path.unwrap_or_default())
        .version(if parsed.version == Some(0) { http::Version::HTTP_10 } else { http::Version::HTTP_11 });
    for field in parsed.headers.iter() {
        request = request.header(field.name, field.value);
    }
    let Ok(request) = request.body(()) else { return };
    if let Ok(head) = crate::server::head::read(&request, 8192) {
        assert!(head.path.starts_with('/'), "a path begins with a slash");
        let climbs = head.path.split('/').any(|s| s == "." || s == "..");
        assert!(!climbs && !head.path.contains(['%', '\\', ';', '?', '#']), "a path that hides something");
        let _ = crate::dialect::route(head.method.as_str(), &head.path, false);
    }
}

/// Decompression: in pieces as in one, and never beyond its ceiling.
pub fn inflate(data: &[u8]) {
    use crate::stream::coding::{Coding, Decoder, decode};
    let Some((coding, data)) = pick(data, &Coding::ALL) else { return };
    let whole = decode(coding, data, LIMIT, 100);
    if let Ok(text) = &whole {
        assert!(text.len() <= LIMIT, "more than the ceiling");
    }
    let Ok(mut decoder) = Decoder::new(coding, LIMIT, 100) else { return };
    let mut out = Vec::new();
    for piece in pieces(data) {
        match decoder.push(piece) {
            Ok(text) => out.extend(text),
            // In pieces the ratio is met at another byte, so only success has to agree.
            Err(_) => return,
        }
        assert!(out.len() <= LIMIT, "more than the ceiling");
    }
    if let (Ok(whole), Ok(rest)) = (whole, decoder.finish()) {
        out.extend(rest);
        assert!(out == whole, "pieces mean something else than the whole");
    }
}

/// A C2PA manifest in a file or beside one, from somebody else: it is read or refused, and what is bound without a fault is found again.
pub fn manifest(data: &[u8]) {
    use crate::provenance::c2pa::{Carrier, Found, verify};
    use crate::provenance::export::FileForm;
    const CARRIERS: [(Carrier, bool); 5] = [
        (Carrier::Text, true),
        (Carrier::Text, false),
        (Carrier::Labelled(FileForm::Markdown), false),
        (Carrier::Labelled(FileForm::Html), false),
        (Carrier::Labelled(FileForm::Docx), false),
    ];
    let Some(((carrier, is_beside), data)) = pick(data, &CARRIERS) else { return };
    let (file, beside) = if is_beside { (&b""[..], Some(data.to_vec())) } else { (data, None) };
    let Ok(Some(found)) = carrier.find(file, beside) else { return };
    let report = verify(carrier, file, &found, None, 1_796_000_000_000);
    assert!(!report.findings.is_empty(), "no answer at all");
    if let Ok(bare) = carrier.without(file, &found) {
        assert!(is_beside || bare.len() <= file.len(), "taking out a manifest makes a file longer");
        let again: Result<Option<Found>, _> = carrier.find(&bare, None);
        let _ = again.map(|found| found.map(|found| verify(carrier, &bare, &found, None, 0)));
    }
}

// === codecs ===

fn frames(framing: Framing, pieces: &[&[u8]]) -> (Vec<Frame>, Option<FrameError>) {
    let (mut splitter, mut out) = (Splitter::new(framing, LIMIT), Vec::new());
    for piece in pieces {
        splitter.push(piece);
        loop {
            match splitter.next_frame() {
                Ok(Some(frame)) => out.push(frame),
                Ok(None) => break,
                Err(error) => return (out, Some(error)),
            }
        }
    }
    match splitter.finish() {
        Ok(last) => out.extend(last),
        Err(error) => return (out, Some(error)),
    }
    (out, None)
}

/// What of the frames means something. A line feed that arrives after its carriage return was taken for the end belongs to the next
/// frame's bytes, so raw bytes are compared in sum only.
fn meaning(frames: &[Frame]) -> Vec<Vec<&[u8]>> {
    let mut out: Vec<Vec<&[u8]>> = Vec::new();
    for frame in frames {
        let ranges = frame.data.iter().chain(&frame.loose);
        let texts = ranges.map(|r| frame.raw.get(r.start as usize..r.end as usize).unwrap_or_default());
        out.push(texts.collect());
    }
    out.retain(|texts| !texts.is_empty());
    out
}

/// Events do not depend on cuts, and together they are the bytes that came.
fn codec(framing: Framing, data: &[u8]) {
    let (whole, error) = frames(framing, &[data]);
    let (cut, error_cut) = frames(framing, &pieces(data));
    assert!(meaning(&whole) == meaning(&cut) && error == error_cut, "events depend on cuts");
    for frames in [&whole, &cut] {
        let raw: Vec<u8> = frames.iter().flat_map(|f| f.raw.iter().copied()).collect();
        assert!(error.is_some() || raw == data, "frames are not the bytes that came");
        for (frame, range) in frames.iter().flat_map(|f| f.data.iter().chain(&f.loose).map(move |r| (f, r))) {
            let inside = frame.raw.get(range.start as usize..range.end as usize).is_some();
            assert!(inside, "a range outside its frame");
        }
    }
}

/// Server-sent events.
pub fn sse(data: &[u8]) {
    codec(Framing::Sse, data);
}

/// JSON lines and arrays that arrive one by one.
pub fn ndjson(data: &[u8]) {
    codec(Framing::Ndjson, data);
    codec(Framing::JsonArray, data);
}

/// The JSON locator: what it accepts is JSON, each string is where it says, and offsets in the text lead back to the source.
pub fn json(data: &[u8]) {
    let mut tape = Tape::default();
    if tape.parse(data).is_err() {
        return;
    }
    for (index, node) in tape.nodes().iter().enumerate() {
        let Some(source) = data.get(node.start as usize..node.end as usize) else {
            panic!("a node outside the text")
        };
        if !matches!(node.kind, Kind::Key | Kind::String) {
            continue;
        }
        let Ok(raw) = std::str::from_utf8(source) else { panic!("a string that is not UTF-8") };
        let text = tape.text(data, index);
        if !node.escaped {
            assert!(text == raw, "a string without escapes is its source");
        }
        let (mut ruler, mut last) = (Ruler::new(raw, node.escaped), 0);
        for (at, _) in text.char_indices() {
            let wire = ruler.wire_at(at);
            assert!(wire >= last && raw.is_char_boundary(wire), "an offset that leads nowhere");
            last = wire;
        }
        // Written anew, it means the same.
        let mut written = Vec::new();
        crate::text::json::escape_into(&text, &mut written);
        let again = String::from_utf8(written).map(|s| crate::text::json::unescape(&s));
        assert!(again.as_deref() == Ok(&*text), "escaping changes the text");
    }
}

// === exchanges ===

fn operations() -> Vec<(&'static dyn crate::dialect::Dialect, &'static Operation)> {
    DIALECTS.iter().flat_map(|d| d.operations().iter().map(|o| (*d, o))).collect()
}

fn judged(data: &[u8], body: &[u8]) -> Option<Judged> {
    let ((dialect, operation), _) = pick(data, &operations())?;
    let matched = Matched { dialect, operation, path: operation.path.into(), model: Some("m".into()) };
    Received::new(matched, terms()).judge(None, true, Bytes::copy_from_slice(body)).ok()
}

/// Any body to any operation: without findings it goes on byte for byte.
pub fn request(data: &[u8]) {
    let body = data.get(1..).unwrap_or_default();
    let Some(judged) = judged(data, body) else { return };
    if let Next::Forward { body: sent, changed } = judged.next() {
        assert!(*changed || sent == body, "a clean request was changed");
        assert!(!changed || judged.report().outcome == Outcome::Rewrite, "changed without a reason");
        if *changed {
            let mut tape = Tape::default();
            assert!(tape.parse(sent).is_ok(), "a rewritten request is no JSON");
        }
    }
}

/// An answer that begins, to a request that asks for a stream.
fn answering(data: &[u8], media: &str) -> Option<Answering> {
    let mut answering =
        judged(data, br#"{"model":"m","stream":true}"#)?.admit(crate::audit::Receipt::forged());
    answering.head(200, Some(media)).ok()?;
    Some(answering)
}

/// What left, and how it ended.
struct Ran {
    out: Vec<u8>,
    outcome: Outcome,
    cut: bool,
    /// A stream that breaks off has all the same been read to its end.
    broken_off: bool,
}

fn run(mut answering: Answering, pieces: &[&[u8]]) -> Ran {
    let (mut out, mut cut) = (Vec::new(), false);
    for piece in pieces {
        cut = answering.feed(piece, &mut out) != Flow::More;
        if cut {
            break;
        }
    }
    let mut broken_off = false;
    if !cut {
        cut = answering.finish(Ended::Complete, &mut out) != Flow::More;
        broken_off = answering.cut_by.as_ref().is_some_and(|e| e.kind == ErrorKind::UpstreamUnreachable);
    }
    Ran { out: out.concat(), outcome: answering.report().outcome, cut: cut && !broken_off, broken_off }
}

/// Any answer of any operation, streamed or whole: what leaves does not depend on cuts, and a clean stream leaves as it came.
pub fn answer(data: &[u8]) {
    let media = ["text/event-stream", "application/x-ndjson", "application/json"];
    let Some((media, data)) = pick(data, &media) else { return };
    let body = data.get(1..).unwrap_or_default();
    let Some(first) = answering(data, media) else { return };
    let Some(second) = answering(data, media) else { return };
    let whole = run(first, &[body]);
    let pieced = run(second, &pieces(body));
    // Where a stream is cut, how much left before depends on when the reason arrived.
    if !whole.cut && !pieced.cut {
        assert!(whole.outcome == pieced.outcome, "the verdict depends on cuts");
        assert!(whole.out == pieced.out, "the answer depends on cuts");
        if whole.outcome <= Outcome::Flag {
            let same = if whole.broken_off { whole.out.starts_with(body) } else { whole.out == body };
            assert!(same, "a clean answer was changed");
        }
    }
}

/// What is encoded in any text is looked for without a fault, and what is found lies on the text's characters.
pub fn encoded(data: &[u8]) {
    let Some((kind, data)) = pick(data, &[TextKind::Plain, TextKind::Json]) else { return };
    let Ok(text) = std::str::from_utf8(data) else { return };
    let rules = POLICY.encoded_rules(Direction::Prompt);
    for one in scan_encoded(POLICY.engine(), rules, kind, text, &[]).found {
        let (start, end) = (one.finding.start.0 as usize, one.finding.end.0 as usize);
        assert!(text.get(start..end).is_some_and(|span| !span.is_empty()), "a finding cuts characters");
    }
}

/// The scan finds what trying every word at every place finds: the first line are words, the others a text.
pub fn scan(data: &[u8]) {
    crate::detect::oracle::hold(data);
}

/// The scan in pieces finds what the scan of the whole text finds, and no finding begins before what was settled.
pub fn hold(data: &[u8]) {
    let Some((kind, data)) = pick(data, &[TextKind::Plain, TextKind::Json]) else { return };
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (engine, rules) = (POLICY.engine(), POLICY.rules(Direction::Output));
    let sorted = |mut found: Vec<Finding>| {
        found.sort_by_key(|f| (f.start, f.end, f.rule.0));
        found.into_iter().map(|f| (f.rule.0, f.start, f.end)).collect::<Vec<_>>()
    };
    let whole = sorted(scan_all(engine, rules, kind, text));
    let (mut scan, mut found, mut settled) = (Scan::new(kind), Vec::new(), None);
    let mut rest = text;
    let mut step = 1;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(step));
        let before = found.len();
        let progress = scan.push(engine, rules, piece, &mut found);
        for finding in found.iter().skip(before) {
            assert!(Some(finding.start) >= settled, "a finding in text that was settled");
        }
        assert!(Some(progress.settled) >= settled, "settled goes back");
        settled = Some(progress.settled);
        rest = after;
        step = step % 7 + 1;
    }
    scan.finish(engine, rules, &mut found);
    assert!(sorted(found) == whole, "findings depend on cuts");
}

// === files ===

/// A configuration: settings or diagnostics, never both missing.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let source = crate::diag::SourceFile::new("fuzz.toml", text);
    let folder = std::path::Path::new(".");
    let overrides = crate::config::Overrides::default();
    let loaded = crate::config::load(&source, folder, &overrides, crate::config::Purpose::Check, &|_| None);
    assert!(loaded.settings.is_some() || !loaded.diagnostics.is_empty(), "refused without a reason");
    crate::diag::render_human(&loaded.diagnostics, crate::diag::Colour::Off);
}

/// A pack's rules: a library or diagnostics.
pub fn rules(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let pack = "name = \"fuzz\"\nversion = \"1\"\ntitle = \"t\"\nlicence = \"Apache-2.0\"\n";
    let mut files = Files::new();
    files.insert("fuzz/pack.toml".into(), crate::diag::SourceFile::new("fuzz/pack.toml", pack));
    files.insert("fuzz/rules/fuzz.toml".into(), crate::diag::SourceFile::new("fuzz/rules/fuzz.toml", text));
    if let Err(found) = Library::load(&files) {
        assert!(!found.is_empty(), "refused without a reason");
        crate::diag::render_human(&found, crate::diag::Colour::Off);
    }
}

/// A model that a pack brings: refused with a reason, or one that judges or tags.
pub fn model(data: &[u8]) {
    let text = b"Ask Eve Bell about it. Break the door, and mend the lamp; \xe7\x82\xb8\xe5\xbc\xb9";
    match crate::detect::Brought::read(data, "fuzz") {
        Err(why) => assert!(!why.to_string().is_empty(), "refused without a reason"),
        Ok(brought) => {
            if let Some(model) = brought.judge() {
                let mut reading = crate::detect::classify::Reading::new(std::slice::from_ref(model));
                reading.push(text).for_each(drop);
                reading.finish().for_each(drop);
                let mut scores = reading.named(true).into_iter();
                assert!(scores.all(|(_, score)| (0.0..=1.0).contains(&score)), "a score is none");
            }
            if let Some(tagger) = brought.tagger() {
                let (mut reading, mut found) = (crate::detect::tagger::Reading::default(), Vec::new());
                reading.push(tagger, text, &mut found);
                reading.finish(tagger, &mut found);
                assert!(found.iter().all(|one| (0.0..=1.0).contains(&one.score)), "a score is none");
            }
        }
    }
}

#[cfg(test)]
mod replay {
    use super::TARGETS;
    use std::path::Path;
    use std::time::{Duration, Instant};

    /// A small generator of our own: the same mutations at every run.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, below: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % below.max(1)
        }
    }

    /// Changes, repeats, drops or borrows some bytes.
    fn mutate(dice: &mut Dice, seeds: &[Vec<u8>], input: &mut Vec<u8>) {
        const TASTY: &[u8] = b"\"\\{}[]:,\r\n\0\x7f\x80\xff dD019@u";
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(input.len() + 1);
            match dice.roll(5) {
                0 if at < input.len() => input[at] = dice.roll(256) as u8,
                1 => input.insert(at, TASTY[dice.roll(TASTY.len())]),
                2 if at < input.len() => {
                    let end = at + dice.roll((input.len() - at).min(16) + 1);
                    input.drain(at..end);
                }
                3 => {
                    let other = &seeds[dice.roll(seeds.len())];
                    let from = dice.roll(other.len());
                    let piece = &other[from..(from + dice.roll(64)).min(other.len())];
                    input.splice(at..at, piece.iter().copied());
                }
                _ if at < input.len() => {
                    let piece = input[at..(at + dice.roll(32)).min(input.len())].to_vec();
                    input.splice(at..at, piece);
                }
                _ => {}
            }
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own time budget")]
    fn the_kept_corpus_and_what_it_turns_into() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus-kept");
        for (name, target) in TARGETS {
            let mut files: Vec<_> = std::fs::read_dir(root.join(name))
                .unwrap_or_else(|e| panic!("no corpus for {name}: {e}"))
                .filter_map(|f| Some(f.ok()?.path()))
                .collect();
            files.sort();
            let seeds: Vec<Vec<u8>> = files.iter().map(|f| std::fs::read(f).unwrap()).collect();
            assert!(!seeds.is_empty(), "no corpus for {name}");
            for seed in &seeds {
                target(seed);
            }
            let (mut dice, start) = (Dice(7), Instant::now());
            for _ in 0..20_000 {
                let mut input = seeds[dice.roll(seeds.len())].clone();
                mutate(&mut dice, &seeds, &mut input);
                let shown = input.clone();
                let result = std::panic::catch_unwind(|| target(&input));
                assert!(result.is_ok(), "{name} fails on {:?}", String::from_utf8_lossy(&shown));
                if start.elapsed() > Duration::from_millis(1500) {
                    break;
                }
            }
        }
    }
}
