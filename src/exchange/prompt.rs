//! The request half: a body is read, judged and, if need be, written anew.

use std::sync::Arc;

use bytes::Bytes;

use super::judging::{Answers, BEFORE, Question};
use super::marking::stripped;
use super::pseudonyms::{self, Keeping};
use super::reader::{Counted, Reader, Side, Stop};
use super::{Ahead, Answering, CountKey, Halt, Outcome, Report, Terms, refuse};
use crate::audit::Receipt;
use crate::detect::RuleId;
use crate::detect::fingerprint::{Index, system_prompt};
use crate::detect::grounding::Context;
use crate::dialect::{
    Ask, Bias, ErrorKind, ExchangeError, Matched, Reply, bias, is_exact, is_first, last_words, system_words,
};
use crate::limits::Seen;
use crate::policy::{Action, Annotate, BlockAs, Density};
use crate::provenance::sampler::List;
use crate::telemetry::Quiet;
use crate::text::json::{JsonError, Kind, Tape, unescape};
use crate::text::sketch::Sketch;
use crate::text::{Guess, Language, Scripts, Tongue, looks_like_identifier, percent_decoded};
use crate::vault::{Back, Scope};

/// A request whose head is known.
#[derive(Clone, Debug)]
pub struct Received {
    matched: Matched,
    terms: Terms,
}

/// What follows from the judgement.
#[derive(Clone, Debug)]
pub enum Next {
    /// The request goes to the upstream with this body.
    Forward {
        /// The body: the very bytes that came unless something was rewritten.
        body: Bytes,
        /// Whether something was rewritten.
        changed: bool,
    },
    /// The gateway answers itself, in the model's place.
    Answer(Reply),
    /// The gateway answers with an error.
    Refuse(ExchangeError),
}

/// A request that has been read and judged, and waits for its record.
#[derive(Debug)]
pub struct Judged {
    matched: Matched,
    terms: Terms,
    ask: Ask,
    report: Report,
    next: Next,
    /// The rule that blocks it and what is told of it.
    blocked: Option<(RuleId, ExchangeError)>,
    /// What the user says last, where somebody asks for it and it is short.
    last: Option<Quiet<String>>,
    /// A sketch of it, where somebody asks for that.
    sketch: Option<Sketch>,
    /// Marks of the gateway's own that were taken out of it.
    marks: u64,
    /// What the answer is held against.
    context: Option<Arc<Context>>,
    /// Whose values they are and what brings them back in the answer, where something was made of them.
    values: Option<(Scope, Arc<Back>)>,
    /// How many stand-ins were put into it.
    given: Counted,
    /// Keeps them, where the provider keeps what was said.
    keeping: Option<Box<Keeping>>,
    /// Values of somebody else than who asks may come back.
    of_others: bool,
    /// Its system prompt, where somebody looks for it in the answer.
    own: Option<Arc<Index>>,
    /// Its body, where prints of the answer are kept.
    request: Bytes,
    /// What judges are to be asked, where they are.
    judges: Option<Box<ForJudges>>,
}

/// What judges are asked about a request.
#[derive(Debug, Default)]
struct ForJudges {
    /// Before it goes on.
    questions: Vec<Question>,
    /// What its answer answers.
    asked: Option<Arc<str>>,
}

impl Received {
    /// A request for this operation under these terms.
    pub fn new(matched: Matched, terms: Terms) -> Self {
        Self { matched, terms }
    }

    /// The same request, of whose texts judges have said this.
    #[must_use]
    pub fn knowing(mut self, answers: Answers) -> Self {
        self.terms.judges = Some(Arc::new(answers));
        self
    }

    /// Reads the body (already free of its content coding) and the query. `json` says whether the media type is JSON; an empty body
    /// needs none. An `Err` is a request that cannot be judged; what the policy refuses is a judgement.
    pub fn judge(self, query: Option<&str>, json: bool, body: Bytes) -> Result<Judged, ExchangeError> {
        self.judge_unless(&Halt::default(), query, json, body)
    }

