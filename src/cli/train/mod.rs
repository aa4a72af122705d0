//! `sluicegate train`: makes a model of labelled texts, and a card that says what it is made of and how good it is.

mod card;
mod dice;
mod lessons;
mod names;
mod phrases;
mod recipe;

use super::kept::misuse;
use super::{Exit, Format};
use crate::detect::Brought;
use crate::detect::classify::{LANES, Plan, Settings, learn};
use anyhow::Context as _;
use lessons::{Gathered, gather};
use recipe::{PhraseFile, Recipe};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Train a model from labelled texts, by a recipe
///
/// A recipe (TOML) names the classes, the sources and what their labels mean; one with `kind = "tagger"` names types of spans, and files of
/// words and frames. Data are JSON lines of `{"text", "label", "source", "licence",
/// "categories"}`, or of `{"text", "spans", "labelled"}`; rows whose licence says `evaluation only` are left out. Texts are dealt into parts; the figures, and the curves that make
/// scores of sums, come from parts that the weights had not seen. It also tells the thresholds: by class and language the scores that one in a hundred
/// and one in a thousand of the harmless texts reach, which are those of the sources with `benign = true`. Writes `NAME.model` and `NAME.md`, its card. The same files give the
/// same model.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 2 for bad input.

Examples:
  sluicegate train train/harm.toml --data ../shared/data --out filters/models
  sluicegate train train/harm.toml --data ../shared/data --leave-out AdvBench --format json
  sluicegate train train/names.toml --data ../shared/data --leave-out pii/polish.jsonl
  sluicegate train fraud.toml --data my-texts --out my-filters/desk/models")]
pub(super) struct Args {
    /// The recipe
    #[arg(value_name = "RECIPE")]
    recipe: PathBuf,

    /// The folder of the data that the recipe names
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// Where the model and its card go; without it nothing is written
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Sources whose names begin so are not learned from, only judged: how good is it on what it has never seen?
    #[arg(long, value_name = "SOURCE")]
    leave_out: Vec<String>,

    /// How to write the figures
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// What a recipe makes.
#[derive(Debug, serde::Deserialize)]
struct Kind {
    /// `tagger`, or nothing for what judges whole texts.
    #[serde(default)]
    kind: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match read_toml::<Kind>(&args.recipe) {
        Ok(Kind { kind }) if kind == "tagger" => return names::run(args),
        Ok(Kind { kind }) if kind.is_empty() => {}
        Ok(Kind { kind }) => {
            let path = args.recipe.display();
            return misuse(&format!(
                "`{path}`: unknown kind `{kind}`: there is `tagger`, or none for a model that judges texts"
            ));
        }
        Err(why) => return misuse(&why),
    }
    let recipe: Recipe = match read_toml(&args.recipe) {
        Ok(recipe) => recipe,
        Err(why) => return misuse(&why),
    };
    if recipe.classes.is_empty() || recipe.classes.len() > LANES {
        return misuse(&format!(
            "`{}`: expected 1 to {LANES} classes, found {}",
            args.recipe.display(),
            recipe.classes.len()
        ));
    }
    let names = std::iter::once(&recipe.name).chain(&recipe.classes);
    if let Some(unfit) = names.into_iter().find(|name| !Brought::is_name(name)) {
        return misuse(&format!(
            "`{}`: a model or a class cannot be called `{unfit}`: expected at most 64 letters, digits, `_`, `-` and `.`",
            args.recipe.display()
        ));
    }
    if let Some(wrong) = recipe.out_of_range() {
        return misuse(&format!("`{}`: {wrong}", args.recipe.display()));
    }
    let beside = args.recipe.parent().unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for name in &recipe.phrases {
        match read_toml::<PhraseFile>(&beside.join(name)) {
            Ok(file) => files.push(file),
            Err(why) => return misuse(&why),
        }
    }
    let gathered = match gather(&recipe, &files, &args.data, &args.leave_out) {
        Ok(gathered) => gathered,
        Err(why) => return misuse(&why),
    };
    tell_missing(&gathered.missing)?;
    let plan = Plan {
        name: recipe.name.clone(),
        version: recipe.version.clone(),
        classes: recipe.classes.clone(),
        settings: Settings {
            bits: recipe.bits,
            classes: recipe.classes.len(),
            epochs: recipe.epochs,
            rate: recipe.rate,
            decay: recipe.decay,
            prior: recipe.prior,
        },
        folds: recipe.folds,
        part: recipe.parts(),
    };
    let progress = io::stderr().is_terminal();
    let learned = learn(&gathered.lessons, &plan, |part, parts, epoch| {
        if progress {
            let _ = write!(
                io::stderr(),
                "\rpart {} of {parts}, epoch {} of {}   ",
                part + 1,
                epoch + 1,
                plan.settings.epochs
            );
        }
    })?;
    if progress {
        writeln!(io::stderr())?;
    }
    let Gathered { lessons, sources, .. } = &gathered;
    let figures = card::figures(&recipe, lessons, sources, &learned);
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out)?;
        let write = |name: String, bytes: &[u8]| {
            let path = out.join(name);
            std::fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
        };
        write(format!("{}.model", recipe.name), &learned.file)?;
        write(
            format!("{}.md", recipe.name),
            card::card(&recipe, &args.recipe, &gathered, &figures).as_bytes(),
        )?;
    }
    let mut stdout = io::stdout().lock();
    match args.format {
        Format::Json => {
            serde_json::to_writer(&mut stdout, &figures)?;
            writeln!(stdout)?;
        }
        Format::Human => stdout.write_all(card::table(&figures).as_bytes())?,
    }
    Ok(Exit::Fine)
}

/// Says which of a recipe's files may be missing and are.
fn tell_missing(files: &[String]) -> io::Result<()> {
    files
        .iter()
        .try_for_each(|name| writeln!(io::stderr(), "note: `{name}` is not there: trained without it"))
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text =
        std::fs::read_to_string(path).map_err(|why| format!("cannot read `{}`: {why}", path.display()))?;
    toml::from_str(&text).map_err(|why| format!("`{}`: {why}", path.display()))
}
