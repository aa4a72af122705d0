//! HTML: a `meta` element named `AIGC` in the head, whose content are the seven fields as JSON.
//!
//! Tags are those that a browser's tokenizer finds: none in comments, titles, scripts and text fields; an inert `template` has none that count.

use std::collections::BTreeMap;
use std::ops::Range;

use html5gum::{DefaultEmitter, Token, Tokenizer};

use super::{ExportError, Fields, fields_json, of_json};
use crate::provenance::Aigc;
use crate::provenance::c2pa::is_store;

/// A tag: where it stands, its name in small letters, for an end tag with `/` before it, and its attributes.
struct Tag {
    range: Range<usize>,
    name: String,
    attributes: BTreeMap<String, String>,
}

impl Tag {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What a document is made of, as far as it is asked for.
enum Piece {
    Tag(Tag),
    /// A comment or a doctype.
    Remark(Range<usize>),
    /// Whether it is nothing but spaces.
    Said(bool),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece> + '_ {
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let word = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Tokenizer::new_with_emitter(text, emitter).filter_map(move |token| {
        let Ok(token) = token;
        Some(match token {
            Token::StartTag(tag) => {
                let attributes = tag.attributes.iter().map(|(name, value)| (word(name), word(&value.value)));
                let attributes = attributes.collect();
                Piece::Tag(Tag { range: tag.span.start..tag.span.end, name: word(&tag.name), attributes })
            }
            Token::EndTag(tag) => Piece::Tag(Tag {
                range: tag.span.start..tag.span.end,
                name: format!("/{}", word(&tag.name)),
                attributes: BTreeMap::new(),
            }),
            Token::Comment(comment) => Piece::Remark(comment.span.start..comment.span.end),
            Token::Doctype(doctype) => Piece::Remark(doctype.span.start..doctype.span.end),
            Token::String(said) => Piece::Said(
                word(&said.value).trim_matches(['\u{feff}', ' ', '\t', '\n', '\r', '\u{c}']).is_empty(),
            ),
            Token::Error(_) => return None,
        })
    })
}

/// The tags of these names, in order.
fn tags(text: &str, names: &[&str]) -> Vec<Tag> {
    let (mut found, mut inert) = (Vec::new(), 0_usize);
    for piece in pieces(text) {
        let Piece::Tag(tag) = piece else { continue };
        match tag.name.as_str() {
            "template" => inert += 1,
            "/template" => inert = inert.saturating_sub(1),
            name if inert == 0 && names.contains(&name) => found.push(tag),
            _ => {}
        }
    }
    found
}

/// A script element that is a C2PA manifest.
pub(in crate::provenance) struct Manifest<'t> {
    /// All of the element.
    pub(in crate::provenance) range: Range<usize>,
    /// The text in it.
    pub(in crate::provenance) said: &'t str,
    /// Whether its tags have nothing but its type.
    pub(in crate::provenance) is_bare: bool,
}

/// The script elements that are C2PA manifests.
pub(in crate::provenance) fn manifests(text: &str) -> Vec<Manifest<'_>> {
    let mut found = Vec::new();
    let mut scripts = tags(text, &["script", "/script"]).into_iter().peekable();
    while let Some(tag) = scripts.next() {
        let is_ours =
            tag.name == "script" && tag.attribute("type").trim().eq_ignore_ascii_case("application/c2pa");
        let Some(close) = scripts.next_if(|close| is_ours && close.name == "/script") else { continue };
        let said = text.get(tag.range.end..close.range.start).unwrap_or_default();
        let closing = text.get(close.range.clone()).unwrap_or_default();
        let is_bare = tag.attributes.len() == 1
            && closing.trim_end_matches('>').trim_end().eq_ignore_ascii_case("</script");
        found.push(Manifest { range: tag.range.start..close.range.end, said, is_bare });
    }
    found
}

/// Where link elements say that C2PA manifests are.
pub(in crate::provenance) fn references(text: &str) -> Vec<String> {
    let links = tags(text, &["link"]).into_iter();
    let relates = |tag: &Tag| {
        tag.attribute("rel").split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("c2pa-manifest"))
    };
    links.filter(relates).map(|tag| tag.attribute("href").to_owned()).collect()
}