    /// The same, unless it is told to stop; what comes of it then is an error.
    pub fn judge_unless(
        self,
        halt: &Halt,
        query: Option<&str>,
        json: bool,
        mut body: Bytes,
    ) -> Result<Judged, ExchangeError> {
        let Self { matched, mut terms } = self;
        let mut reader = Reader::new(Arc::clone(&terms.policy), Side::Prompt, false);
        reader.halt_at(halt);
        if let Some(answers) = &terms.judges {
            reader.ask_judges(answers, None);
        }
        if matched.dialect.has_words(matched.operation) {
            reader.take_context();
        }
        let mut ask = Ask { choices: 1, ..Ask::default() };
        let mut keeping = None;
        if let Some(book) = body.is_empty().then(|| pseudonyms::of_path(&terms, &matched)).flatten() {
            reader.stand_in(book);
        }
        let mut judged = read_target(&mut reader, &matched.path, query);
        let request = if terms.prints { body.clone() } else { Bytes::new() };
        let (mut changed, mut last, mut sketch, mut own) = (None, None, None, 0);
        let (mut system, mut asked) = (None, None);
        if judged.is_ok() && !body.is_empty() {
            let mut tape = Tape::within(terms.limits.json_depth, terms.limits.json_values);
            // A media type is a claim: some servers read JSON whatever it says.
            let reads = json || {
                judged = reader.unread("media type");
                judged.is_ok() && tape.parse(&body).is_ok()
            };
            if reads {
                tape.parse(&body).map_err(|e| bad_json(&e))?;
                // Before anything reads them: marks would hide words from rules and cost tokens.
                let marks = terms.marks.as_ref();
                if let Some((plain, marks)) = marks.and_then(|marks| stripped(&marks.keys, &body, &tape)) {
                    (body, own) = (plain.into(), marks);
                    tape.parse(&body).map_err(|e| bad_json(&e))?;
                }
                if terms.client.language.is_none() {
                    terms.client.language = language(&body, &tape);
                }
                let words = (terms.policy.sessions().is_some() || terms.policy.abuse().is_some())
                    && matched.dialect.has_words(matched.operation);
                if words {
                    let words = last_words(&body, &tape);
                    if terms.policy.abuse().is_some() {
                        sketch = words.as_deref().and_then(Sketch::of);
                    }
                    // What ends a session is no long text; of a longer one it is known that it is there.
                    last = words.map(|words| Quiet(words.chars().take(SHORT).collect()));
                }
                if terms.judges.is_some()
                    && terms.policy.asks_judges()
                    && matched.dialect.has_words(matched.operation)
                {
                    asked = last_words(&body, &tape).map(|words| {
                        let from = words.ceil_char_boundary(words.len().saturating_sub(BEFORE));
                        words.get(from..).unwrap_or_default().into()
                    });
                }
                ask = matched.dialect.ask(matched.operation, &body, &tape, query, matched.model.as_deref());
                if matched.dialect.has_words(matched.operation) {
                    let marks = terms.marks.as_ref().is_some_and(|marks| marks.may_mark(&terms.policy));
                    let biased = terms.policy.sampler_mark() && matched.dialect.takes_bias(matched.operation);
                    // Whether a route has clients told of doubts in words is not known yet.
                    let doubts = terms.policy.doubts();
                    ask.exact = (marks || biased || doubts || terms.client.labels)
                        && (ask.structured || is_exact(&body, &tape));
                    if biased && !ask.exact {
                        ask.bias = bias(&body, &tape);
                    }
                    if terms.client.labels {
                        ask.first = is_first(&body, &tape);
                    }
                    if biased || doubts || terms.client.labels {
                        terms.client.said = said(&body, &tape);
                    }
                }
                if reader.knows_system_prompts() && matched.dialect.has_words(matched.operation) {
                    system = system_prompt(&system_words(&body, &tape));
                }
                in_bounds(&matched, &terms, &body, &tape, &ask)?;
                if let Some((book, keeps)) = pseudonyms::book(&terms, &matched, &ask, &body, &tape) {
                    reader.stand_in(book);
                    keeping = keeps;
                }
                judged = read_body(&mut reader, &matched, &body, &tape, &mut changed);
            }
        }
        if body.is_empty() {
            ask.model = matched.model.clone().unwrap_or_default();
        }
        let blocked = match &judged {
            Err(stop @ Stop::Blocked(rule)) => Some((*rule, refuse(stop, &terms, Side::Prompt))),
            Ok(()) | Err(Stop::Unscanned(_) | Stop::Halted | Stop::TooManyChannels) => None,
        };
        let next = match judged {
            Ok(()) => Next::Forward {
                changed: changed.is_some() || own > 0,
                body: changed.map_or(body, Bytes::from),
            },
            Err(Stop::Halted) => return Err(refuse(&Stop::Halted, &terms, Side::Prompt)),
            Err(stop) => refusal(&stop, &matched, &terms, &ask),
        };
        // Own rules come first: of what goes no further nobody is asked.
        let questions = match &next {
            Next::Forward { .. } => reader.questions(),
            Next::Answer(_) | Next::Refuse(_) => Vec::new(),
        };
        let context = reader.context();
        let values = reader.book().map(|book| (book.scope().clone(), Arc::new(book.back())));
        let given = reader.counted().cloned().unwrap_or_default();
        let of_others = reader.book().is_some_and(crate::vault::Book::has_others);
        let keeping = reader.book().zip(keeping).and_then(|(book, keeping)| keeping.of(book)).map(Box::new);
        let outcome = match &next {
            Next::Forward { .. } => Outcome::of(reader.strongest),
            Next::Answer(_) | Next::Refuse(_) => Outcome::Block,
        };
        let report = Report {
            outcome,
            findings: reader.noted(),
            found: reader.noted_in_all(),
            counts: reader.counts(),
            coverage: reader.coverage,
        };
        Ok(Judged {
            matched,
            terms,
            ask,
            report,
            next,
            blocked,
            last,
            sketch,
            marks: own,
            context,
            own: system,
            values,
            given,
            keeping,
            of_others,
            request,
            judges: (!questions.is_empty() || asked.is_some())
                .then(|| Box::new(ForJudges { questions, asked })),
        })
    }
}

