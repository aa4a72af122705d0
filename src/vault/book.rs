//! The values of one request and what stands for each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::back::{Back, Phrase};
use super::draw::Scope;
use super::finder::{Finder, squeezed};
use super::forms::{canonical, initial, name, name_part, stand_in};
use super::names::{Part, Piece};
use crate::text::fold::TextKind;

/// How often stand-ins are chosen anew that stand in the text themselves. What still does then is a tag.
const ROUNDS: usize = 60;
/// Shorter values are replaced where they were found and nowhere else, in letters and digits.
const SHORTEST: usize = 6;

/// A value and what stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The category of the rule that found it.
    pub category: Arc<str>,
    /// The value, as it stands in the text.
    pub value: Arc<str>,
    /// What stands for it.
    pub stand_in: Arc<str>,
    /// Whether it comes back.
    pub restore: bool,
}

/// What a stand-in is drawn for: a value, or a word of a name, with whichever choice is its.
#[derive(Debug)]
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
#[derive(Debug)]
enum Made {
    Whole(usize),
    Pieces(Vec<(Piece, usize)>),
}

/// The values of one request.
#[derive(Debug)]
pub struct Book {
    scope: Scope,
    cores: Vec<Core>,
    core_of: HashMap<(Of, String), usize>,
    swaps: Vec<Swap>,
    made: Vec<Made>,
    swap_of: HashMap<Box<str>, usize>,
    /// Swaps that stand from earlier, whose stand-ins nobody chooses anew.
    kept: Vec<Swap>,
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
        }
    }

    /// Values of earlier requests of the conversation, with what stood for them.
    pub fn keep(&mut self, swaps: Vec<Swap>) {
        self.kept = swaps;
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
        self.swaps.push(Swap { category, value: value.into(), stand_in: "".into(), restore });
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
    /// the request.
    pub fn choose(&mut self, texts: &mut dyn FnMut(&mut dyn FnMut(TextKind, &str))) {
        let values: HashSet<String> = self.cores.iter().map(|core| squeezed(&core.text)).collect();
        let mut used: HashSet<String> = self.kept.iter().map(|swap| squeezed(&swap.stand_in)).collect();
        // What was kept keeps its stand-in also where its value comes again.
        let mut taken: HashSet<String> = HashSet::new();
        let mut open: Vec<usize> = (0..self.cores.len()).collect();
        for _ in 0..ROUNDS {
            for &number in &open {
                self.choose_one(number, &values, &taken, &mut used);
            }
            let mut finder = Finder::default();
            for &number in &open {
                if let Some(core) = self.cores.get(number) {
                    finder.add(&self.drawn(core), number as u32);
                }
            }
            let mut again: HashSet<usize> = HashSet::new();
            texts(&mut |kind, text| {
                for hit in finder.all(kind, text) {
                    again.extend(finder.of(&hit).iter().map(|&number| number as usize));
                }
            });
            if again.is_empty() {
                break;
            }
            open = again.into_iter().collect();
            open.sort_unstable();
            for &number in &open {
                if let Some(core) = self.cores.get_mut(number) {
                    let drawn = drawn(&self.scope, core);
                    taken.insert(squeezed(&drawn));
                    core.turn += 1;
                }
            }
        }
        for number in 0..self.swaps.len() {
            let stand_in = self.put_together(number);
            if let Some(swap) = self.swaps.get_mut(number) {
                let kept = self.kept.iter().find(|kept| kept.value == swap.value);
                swap.stand_in = kept.map_or_else(|| stand_in.into(), |kept| Arc::clone(&kept.stand_in));
            }
        }
    }

    fn choose_one(
        &mut self,
        number: usize,
        values: &HashSet<String>,
        taken: &HashSet<String>,
        used: &mut HashSet<String>,
    ) {
        let Some(core) = self.cores.get_mut(number) else { return };
        for _ in 0..ROUNDS {
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

    /// What stands for the value of this number.
    pub fn swap(&self, number: usize) -> Option<&Swap> {
        self.swaps.get(number)
    }

    /// All values with what stands for them, those of earlier requests first.
    pub fn swaps(&self) -> impl Iterator<Item = &Swap> {
        let known = |swap: &&Swap| !self.swaps.iter().any(|new| new.value == swap.value);
        self.kept.iter().filter(known).chain(&self.swaps)
    }

    /// Words of names that stand for others by themselves, with the category, what stands for them and whether they come back.
    fn words(&self) -> impl Iterator<Item = (Arc<str>, String, String, bool)> {
        self.cores.iter().filter_map(|core| match core.of {
            Of::Part(part) if part.stands_alone(&core.text) => Some((
                Arc::clone(&core.category),
                titled(&core.text),
                titled(&self.drawn(core)),
                core.restore,
            )),
            Of::Part(_) | Of::Value => None,
        })
    }

    /// What finds the stand-ins in an answer, and in a text that is still to be sent the values that no rule has found there; nothing
    /// where there are none.
    pub fn back(&self) -> Back {
        let mut back = Back::default();
        for swap in self.swaps().filter(|swap| swap.restore) {
            back.add(Phrase::new(swap.category.clone(), &swap.stand_in, &swap.value));
        }
        for (category, value, stand_in, _) in self.words().filter(|(.., restore)| *restore) {
            back.add(Phrase::new(category, &stand_in, &value));
        }
        back.inflect();
        back
    }

    /// What finds the values, for texts in which no rule has found them.
    pub fn forward(&self) -> Back {
        let mut forward = Back::default();
        for swap in self.swaps().filter(|swap| squeezed(&swap.value).chars().count() >= shortest(&swap.value))
        {
            forward.add(Phrase::new(swap.category.clone(), &swap.value, &swap.stand_in));
        }
        for (category, value, stand_in, _) in self.words() {
            forward.add(Phrase { exact: true, ..Phrase::new(category, &value, &stand_in) });
        }
        forward
    }
}

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
