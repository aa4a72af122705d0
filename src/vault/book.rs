//! The values of one request and what stands for each.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::back::{Back, Phrase};
use super::draw::Scope;
use super::finder::{Finder, squeezed, tidy};
use super::forms::{self, LAST, canonical, initial, name, name_part, stand_in};
use super::names::{Part, Piece, is_a_word};
use super::phones::at_home;
use crate::text::fold::TextKind;
use serde::{Deserialize, Serialize};

/// How often stand-ins are chosen anew that stand in the text themselves. What still does then is a tag.
const ROUNDS: usize = 8;
/// In how many of these another of the form is tried, before a tag is.
const TRIED: usize = 4;
/// How often one is chosen anew that another value has.
const TURNS: u32 = 64;
/// Most values of one request, with those of earlier ones that it goes on with. What finds them takes some 64 bytes for each letter of a
/// value (while the request is read) and of a stand-in (while its answer is).
const MOST: usize = 10_000;
/// Shorter values are replaced where they were found and nowhere else, in letters and digits.
const SHORTEST: usize = 6;

/// Gives all texts of a request to whoever reads them.
pub type Texts<'a> = dyn FnMut(&mut dyn FnMut(TextKind, &str)) + 'a;

/// A value and what stands for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// The category of the rule that found it.
    pub category: Arc<str>,
    /// The value, as it stands in the text.
    pub value: Arc<str>,
    /// What stands for it.
    pub stand_in: Arc<str>,
    /// Whether it comes back.
    pub restore: bool,
    /// Whether it is a word of a value, found by itself.
    pub word: bool,
}

impl fmt::Debug for Swap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <{} bytes>", self.category, self.value.len())
    }
}

/// What a stand-in is drawn for: a value, or a word of a name, with whichever choice is its.
struct Core {
    of: Of,
    /// One way in which it is written.
    text: String,
    turn: u32,
    /// Whether all that needs it comes back.
    restore: bool,
    category: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Of {
    Value,
    Part(Part),
}

/// How a stand-in is put together.
enum Made {
    Whole(usize),
    Pieces(Vec<(Piece, usize)>),
}

/// The values of one request.
pub struct Book {
    scope: Scope,
    cores: Vec<Core>,
    core_of: HashMap<(Of, String), usize>,
    swaps: Vec<Swap>,
    made: Vec<Made>,
    swap_of: HashMap<Box<str>, usize>,
    /// Swaps that stand from earlier, whose stand-ins nobody chooses anew.
    kept: Vec<Swap>,
    kept_of: HashMap<Arc<str>, usize>,
    /// Values of somebody else than who asks may be among those that are kept.
    of_others: bool,
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Book(<{} values>)", self.swaps.len() + self.kept.len())
    }
}

