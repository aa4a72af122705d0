//! PDF: a line at the foot of the last page, appended as an update, so that the bytes before it stay.
//!
//! Words of Latin letters are drawn in Helvetica, others in a font that every reader knows by name and takes from the system (ISO 32000-1,
//! 9.7.5.2: predefined CMaps of UCS-2). Either says what its letters are, so that they can be searched and read aloud.

use std::fmt::Write as _;

use lopdf::content::Content;
use lopdf::{Dictionary, Document, IncrementalDocument, Object, ObjectId, Stream, dictionary};

use super::super::pdf::{open, open_to_update, updated};
use super::super::{ExportError, MOST};

const FORM: ExportError = ExportError::Form("a PDF document with a page");
/// The font's name in the page's resources.
const FONT: &str = "SluicegateLabel";
/// Points.
const SIZE: f32 = 9.0;
const MARGIN: f32 = 36.0;
const LETTER: [f32; 4] = [0.0, 0.0, 612.0, 792.0];
/// Bytes of content that are followed operator by operator.
const FOLLOWED: usize = 4 << 20;

pub(super) fn write(file: &[u8], words: &str) -> Result<Vec<u8>, ExportError> {
    let document = open_to_update(file)?;
    let page = document.get_pages().into_values().next_back().ok_or(FORM)?;
    let latin = is_latin(words);
    let (sides, turn) = (sides(&document, page), turn(&document, page));
    let drawn = drawn(&lines(words, sides, turn), latin, sides, turn);
    let font = if latin { latin_font() } else { wide_font(words) };
    let mut update = IncrementalDocument::create_from(file.to_vec(), document);
    update.opt_clone_object_to_new_document(page).map_err(|_| FORM)?;
    let new = &mut update.new_document;
    let font = match font {
        Font::Plain(font) => new.add_object(font),
        Font::Composite { mut font, descendant, to_unicode } => {
            let descendant = new.add_object(descendant);
            let to_unicode = new.add_object(to_unicode);
            font.set("DescendantFonts", vec![Object::Reference(descendant)]);
            font.set("ToUnicode", Object::Reference(to_unicode));
            new.add_object(font)
        }
    };
    let resources = update.get_or_create_resources(page).and_then(Object::as_dict_mut).map_err(|_| FORM)?;
    let mut fonts = match resources.get(b"Font").cloned() {
        Ok(Object::Reference(id)) => {
            update.get_prev_documents().get_dictionary(id).cloned().unwrap_or_default()
        }
        Ok(Object::Dictionary(own)) => own,
        Ok(_) | Err(_) => Dictionary::new(),
    };
    let name = (0..).map(|n| if n == 0 { FONT.to_owned() } else { format!("{FONT}{n}") });
    let name = name.take(1000).find(|name| !fonts.has(name.as_bytes())).ok_or(FORM)?;
    fonts.set(name.as_bytes(), Object::Reference(font));
    let resources = update.get_or_create_resources(page).and_then(Object::as_dict_mut).map_err(|_| FORM)?;
    resources.set("Font", Object::Dictionary(fonts));
    // What the page's own content leaves set must not move the label.
    let previous = update.get_prev_documents();
    let before = contents(previous, page);
    let own = previous.get_page_content_with_limit(page, MOST).map_err(|_| ExportError::Size)?;
    let label = drawn.replace(FONT, &name);
    let stream = |text: String| Object::Stream(Stream::new(Dictionary::new(), text.into_bytes()));
    let all: Vec<Object> = if let Some(ends) = Ends::of(&own) {
        let new = &mut update.new_document;
        let begin = new.add_object(stream("q\n".repeat(ends.below + 1)));
        let end = new.add_object(stream(format!("\n{}Q\n{label}", ends.closing())));
        std::iter::once(begin.into()).chain(before).chain([end.into()]).collect()
    } else {
        // Content that cannot be followed to its end is drawn as a form, whose end nothing outlasts.
        let resources = update.get_or_create_resources(page).map_err(|_| FORM)?.clone();
        let [left, bottom, right, top] =
            bounds(update.get_prev_documents(), page, b"MediaBox").unwrap_or(LETTER);
        let form = dictionary! {
            "Type" => "XObject", "Subtype" => "Form", "Resources" => resources,
            "BBox" => vec![left.into(), bottom.into(), right.into(), top.into()],
        };
        let mut form = Stream::new(form, own);
        form.compress().map_err(|_| FORM)?;
        let form = update.new_document.add_object(form);
        let shown = free_name(&update, page)?;
        update.add_xobject(page, shown.as_bytes(), form).map_err(|_| FORM)?;
        vec![update.new_document.add_object(stream(format!("q /{shown} Do Q\n{label}"))).into()]
    };
    let new = &mut update.new_document;
    new.get_object_mut(page).and_then(Object::as_dict_mut).map_err(|_| FORM)?.set("Contents", all);
    updated(update)
}