impl Judged {
    /// The operation.
    pub fn matched(&self) -> &Matched {
        &self.matched
    }

    /// The terms under which the exchange runs.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Whether values may come back in its answer that are not, or not all, of the user who asks: its bodies are nobody's to keep, since erasing one
    /// user would not erase them.
    pub fn has_others(&self) -> bool {
        self.of_others
    }

    /// What the request asks for.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// What was found and read.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The beginning of what the user says last; nothing, where no user's words wait for a model's or nobody asks for them.
    pub fn last_words(&self) -> Option<&str> {
        self.last.as_ref().map(|words| words.0.as_str())
    }

    /// What became of the prompt, for who looks for abuse.
    pub fn seen(&self) -> Seen {
        let policy = &self.terms.policy;
        let found: Vec<CountKey> =
            self.report.counts.each().map(|(of, _)| of).filter(|of| !of.shadow).collect();
        let is_flag = |of: &CountKey| of.action == Action::Flag && policy.rule(of.rule).grade.is_none();
        Seen {
            blocked: self.blocked.is_some(),
            flagged: found.iter().any(is_flag),
            hidden: found.iter().filter_map(|of| of.hidden).collect(),
            sketch: self.sketch,
        }
    }

    /// What judges are to be asked before it goes on: with the answers in [`Terms::judges`] it is judged once more.
    pub fn questions(&mut self) -> Vec<Question> {
        self.judges.as_mut().map(|judges| std::mem::take(&mut judges.questions)).unwrap_or_default()
    }

    /// The rule that blocks it and what is told of it, where one does.
    pub fn blocked(&self) -> Option<&(RuleId, ExchangeError)> {
        self.blocked.as_ref()
    }

    /// How many stand-ins were put into it, by category of what they stand for.
    pub fn pseudonymised(&self) -> &Counted {
        &self.given
    }

    /// How many marks of the gateway's own came back in it; it goes on without them.
    pub fn own_marks(&self) -> u64 {
        self.marks
    }

    /// Marks stand so closely in its answer, whatever the policy says.
    pub fn mark_as(&mut self, density: Density) {
        if let Some(marks) = &mut self.terms.marks {
            marks.density = Some(density);
        }
    }

    /// Clients are told in this form of doubts about its answer, whatever the policy says.
    pub fn annotate_as(&mut self, form: Annotate) {
        self.terms.annotate = Some(form);
    }

    /// Whether the upstream's sampler may be asked for its mark, and by which words: those of the language in which the answer will be. None where the
    /// answer's words stay as they are, or are of another language than those that are listed.
    pub fn may_bias(&self) -> Option<(Bias, List)> {
        let list = match self.terms.client.said {
            // Where nothing tells the language, as in a few words, it is most often English.
            Some(Tongue::English) | None => List::English,
            Some(Tongue::Chinese) => List::Chinese,
            Some(Tongue::Japanese | Tongue::German | Tongue::French | Tongue::Spanish | Tongue::Italian) => {
                return None;
            }
        };
        Some((self.ask.bias, list)).filter(|(bias, _)| *bias != Bias::Fixed)
    }

    /// What follows.
    pub fn next(&self) -> &Next {
        &self.next
    }

    /// Begins the answer, which gives nothing away before there is a durable admission record.
    pub fn ahead(self) -> Ahead {
        let mut answering = Answering::new(self.matched, self.terms, self.ask, self.report);
        answering.ask_judges(self.judges.as_ref().and_then(|judges| judges.asked.as_ref()));
        answering.hold_against(self.context);
        if let Some((scope, back)) = self.values {
            answering.bring_back(scope, back);
        }
        answering.keep(self.keeping);
        answering.answers_to(self.own);
        answering.was_asked(self.request);
        Ahead::new(answering)
    }