/// Where in the head an element may be put: behind the block, or where one would be.
pub(in crate::provenance) fn in_head(text: &str) -> usize {
    let block = blocks(text).last().map(|(range, _)| range.end);
    behind_line(text, block.unwrap_or_else(|| top_of_head(text)))
}

/// Behind the line break that stands there.
fn behind_line(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) }
}

/// Where a document's head begins: behind its tag, or where a `meta` opens one by itself, which is behind the doctype and comments before it.
fn top_of_head(text: &str) -> usize {
    let mut place = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    for piece in pieces(text) {
        match piece {
            Piece::Tag(tag) if tag.name == "html" => place = tag.range.end,
            Piece::Tag(tag) if tag.name == "head" => return tag.range.end,
            Piece::Remark(range) if !is_open(text, &range) => place = range.end,
            Piece::Said(true) => {}
            Piece::Tag(_) | Piece::Remark(_) | Piece::Said(false) => break,
        }
    }
    place
}

/// Whether a comment goes on to the document's end, for want of its own.
fn is_open(text: &str, range: &Range<usize>) -> bool {
    let own = text.get(range.clone()).unwrap_or_default();
    let closed = if own.starts_with("<!--") {
        ["-->", "--!>"].iter().any(|end| own.ends_with(end)) || matches!(own, "<!-->" | "<!--->")
    } else {
        own.ends_with('>')
    };
    !closed
}

fn blocks(text: &str) -> Vec<(Range<usize>, String)> {
    let metas = tags(text, &["meta"]).into_iter();
    let named = metas.filter(|tag| tag.attribute("name").trim().eq_ignore_ascii_case("aigc"));
    named.map(|tag| (tag.range.clone(), tag.attribute("content").to_owned())).collect()
}

pub(super) fn read(text: &str) -> Result<Option<Fields>, ExportError> {
    match blocks(text).as_slice() {
        [] => Ok(None),
        [(_, content)] => Ok(Some(of_json(content).unwrap_or_default())),
        more => Err(ExportError::Several(more.len())),
    }
}

/// The source without blocks; a line break that stood behind one goes with it.
fn bare(text: &str) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (range, _) in blocks(text) {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        at = behind_line(text, range.end);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// The source without blocks and its C2PA manifest; what only calls itself one is part of the source.
pub(super) fn content(text: &str) -> String {
    match manifests(text).as_slice() {
        [one] if one.is_bare && is_store(one.said) => {
            let before = text.get(..one.range.start).unwrap_or_default();
            bare(&format!("{before}{}", text.get(one.range.end..).unwrap_or_default()))
        }
        _ => bare(text),
    }
}

/// The source with these words as the last paragraph of its body.
pub(super) fn with_paragraph(text: &str, words: &str) -> String {
    let lines: Vec<String> = words.lines().map(super::visible::escaped).collect();
    let paragraph = format!("<p class=\"ai-label\">{}</p>\n", lines.join("<br>"));
    let close = |name: &str| tags(text, &[name]).last().map(|tag| tag.range.start);
    let place = close("/body").or_else(|| close("/html")).unwrap_or(text.len());
    let (before, after) = text.split_at_checked(place).unwrap_or((text, ""));
    let line = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    format!("{before}{line}{paragraph}{after}")
}

pub(super) fn write(text: &str, block: &Aigc) -> Result<String, ExportError> {
    let mut out = bare(text);
    let json = fields_json(block).replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let meta = format!("<meta name=\"AIGC\" content=\"{json}\">\n");
    let place = top_of_head(&out);
    let line = if out.get(place..).is_some_and(|rest| rest.starts_with('\n')) { place + 1 } else { place };
    out.insert_str(line, &meta);
    // Found again, whatever the document does.
    (blocks(&out).len() == 1).then_some(out).ok_or(ExportError::Form("HTML in which a `meta` can stand"))
}