impl Book {
    /// No values yet.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            cores: Vec::new(),
            core_of: HashMap::new(),
            swaps: Vec::new(),
            made: Vec::new(),
            swap_of: HashMap::new(),
            kept: Vec::new(),
            kept_of: HashMap::new(),
            of_others: false,
        }
    }

    /// Values of earlier requests of the conversation, with what stood for them; `of_others` where they are not all of who asks now.
    pub fn keep(&mut self, swaps: Vec<Swap>, of_others: bool) {
        self.of_others = of_others && !swaps.is_empty();
        self.kept_of = swaps.iter().enumerate().map(|(n, swap)| (Arc::clone(&swap.value), n)).collect();
        self.kept = swaps;
    }

    /// Whether values of somebody else than who asks may come back.
    pub fn has_others(&self) -> bool {
        self.of_others
    }

    /// Whether it takes no more values.
    pub fn is_full(&self) -> bool {
        self.swaps.len() + self.kept.len() >= MOST
    }

    /// Whose values they are.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.swaps.is_empty() && self.kept.is_empty()
    }

    /// Takes in a value; gives its number. Of two rules that find the same value the first one's category counts, and that it does not
    /// come back if either says so.
    pub fn take(&mut self, category: &str, value: &str, restore: bool) -> usize {
        if let Some(&known) = self.swap_of.get(value) {
            if let Some(swap) = self.swaps.get_mut(known) {
                swap.restore &= restore;
            }
            self.mark(known, restore);
            return known;
        }
        let category: Arc<str> = category.into();
        let made = match name(&category, value) {
            Some(pieces) => Made::Pieces(
                pieces
                    .into_iter()
                    .map(|piece| {
                        let core = match &piece {
                            Piece::Word(part, word) => self.core(Of::Part(*part), word, restore, &category),
                            Piece::Stays(_) | Piece::Initial(_) => usize::MAX,
                        };
                        (piece, core)
                    })
                    .collect(),
            ),
            None => Made::Whole(self.core(Of::Value, value, restore, &category)),
        };
        let number = self.swaps.len();
        self.swaps.push(Swap { category, value: value.into(), stand_in: "".into(), restore, word: false });
        self.made.push(made);
        self.swap_of.insert(value.into(), number);
        number
    }

    fn core(&mut self, of: Of, text: &str, restore: bool, category: &Arc<str>) -> usize {
        let number = *self.core_of.entry((of, canonical(text))).or_insert(self.cores.len());
        if number == self.cores.len() {
            self.cores.push(Core {
                of,
                text: text.to_owned(),
                turn: 0,
                restore,
                category: Arc::clone(category),
            });
        } else if let Some(core) = self.cores.get_mut(number) {
            core.restore &= restore;
        }
        number
    }

    fn mark(&mut self, swap: usize, restore: bool) {
        let cores: Vec<usize> = match self.made.get(swap) {
            Some(Made::Whole(core)) => vec![*core],
            Some(Made::Pieces(pieces)) => pieces.iter().map(|(_, core)| *core).collect(),
            None => Vec::new(),
        };
        for core in cores {
            if let Some(core) = self.cores.get_mut(core) {
                core.restore &= restore;
            }
        }
    }

    /// Chooses what stands for each value, so that no two have the same and none stands in the request itself. `texts` gives all texts of
    /// the request. A value that was kept keeps what stood for it.
    pub fn choose(&mut self, texts: &mut Texts<'_>) {
        let values: HashSet<String> = self.cores.iter().map(|core| squeezed(&core.text)).collect();
        let mut used: HashSet<String> = self.kept.iter().map(|swap| squeezed(&swap.stand_in)).collect();
        let mut taken: HashSet<String> = HashSet::new();
        let mut open: Vec<usize> = (0..self.cores.len()).filter(|&number| !self.stays(number)).collect();
        for round in 0..ROUNDS {
            for &number in &open {
                self.choose_one(number, &values, &taken, &mut used);
            }
            let mut finder = Finder::default();
            for &number in &open {
                if let Some(core) = self.cores.get(number) {
                    finder.add(&self.drawn(core), number as u32);
                }
            }
            let mut again: BTreeSet<usize> = BTreeSet::new();
            texts(&mut |kind, text| {
                for hit in finder.all(kind, text) {
                    again.extend(finder.of(&hit).iter().map(|&number| number as usize));
                }
            });
            if again.is_empty() {
                break;
            }
            open = again.into_iter().collect();
            for &number in &open {
                if let Some(core) = self.cores.get_mut(number) {
                    let drawn = drawn(&self.scope, core);
                    taken.insert(squeezed(&drawn));
                    // A text may hold all names that there are: each look at it costs as much as reading it.
                    core.turn = (core.turn + 1).max(if round < TRIED { 0 } else { LAST });
                }
            }
        }
        let mut given: HashSet<String> = HashSet::new();
        for number in 0..self.swaps.len() {
            let mut stand_in = tidy(&self.put_together(number));
            // Where two values are the same but for what stands between their letters, what is drawn for one may be drawn for the other.
            let swap =
                self.swaps.get(number).map(|swap| (Arc::clone(&swap.category), Arc::clone(&swap.value)));
            for turn in LAST.. {
                let Some((category, value)) = swap.as_ref().filter(|_| given.contains(&stand_in)) else {
                    break;
                };
                stand_in = forms::stand_in(&self.scope, category, value, turn);
            }
            given.insert(stand_in.clone());
            if let Some(swap) = self.swaps.get_mut(number) {
                let kept = self.kept_of.get(&*swap.value).and_then(|&kept| self.kept.get(kept));
                swap.stand_in = kept.map_or_else(|| stand_in.into(), |kept| Arc::clone(&kept.stand_in));
            }
        }
    }

    /// Whether what is drawn for this one was kept; takes the same choice then.
    fn stays(&mut self, number: usize) -> bool {
        let Some(core) = self.cores.get(number).filter(|_| !self.kept.is_empty()) else { return false };
        let written = match core.of {
            Of::Value => core.text.clone(),
            Of::Part(_) => titled(&core.text),
        };
        let Some(kept) = self.kept_of.get(&*written).and_then(|&kept| self.kept.get(kept)) else {
            return false;
        };
        let form = squeezed(&kept.stand_in);
        let same = |turn: &u32| {
            squeezed(&drawn(
                &self.scope,
                &Core { turn: *turn, text: core.text.clone(), category: Arc::clone(&core.category), ..*core },
            )) == form
        };
        let Some(turn) = (0..TURNS).find(same) else { return false };
        if let Some(core) = self.cores.get_mut(number) {
            core.turn = turn;
        }
        true
    }

    fn choose_one(
        &mut self,
        number: usize,
        values: &HashSet<String>,
        taken: &HashSet<String>,
        used: &mut HashSet<String>,
    ) {
        let Some(core) = self.cores.get_mut(number) else { return };
        for _ in 0..TURNS {
            let form = squeezed(&drawn(&self.scope, core));
            if !values.contains(&form) && !taken.contains(&form) && used.insert(form) {
                return;
            }
            core.turn += 1;
        }
    }

    fn drawn(&self, core: &Core) -> String {
        drawn(&self.scope, core)
    }

    /// The stand-in of a value, written as the value is.
    fn put_together(&self, number: usize) -> String {
        let value = self.swaps.get(number).map_or("", |swap| &*swap.value);
        match self.made.get(number) {
            Some(Made::Whole(core)) => match self.cores.get(*core) {
                Some(core) => stand_in(&self.scope, &core.category, value, core.turn),
                None => String::new(),
            },
            Some(Made::Pieces(pieces)) => {
                let piece = |(piece, core): &(Piece, usize)| match piece {
                    Piece::Stays(text) => text.clone(),
                    Piece::Initial(letter) => initial(&self.scope, *letter).to_string(),
                    Piece::Word(part, word) => {
                        let turn = self.cores.get(*core).map_or(0, |core| core.turn);
                        name_part(&self.scope, *part, word, turn)
                    }
                };
                pieces.iter().map(piece).collect()
            }
            None => String::new(),
        }
    }

    /// Takes in another way of writing a value that is known, once the stand-ins are chosen; gives what stands for that.
    pub fn also(&mut self, category: &str, value: &str) -> Option<Arc<str>> {
        let known = |of: Of, text: &str| self.cores.get(*self.core_of.get(&(of, canonical(text)))?);
        let restore = if let Some(pieces) = name(category, value) {
            pieces.iter().try_fold(true, |restore, piece| match piece {
                Piece::Word(part, word) => known(Of::Part(*part), word).map(|core| restore && core.restore),
                Piece::Stays(_) | Piece::Initial(_) => Some(restore),
            })?
        } else {
            known(Of::Value, value).filter(|core| *core.category == *category)?.restore
        };
        if self.is_full() {
            return None;
        }
        let number = self.take(category, value, restore);
        let stand_in: Arc<str> = tidy(&self.put_together(number)).into();
        if let Some(swap) = self.swaps.get_mut(number).filter(|swap| swap.stand_in.is_empty()) {
            swap.stand_in = Arc::clone(&stand_in);
        }
        self.swaps.get(number).map(|swap| Arc::clone(&swap.stand_in))
    }

    /// What stands for the value of this number.
    pub fn swap(&self, number: usize) -> Option<&Swap> {
        self.swaps.get(number)
    }

    /// All values with what stands for them, those of earlier requests first, and words of names that stand for others by themselves.
    pub fn swaps(&self) -> impl Iterator<Item = Cow<'_, Swap>> {
        let known = |swap: &&Swap| !self.swap_of.contains_key(&*swap.value);
        let all = self.kept.iter().filter(known).chain(&self.swaps).map(Cow::Borrowed);
        all.chain(self.words().into_iter().map(Cow::Owned))
    }

    fn words(&self) -> Vec<Swap> {
        let mut out = Vec::new();
        for core in &self.cores {
            let Of::Part(part) = core.of else { continue };
            let (value, stand_in) = (titled(&core.text), titled(&self.drawn(core)));
            let mut word = |value: String, stand_in: String| {
                let category = Arc::clone(&core.category);
                out.push(Swap {
                    category,
                    value: value.into(),
                    stand_in: stand_in.into(),
                    restore: core.restore,
                    word: true,
                });
            };
            if part.stands_alone(&core.text) {
                word(value, stand_in);
            } else if part == Part::ZhSurname {
                for title in CALLED {
                    word(format!("{value}{title}"), format!("{stand_in}{title}"));
                }
            }
        }
        for swap in self.swaps.iter().filter(|swap| &*swap.category == "PHONE") {
            if let (Some(value), Some(stand_in)) = (at_home(&swap.value), at_home(&swap.stand_in)) {
                out.push(Swap { value: value.into(), stand_in: stand_in.into(), word: true, ..swap.clone() });
            }
        }
        out
    }

    /// What finds the stand-ins in an answer.
    pub fn back(&self) -> Back {
        let mut back = Back::default();
        for swap in self.swaps().filter(|swap| swap.restore) {
            let phrase = Phrase::new(Arc::clone(&swap.category), &swap.stand_in, &swap.value);
            back.add(Phrase { exact: swap.word, ..phrase });
        }
        back.inflect();
        back
    }

    /// What finds the values, for texts in which no rule has found them.
    pub fn forward(&self) -> Back {
        let mut forward = Back::default();
        let is_long = |swap: &Swap| squeezed(&swap.value).chars().count() >= shortest(&swap.value);
        let is_meant = |swap: &Swap| if swap.word { !is_a_word(&swap.value) } else { is_long(swap) };
        for swap in self.swaps().filter(|swap| is_meant(swap)) {
            let phrase = Phrase::new(Arc::clone(&swap.category), &swap.value, &swap.stand_in);
            forward.add(Phrase { exact: swap.word, ..phrase });
        }
        forward
    }
}

/// What people are called by with their surname alone.
const CALLED: [&str; 12] =
    ["先生", "女士", "小姐", "太太", "老师", "教授", "医生", "主任", "经理", "总", "律师", "博士"];

/// How many letters and digits a value has at least that is looked for where no rule has found it: three characters of a script without
/// spaces say as much as a word.
fn shortest(value: &str) -> usize {
    if value.is_ascii() { SHORTEST } else { 3 }
}

fn drawn(scope: &Scope, core: &Core) -> String {
    match core.of {
        Of::Value => stand_in(scope, &core.category, &core.text, core.turn),
        Of::Part(part) => name_part(scope, part, &core.text, core.turn),
    }
}

/// A word with a capital, the rest small.
fn titled(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + &chars.as_str().to_lowercase()
}
