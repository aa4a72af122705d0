//! The form of a stand-in, by the category of what it stands for.

use super::draw::{Draw, Scope};
use super::finder::squeezed;
use super::names::{self, Part, Piece};
use super::{dates, identifiers, phones, places};

/// Hexadecimal digits of a tag.
const TAG: usize = 4;
/// From this choice on a stand-in is a tag: all others of its form are taken, or stand in the text.
pub(super) const LAST: u32 = 48;

/// What kind of value a category is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Name,
    Mail,
    Phone,
    Date,
    Address,
    Organisation,
    /// What has letters and digits in a form of its own; what has none, too.
    Identifier,
}

impl Form {
    pub(super) fn of(category: &str) -> Self {
        match category {
            "PERSON" => Self::Name,
            "EMAIL" => Self::Mail,
            "PHONE" => Self::Phone,
            "DATE_OF_BIRTH" | "DATE" => Self::Date,
            "ADDRESS" => Self::Address,
            "ORGANIZATION" => Self::Organisation,
            _ => Self::Identifier,
        }
    }
}

/// What a value is to the stand-in that is drawn: the same for two ways of writing it.
pub(super) fn canonical(text: &str) -> String {
    let squeezed = squeezed(text);
    if squeezed.is_empty() { text.to_owned() } else { squeezed }
}

/// A stand-in for a value that is no name, the `turn`th choice.
pub(super) fn stand_in(scope: &Scope, category: &str, text: &str, turn: u32) -> String {
    let mut draw = scope.draw(category, &canonical(text), turn);
    let made = match Form::of(category) {
        _ if turn >= LAST => None,
        Form::Name => None,
        Form::Mail => mail(scope, text, &mut draw),
        Form::Phone => phones::stand_in(text, &mut draw),
        Form::Date => dates::stand_in(text, &mut draw),
        Form::Address => places::address(text, &mut draw),
        Form::Organisation => places::organisation(text, &mut draw),
        Form::Identifier => identifiers::stand_in(category, text, &mut draw),
    };
    made.unwrap_or_else(|| tag(category, &mut draw))
}

/// What stands for a value for which there is no form: `PASSPORT_7f3a`.
fn tag(category: &str, draw: &mut Draw) -> String {
    let category: String = category.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let category = if category.is_empty() { "VALUE" } else { &category };
    format!("{category}_{}", draw.hex(TAG))
}

/// A stand-in for a word of a name, written as the word is.
pub(super) fn name_part(scope: &Scope, part: Part, word: &str, turn: u32) -> String {
    let mut draw = scope.draw(part.as_str(), &canonical(word), turn);
    let new = part.draw(&mut draw);
    let new = if turn >= LAST { format!("{new}{}", draw.hex(TAG)) } else { new };
    let upper =
        word.chars().count() > 1 && word.chars().all(|c| !c.is_lowercase()) && word != word.to_lowercase();
    if upper {
        new.to_uppercase()
    } else if word.chars().all(|c| !c.is_uppercase()) {
        new.to_lowercase()
    } else {
        new
    }
}

/// The letter that stands for an initial.
pub(super) fn initial(scope: &Scope, letter: char) -> char {
    let mut draw = scope.draw("initial", &letter.to_string(), 0);
    let other = char::from(b'A' + draw.below(26) as u8);
    if letter.is_lowercase() { other.to_ascii_lowercase() } else { other }
}

/// A mail address of nobody, in a domain kept for examples (RFC 2606): the same one for all addresses of a domain.
fn mail(scope: &Scope, text: &str, draw: &mut Draw) -> Option<String> {
    let (_, domain) = text.rsplit_once('@')?;
    let mut of_domain = scope.draw("domain", &domain.to_lowercase(), 0);
    let domain = of_domain.pick(&["example.com", "example.org", "example.net"]);
    let given = if draw.below(2) == 0 { Part::Female } else { Part::Male };
    let (given, family) = (given.draw(draw), Part::Surname.draw(draw));
    Some(format!("{}.{}{}@{domain}", given.to_lowercase(), family.to_lowercase(), draw.digits(2)))
}

/// The pieces of a name, if it is one for whose words there are stand-ins.
pub(super) fn name(category: &str, text: &str) -> Option<Vec<Piece>> {
    (Form::of(category) == Form::Name).then(|| names::pieces(text)).flatten()
}
