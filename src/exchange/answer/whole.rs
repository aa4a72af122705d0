//! An answer that is read when all of it is there: as JSON if it is that, and as a text otherwise.

use bytes::Bytes;
use smallvec::SmallVec;

use super::super::look::begins_as_json;
use super::super::marking::fixed;
use super::super::segment::Moved;
use super::{Answering, Finishing, Flow, Refused};
use crate::dialect::{ErrorKind, ExchangeError, Matched};
use crate::text::json::{JsonError, Kind};

impl Answering {
    pub(super) fn finish_whole(&mut self, out: &mut Vec<Bytes>) -> Flow {
        let body = Bytes::from(std::mem::take(&mut self.whole));
        if body.is_empty() {
            if !self.must_have_body() {
                return Flow::More;
            }
            let what = "the upstream's answer is empty";
            return self.fail(ExchangeError::new(ErrorKind::UpstreamGarbage, what), out);
        }
        match self.read_whole(&body) {
            Ok(changed) if self.reader.awaits_judges() => {
                self.finishing = Some(Box::new(Finishing::Whole(body, changed)));
                Flow::More
            }
            Ok(changed) => self.release_whole(body, changed, out),
            Err(Refused::Stop(stop)) => self.stop(&stop, out),
            Err(Refused::Garbage(what)) => {
                self.fail(ExchangeError::new(ErrorKind::UpstreamGarbage, what), out)
            }
        }
    }

    /// A whole answer leaves.
    pub(super) fn release_whole(
        &mut self,
        body: Bytes,
        mut changed: Option<Vec<u8>>,
        out: &mut Vec<Bytes>,
    ) -> Flow {
        let is_answer = (200..300).contains(&self.upstream_status);
        let mut own = SmallVec::new();
        if let Some(mut labels) = self.labels.take_if(|_| is_answer) {
            let labelled = labels.whole(&self.around(), changed.as_deref().unwrap_or(&body));
            self.labels = Some(labels);
            if let Some((labelled, written)) = labelled {
                changed = Some(labelled);
                if let Some((_, moved)) = self.read.as_deref_mut() {
                    moved.then(written.moved);
                }
                own = written.own;
            }
        }
        if let (Some(marking), Some(read)) = (&mut self.marking, self.read.take()) {
            let (segments, moved) = *read;
            let marked = marking.mark(changed.as_deref().unwrap_or(&body), &segments, &moved, &own);
            changed = marked.map(|(marked, _)| marked).or(changed);
        }
        self.released = true;
        self.rewritten = changed.is_some();
        out.push(changed.map_or(body, Bytes::from));
        Flow::More
    }

    /// Whether an answer without anything in it is none: each call of a dialect says something, an object or a list, unless its status
    /// tells that there is nothing to say.
    fn must_have_body(&self) -> bool {
        let call = self.matched.operation;
        let says = (200..300).contains(&self.upstream_status) && ![204, 205].contains(&self.upstream_status);
        says && !call.binary_answer && call.method != "DELETE"
    }

    fn read_whole(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, Refused> {
        let begins_as_json = begins_as_json(body);
        if self.json || begins_as_json {
            let mut tape = std::mem::take(&mut self.tape);
            let parsed = tape.parse(body);
            self.tape = tape;
            match parsed {
                Ok(()) => {
                    let Matched { dialect, operation, .. } = self.matched;
                    self.usage.raise(&dialect.usage(operation, body, &self.tape));
                    let root = self.tape.node(0).map(|node| node.kind);
                    if self.json && self.must_have_body() && !matches!(root, Some(Kind::Object | Kind::Array))
                    {
                        return Err(Refused::Garbage(
                            "the upstream's answer is neither an object nor a list".into(),
                        ));
                    }
                    if self.upstream_status < 300
                        && let Some(keeping) = self.keeping.take()
                        && let Some(id) = self.tape.str_at(body, &["id"])
                    {
                        keeping.keep(&id);
                    }
                    let mut segments =
                        self.reader.read(body, &self.tape, (self.matched.operation.answer)())?;
                    self.reader.finish()?;
                    let mut moved = Moved::default();
                    let anew = self.reader.emit_moved(body, &segments, &mut moved);
                    if self.marking.is_none() && self.delivering.is_none() {
                        return Ok(anew);
                    }
                    segments.fix(&fixed(body, &self.tape));
                    if let Some(delivering) = &mut self.delivering {
                        delivering.take(anew.as_deref().unwrap_or(body), &segments, &moved);
                    }
                    self.read = Some(Box::new((segments, moved)));
                    return Ok(anew);
                }
                Err(error) if self.json && self.upstream_status < 400 => {
                    return Err(Refused::Garbage(format!(
                        "the upstream sent an answer that cannot be read: {error}"
                    )));
                }
                // What is too much to be read as JSON is no plain text either.
                Err(error @ JsonError::Values(..)) => {
                    return Err(Refused::Garbage(format!(
                        "the upstream sent an answer that cannot be read: {error}"
                    )));
                }
                // Neither a value nor lines of them: who reads it some other way would get what was not read here.
                Err(_) if self.look.is_some() && begins_as_json && self.upstream_status < 400 => {
                    self.reader.unread("broken JSON")?;
                    return Ok(None);
                }
                Err(_) => {}
            }
        }
        // Error pages of servers in between come as plain text or HTML whatever their media type says.
        let text = std::str::from_utf8(body)
            .map_err(|_| Refused::Garbage("the upstream sent an answer that is not UTF-8".into()))?;
        let segment = self.reader.read_loose(text, 0..body.len() as u32)?;
        Ok(segment.is_edited().then(|| segment.plain(text)))
    }
}
