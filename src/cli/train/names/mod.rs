//! A tagger, trained as its recipe says.

mod figures;
mod lessons;
mod made;
mod recipe;

use super::{Args, Exit, Format, misuse, read_toml, tell_missing};
use crate::detect::tagger::{Head, Lexicon, MOST_TYPES, Settings, TRAITS, Tagger, train};
use crate::text::fold::fold_literal;
use anyhow::Context;
use figures::Figures;
use lessons::{Lesson, Rows, examples, gather};
use made::make;
use recipe::{Recipe, Slots, WordFile};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let recipe: Recipe = match read_toml(&args.recipe) {
        Ok(recipe) => recipe,
        Err(why) => return misuse(&why),
    };
    if recipe.types.is_empty() || recipe.types.len() > MOST_TYPES {
        let found = recipe.types.len();
        return misuse(&format!(
            "`{}`: expected 1 to {MOST_TYPES} types, found {found}",
            args.recipe.display()
        ));
    }
    let beside = args.recipe.parent().unwrap_or(Path::new("."));
    let mut files: Vec<WordFile> = Vec::new();
    for name in &recipe.words {
        match read_toml(&beside.join(name)) {
            Ok(file) => files.push(file),
            Err(why) => return misuse(&why),
        }
    }
    let words = match lexicon(&files) {
        Ok(words) => words,
        Err(why) => return misuse(&why),
    };
    let slots = Slots::of(&files);
    let mut missing = Vec::new();
    let (mut lessons, rows) = match gather(&recipe, &slots, &args.data, &args.leave_out, &mut missing) {
        Ok(gathered) => gathered,
        Err(why) => return misuse(&why),
    };
    tell_missing(&missing)?;
    let made = match make(&recipe, &files, &slots) {
        Ok(made) => made,
        Err(why) => return misuse(&why.to_string()),
    };
    let many = made.len();
    lessons.extend(made.into_iter().map(|(lang, made)| Lesson {
        source: format!("made {lang}"),
        text: made.text,
        spans: made.spans,
        labelled: (0..recipe.types.len()).collect(),
        weight: recipe.made_weight,
        held: false,
        left_out: false,
        extra: true,
        unlabelled: false,
    }));
    let (judge, _) = learn(&recipe, &lessons, &words, true)?;
    let figures = Figures::of(&recipe, &judge, &lessons);
    let mut stdout = io::stdout().lock();
    if let Some(out) = &args.out {
        let (tagger, file) = learn(&recipe, &lessons, &words, false)?;
        std::fs::create_dir_all(out)?;
        let write = |name: String, bytes: &[u8]| {
            let path = out.join(name);
            std::fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
        };
        write(format!("{}.model", recipe.name), &file)?;
        let facts = Facts {
            rows: &rows,
            made: many,
            words: words.len(),
            sha256: &tagger.head().sha256,
            bytes: file.len(),
        };
        write(format!("{}.md", recipe.name), figures.card(&recipe, &facts).as_bytes())?;
    }
    match args.format {
        Format::Json => {
            serde_json::to_writer(&mut stdout, &figures)?;
            writeln!(stdout)?;
        }
        Format::Human => stdout.write_all(figures.table().as_bytes())?,
    }
    Ok(Exit::Fine)
}

/// What the card says beside figures.
struct Facts<'f> {
    rows: &'f Rows,
    made: usize,
    words: usize,
    sha256: &'f str,
    bytes: usize,
}

/// Words with their traits, folded as texts are.
fn lexicon(files: &[WordFile]) -> Result<Vec<(u32, u16)>, String> {
    let mut words: Vec<(String, u16)> = Vec::new();
    for list in files.iter().flat_map(|file| &file.words) {
        let mut traits = 0;
        for name in &list.traits {
            let Some((_, bit)) = TRAITS.iter().find(|(known, _)| known == name) else {
                let known: Vec<&str> = TRAITS.iter().map(|(name, _)| *name).collect();
                return Err(match crate::diag::nearest(name, &known) {
                    Some(near) => format!("unknown trait `{name}`; did you mean `{near}`?"),
                    None => format!("unknown trait `{name}`; there are {}", known.join(", ")),
                });
            };
            traits |= bit;
        }
        // Of a name of several words each is known.
        let each = list.words.split_whitespace().flat_map(|word| word.split(['_', '-', '\'']));
        words.extend(each.filter(|word| !word.is_empty()).map(|word| {
            let folded = String::from_utf8(fold_literal(word)).unwrap_or_default();
            (folded, traits)
        }));
    }
    Ok(Lexicon::of_words(words.iter().map(|(word, traits)| (word.as_str(), *traits))))
}

/// Trains: for the figures without what is held, or by all.
fn learn(
    recipe: &Recipe,
    lessons: &[Lesson],
    words: &[(u32, u16)],
    held: bool,
) -> anyhow::Result<(Tagger, Vec<u8>)> {
    let known = Lexicon::new(words);
    let taken = lessons.iter().filter(|lesson| lesson.weight > 0.0 && !(held && lesson.held));
    let mut all: Vec<_> = taken.flat_map(|lesson| examples(lesson, recipe.types.len(), &known)).collect();
    let settings = Settings {
        types: recipe.types.len(),
        epochs: recipe.epochs,
        rate: recipe.rate,
        decay: recipe.decay,
        least: recipe.least,
    };
    let progress = io::stderr().is_terminal();
    let weights = train(&mut all, settings, |epoch, loss| {
        if progress {
            let _ = writeln!(io::stderr(), "epoch {} of {}: {loss:.4}", epoch + 1, recipe.epochs);
        }
    });
    drop(all);
    let head = Head {
        format: 1,
        name: recipe.name.clone(),
        kind: "tagger".to_owned(),
        version: recipe.version.clone(),
        bits: recipe.bits.clamp(8, 20),
        types: recipe.types.iter().map(|one| one.name.clone()).collect(),
        least: recipe.types.iter().map(|one| one.least).collect(),
        scales: Vec::new(),
        biases: Vec::new(),
        follows: Vec::new(),
        words: 0,
        sha256: String::new(),
    };
    Ok(Tagger::quantised(head, &weights, words)?)
}