/// What of a page's own content is open at its end.
struct Ends {
    /// How many states were restored that it had not saved.
    below: usize,
    /// How many were saved and not restored, above those.
    saved: usize,
    in_text: bool,
    marked: usize,
}

impl Ends {
    /// None where the content cannot be followed: what is written behind it would not be read as it is.
    fn of(content: &[u8]) -> Option<Self> {
        const SENTINEL: &[u8] = b"\n/SluicegateEnd MP";
        if content.len() > FOLLOWED {
            return None;
        }
        let operations = Content::decode(&[content, SENTINEL].concat()).ok()?.operations;
        let (last, own) = operations.split_last()?;
        if last.operator != "MP" || last.operands != [Object::Name(b"SluicegateEnd".to_vec())] {
            return None;
        }
        let mut ends = Self { below: 0, saved: 0, in_text: false, marked: 0 };
        for operation in own {
            match operation.operator.as_str() {
                "q" => ends.saved += 1,
                "Q" if ends.saved == 0 => ends.below += 1,
                "Q" => ends.saved -= 1,
                "BT" => ends.in_text = true,
                "ET" => ends.in_text = false,
                "BMC" | "BDC" => ends.marked += 1,
                "EMC" => ends.marked = ends.marked.checked_sub(1)?,
                _ => {}
            }
        }
        // Readers bound how deep states and marks nest.
        (ends.below < 64 && ends.marked < 64).then_some(ends)
    }

    fn closing(&self) -> String {
        let text = if self.in_text { "ET\n" } else { "" };
        format!("{text}{}{}", "EMC\n".repeat(self.marked), "Q\n".repeat(self.saved))
    }
}

/// A name that none of the page's XObjects has.
fn free_name(update: &IncrementalDocument, page: ObjectId) -> Result<String, ExportError> {
    let document = update.get_prev_documents();
    let names = inherited(document, page, b"Resources")
        .and_then(|resources| resources.as_dict().ok()?.get_deref(b"XObject", document).ok()?.as_dict().ok());
    let name = (0..1000).map(|n| format!("{FONT}{n}"));
    name.into_iter().find(|name| names.is_none_or(|names| !names.has(name.as_bytes()))).ok_or(FORM)
}

/// Which of these labels the last page has, drawn from here.
pub(super) fn find(file: &[u8], labels: &[String]) -> Result<Option<usize>, ExportError> {
    let document = open(file)?;
    let page = document.get_pages().into_values().next_back().ok_or(FORM)?;
    let content = document.get_page_content_with_limit(page, MOST).map_err(|_| ExportError::Size)?;
    let (sides, turn) = (sides(&document, page), turn(&document, page));
    Ok(labels.iter().position(|words| {
        let latin = is_latin(words);
        lines(words, sides, turn).iter().all(|line| {
            let shown = format!("<{}> Tj", hex(line, latin));
            memchr::memmem::find(&content, shown.as_bytes()).is_some()
        })
    }))
}