    /// Begins the answer to an exchange that is on record.
    pub fn admit(self, receipt: Receipt) -> Answering {
        self.ahead().admit(receipt).0
    }
}

/// The query is a text too, and a path whose id or model does not look like one. Neither can be rewritten, so what would be masked
/// there is refused.
fn read_target(reader: &mut Reader, path: &str, query: Option<&str>) -> Result<(), Stop> {
    let is_plain = looks_like_identifier(path.as_bytes());
    let read = if is_plain { Ok(()) } else { reader.read_fixed(path) };
    match query.filter(|query| !query.is_empty()) {
        Some(query) => read.and(reader.read_fixed(&query_text(query))),
        None => read,
    }
}

/// A query as a text: its fields are words of it.
fn query_text(query: &str) -> String {
    String::from_utf8(percent_decoded(&query.replace(['+', '&'], " ")))
        .unwrap_or_else(|e| e.into_bytes().iter().map(|&b| char::from(b)).collect())
}

fn read_body(
    reader: &mut Reader,
    matched: &Matched,
    body: &[u8],
    tape: &Tape,
    changed: &mut Option<Vec<u8>>,
) -> Result<(), Stop> {
    let segments = reader.read(body, tape, (matched.operation.request)())?;
    reader.finish()?;
    *changed = reader.emit(body, &segments);
    Ok(())
}

/// Whether a request that a model's words answer asks for no more of them than it may.
fn in_bounds(
    matched: &Matched,
    terms: &Terms,
    body: &[u8],
    tape: &Tape,
    ask: &Ask,
) -> Result<(), ExchangeError> {
    let limit = terms.limits.output_tokens.filter(|_| matched.dialect.has_words(matched.operation));
    let Some(limit) = limit else { return Ok(()) };
    let message = match matched.dialect.tokens(body, tape, ask) {
        Some(tokens) if tokens <= limit => return Ok(()),
        Some(_) => format!("the request asks for more than {limit} tokens (`limits.output_tokens`)"),
        None => {
            let names: Vec<String> =
                matched.dialect.token_limits().iter().map(|path| format!("`{}`", path.join("."))).collect();
            let names = names.join(" or ");
            format!(
                "the request has to say how many tokens it wants at most: {names}, of at most {limit} (`limits.output_tokens`)"
            )
        }
    };
    Err(ExchangeError::new(ErrorKind::BadRequest, message))
}

/// So many characters of a user's last words are kept.
const SHORT: usize = 64;
/// So many bytes of a request's last texts tell its language.
const TELLING: usize = 4 << 10;

/// The language of what a request says, by its last texts.
fn language(body: &[u8], tape: &Tape) -> Option<Language> {
    let (mut scripts, mut left) = (Scripts::default(), TELLING);
    for (n, node) in tape.nodes().iter().enumerate().rev().filter(|(_, node)| node.kind == Kind::String) {
        let length = (node.end - node.start) as usize;
        // A text that is too long is told by its beginning.
        let end = node.start as usize + length.min(left);
        let part = body.get(node.start as usize..end).unwrap_or_default();
        if node.escaped && length <= left {
            scripts.add(&tape.text(body, n));
        } else {
            let part = std::str::from_utf8(part).unwrap_or_else(|error| {
                let whole = part.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(whole).unwrap_or_default()
            });
            if node.escaped { scripts.add(&unescape(part)) } else { scripts.add(part) }
        }
        left = left.saturating_sub(length);
        if left == 0 {
            break;
        }
    }
    scripts.language()
}

/// The language in which the answer will be, by what the request says last.
fn said(body: &[u8], tape: &Tape) -> Option<Tongue> {
    let mut strings = tape.nodes().iter().enumerate().rev().filter(|(_, node)| node.kind == Kind::String);
    strings.find_map(|(n, _)| {
        let text = tape.text(body, n);
        let words = !text.is_ascii() || text.contains(' ');
        Guess::of(text.get(..text.floor_char_boundary(text.len().min(TELLING)))?).filter(|_| words)
    })
}

fn bad_json(error: &JsonError) -> ExchangeError {
    ExchangeError::new(ErrorKind::BadRequest, format!("the request body cannot be read: {error}"))
}

fn refusal(stop: &Stop, matched: &Matched, terms: &Terms, ask: &Ask) -> Next {
    let error = refuse(stop, terms, Side::Prompt);
    match (stop, terms.policy.block_as()) {
        (Stop::Blocked(_), BlockAs::Refusal) => {
            Next::Answer(matched.dialect.refusal(matched.operation, ask, &error))
        }
        _ => Next::Refuse(error),
    }
}