/// The words in lines that the page is wide enough for.
fn lines(words: &str, [left, bottom, right, top]: [f32; 4], turn: i64) -> Vec<String> {
    let across = if turn % 2 == 0 { right - left } else { top - bottom };
    let room = (across - 2.0 * MARGIN).max(across / 2.0);
    let (mut out, mut line, mut taken) = (Vec::new(), String::new(), 0.0);
    for line_of in words.lines() {
        for word in line_of.split_inclusive(' ').flat_map(pieces) {
            let wide: f32 = word.chars().map(|c| if u32::from(c) < 0x2000 { 0.56 } else { 1.0 } * SIZE).sum();
            if taken + wide > room && !line.is_empty() {
                out.push(std::mem::take(&mut line));
                taken = 0.0;
            }
            line += word;
            taken += wide;
        }
        out.push(std::mem::take(&mut line));
        taken = 0.0;
    }
    out.retain(|line| !line.trim().is_empty());
    out
}

/// Where a word may be parted: behind each letter that is no Latin one.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    word.split_inclusive(|c: char| u32::from(c) >= 0x2e80)
}

/// Whether WinAnsiEncoding has all letters at their places of Latin-1.
fn is_latin(words: &str) -> bool {
    words.chars().all(|c| c == '\n' || (' '..='~').contains(&c) || ('\u{a1}'..='\u{ff}').contains(&c))
}

/// The page's own content streams.
fn contents(document: &Document, page: ObjectId) -> Vec<Object> {
    let own = document.get_dictionary(page).ok().and_then(|page| page.get(b"Contents").ok());
    match own {
        Some(Object::Array(streams)) => streams.clone(),
        Some(Object::Reference(id)) => match document.get_object(*id) {
            Ok(Object::Array(streams)) => streams.clone(),
            Ok(_) | Err(_) => vec![Object::Reference(*id)],
        },
        Some(_) | None => Vec::new(),
    }
}

/// What a page has or inherits from the tree above it.
pub(in super::super) fn inherited<'d>(
    document: &'d Document,
    page: ObjectId,
    key: &[u8],
) -> Option<&'d Object> {
    let mut at = document.get_dictionary(page).ok()?;
    // A tree that goes in circles ends.
    for _ in 0..64 {
        if let Ok(value) = at.get(key) {
            return match value {
                Object::Reference(id) => document.get_object(*id).ok(),
                value => Some(value),
            };
        }
        at = at
            .get(b"Parent")
            .and_then(Object::as_reference)
            .and_then(|id| document.get_dictionary(id))
            .ok()?;
    }
    None
}

/// A box of the page: left, bottom, right, top.
fn bounds(document: &Document, page: ObjectId, key: &[u8]) -> Option<[f32; 4]> {
    let sides = inherited(document, page, key)?.as_array().ok()?;
    let side = |side| document.dereference(side).ok()?.1.as_float().ok();
    let sides: Vec<f32> = sides.iter().filter_map(side).collect();
    let [a, b, c, d] = <[f32; 4]>::try_from(sides).ok()?;
    let is_sane = [a, b, c, d].iter().all(|side| side.abs() < 1e6);
    is_sane.then(|| [a.min(c), b.min(d), a.max(c), b.max(d)])
}

/// What of the page is seen: its crop box as far as its media box goes (ISO 32000-1, 14.11.2.1); US letter where it says none.
fn sides(document: &Document, page: ObjectId) -> [f32; 4] {
    let media = bounds(document, page, b"MediaBox").unwrap_or(LETTER);
    let Some(crop) = bounds(document, page, b"CropBox") else { return media };
    let seen = [media[0].max(crop[0]), media[1].max(crop[1]), media[2].min(crop[2]), media[3].min(crop[3])];
    if seen[0] < seen[2] && seen[1] < seen[3] { seen } else { media }
}

/// By how many quarters the page is turned where it is shown, clockwise.
fn turn(document: &Document, page: ObjectId) -> i64 {
    let turned = inherited(document, page, b"Rotate").and_then(|turned| turned.as_i64().ok());
    (turned.unwrap_or(0) / 90).rem_euclid(4)
}

/// The operators that draw the lines, the last of them at the foot of what is seen.
fn drawn(lines: &[String], latin: bool, [left, bottom, right, top]: [f32; 4], turn: i64) -> String {
    let mut out = format!("q BT 0 g /{FONT} {SIZE} Tf\n");
    for (n, line) in lines.iter().enumerate() {
        let up = MARGIN / 2.0 + (lines.len() - 1 - n) as f32 * SIZE * 1.3;
        let matrix = match turn {
            1 => format!("0 1 -1 0 {} {}", right - up, bottom + MARGIN),
            2 => format!("-1 0 0 -1 {} {}", right - MARGIN, top - up),
            3 => format!("0 -1 1 0 {} {}", left + up, top - MARGIN),
            _ => format!("1 0 0 1 {} {}", left + MARGIN, bottom + up),
        };
        let _ = writeln!(out, "{matrix} Tm <{}> Tj", hex(line, latin));
    }
    out + "ET Q\n"
}

/// A line as its font's codes: one byte a letter, or two.
fn hex(line: &str, latin: bool) -> String {
    if latin {
        line.chars().map(|c| format!("{:02X}", u32::from(c) & 0xff)).collect()
    } else {
        codes(line).map(|unit| format!("{unit:04X}")).collect()
    }
}

/// UCS-2 knows nothing beyond the BMP.
fn codes(line: &str) -> impl Iterator<Item = u16> {
    line.chars().map(|c| u16::try_from(u32::from(c)).unwrap_or(0xfffd))
}

enum Font {
    Plain(Dictionary),
    Composite { font: Dictionary, descendant: Dictionary, to_unicode: Stream },
}

fn latin_font() -> Font {
    Font::Plain(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
    })
}

/// A font of Chinese, Japanese or Korean letters (Adobe-GB1, Adobe-Japan1, Adobe-Korea1), all of which have Latin and Greek ones too.
fn wide_font(words: &str) -> Font {
    let has = |from: char, to: char| words.chars().any(|c| (from..=to).contains(&c));
    let (name, map, ordering, supplement) = if has('\u{3040}', '\u{30ff}') {
        ("HeiseiMin-W3", "UniJIS-UCS2-H", "Japan1", 4)
    } else if has('\u{ac00}', '\u{d7a3}') {
        ("HYSMyeongJo-Medium", "UniKS-UCS2-H", "Korea1", 1)
    } else {
        ("STSong-Light", "UniGB-UCS2-H", "GB1", 4)
    };
    let font = dictionary! {
        "Type" => "Font", "Subtype" => "Type0", "Encoding" => map,
        "BaseFont" => Object::Name(format!("{name}-{map}").into_bytes()),
    };
    let descendant = dictionary! {
        "Type" => "Font", "Subtype" => "CIDFontType0", "BaseFont" => name, "DW" => 1000,
        // CIDs 1 to 95 of these collections are Latin letters of their own width.
        "W" => vec![1.into(), 95.into(), 500.into()],
        "CIDSystemInfo" => dictionary! {
            "Registry" => Object::string_literal("Adobe"), "Ordering" => Object::string_literal(ordering), "Supplement" => supplement,
        },
        "FontDescriptor" => dictionary! {
            "Type" => "FontDescriptor", "FontName" => name, "Flags" => 6, "ItalicAngle" => 0, "Ascent" => 880, "Descent" => -120,
            "CapHeight" => 880, "StemV" => 93, "FontBBox" => vec![(-25).into(), (-254).into(), 1000.into(), 880.into()],
        },
    };
    let mut units: Vec<u16> = codes(words).filter(|&unit| unit > 31).collect();
    units.sort_unstable();
    units.dedup();
    // Codes are UTF-16 already: each says itself. A section of a CMap has at most a hundred entries.
    let mut map = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n1 begincodespacerange <0000> <FFFF> endcodespacerange\n".to_owned();
    for some in units.chunks(100) {
        let _ = writeln!(map, "{} beginbfchar", some.len());
        for unit in some {
            let _ = writeln!(map, "<{unit:04X}> <{unit:04X}>");
        }
        map += "endbfchar\n";
    }
    map += "endcmap CMapName currentdict /CMap defineresource pop end end\n";
    Font::Composite { font, descendant, to_unicode: Stream::new(Dictionary::new(), map.into_bytes()) }
}
