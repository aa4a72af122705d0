//! Models that packs bring: `PACK/models/NAME.model`, for the rules of that pack.

use super::files::{self, Files};
use crate::detect::{Brought, classify, tagger};
use crate::diag::{Diagnostic, SourceFile, Span, nearest};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names of scores that a model of one's own would hide.
const TAKEN: [&str; 3] = ["grounding", "ungrounded", "false_claim"];

/// A model that a pack brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroughtModel {
    /// The pack's name.
    pub pack: String,
    /// Where its file stands within the library, such as `desk/models/refunds.model`.
    pub path: String,
    /// The model.
    pub model: Brought,
}

/// All that packs bring, by pack and name.
#[derive(Debug, Default)]
pub(super) struct Models(pub(super) Vec<BroughtModel>);

impl Models {
    /// Reads what stands in the folders of packs, or says what is wrong with it.
    pub(super) fn read(files: &Files, found: &mut Vec<Diagnostic>) -> Self {
        let mut models = Self::default();
        // Two packs may bring the same file: it is one model.
        let mut known: BTreeMap<String, Brought> = BTreeMap::new();
        for (path, file) in files {
            let Some((pack, name)) = path.strip_suffix(".model").and_then(|path| path.split_once("/models/"))
            else {
                continue;
            };
            if !files.contains_key(&format!("{pack}/pack.toml")) {
                found.push(wrong(file, &format!("it belongs to no pack: there is no `{pack}/pack.toml`")));
                continue;
            }
            let read = match known.get(file.text()) {
                Some(known) => Ok(known.clone()),
                None => files::model(file),
            };
            match read.and_then(|model| models.checked(name, model)) {
                Ok(model) => {
                    known.insert(file.text().to_owned(), model.clone());
                    models.0.push(BroughtModel { pack: pack.to_owned(), path: path.clone(), model });
                }
                Err(why) => found.push(wrong(file, &why)),
            }
        }
        models
    }

    /// Whether a model may be called so.
    fn checked(&self, name: &str, model: Brought) -> Result<Brought, String> {
        if model.name() != name {
            return Err(format!(
                "it calls itself `{}`; a model has the name of its file: `{}.model`",
                model.name(),
                model.name()
            ));
        }
        if shipped().contains(&name) || TAKEN.contains(&name) {
            return Err(format!(
                "`{name}` is the name of a score or a model that ships; train it under another"
            ));
        }
        // Scores are told by their models' names.
        match self.0.iter().find(|other| other.model.name() == name && other.model != model) {
            Some(other) => Err(format!(
                "another model of this name stands in `{}`: scores are told by names; train one of them under another",
                other.path
            )),
            None => Ok(model),
        }
    }

    /// A model of a pack.
    pub(super) fn of(&self, pack: &str, name: &str) -> Option<&Brought> {
        self.0.iter().find(|one| one.pack == pack && one.model.name() == name).map(|one| &one.model)
    }

    /// What is to be said of a rule of a pack that asks for a model which the pack does not have and which does not ship.
    pub(super) fn unknown(&self, pack: &str, name: &str) -> Option<Diagnostic> {
        // Where no pack brings any, the engine says it, with everything else that it finds wrong.
        if self.0.is_empty() || shipped().contains(&name) {
            return None;
        }
        let own = self.0.iter().filter(|one| one.pack == pack).map(|one| one.model.name());
        let names: Vec<&str> = shipped().into_iter().chain(own).collect();
        let unknown = Diagnostic::error("unknown-name", format!("unknown model `{name}`"));
        let folder = format!("{pack}/models/{name}.model");
        Some(match (self.0.iter().find(|one| one.model.name() == name), nearest(name, &names)) {
            (Some(other), _) => unknown.help(format!(
                "the pack `{}` has one of this name; a rule asks those of its own pack: `{folder}`",
                other.pack
            )),
            (None, Some(near)) => unknown.help(format!("did you mean `{near}`?")),
            (None, None) => {
                unknown.help(format!("there are {}; one of your own stands in `{folder}`", names.join(", ")))
            }
        })
    }

    /// Files that no rule asks, by what each rule asks: the pack and the model.
    pub(super) fn unused(&self, files: &Files, asked: &[(String, String)]) -> Vec<Diagnostic> {
        let is_asked = |one: &BroughtModel| {
            asked.iter().any(|(pack, model)| *pack == one.pack && model == one.model.name())
        };
        let unused = self.0.iter().filter(|one| !is_asked(one));
        let say = |one: &BroughtModel| {
            let what = format!("no rule of the pack `{}` asks the model `{}`", one.pack, one.model.name());
            let warning = Diagnostic::warning("unused", what);
            files.get(&one.path).map(|file| warning.at(file, Span::default(), ""))
        };
        unused.filter_map(say).collect()
    }
}

fn shipped() -> Vec<&'static str> {
    [classify::names(), tagger::names()].concat()
}

fn wrong(file: &Arc<SourceFile>, why: &str) -> Diagnostic {
    Diagnostic::error("model", format!("cannot use the model `{}`: {why}", file.name()))
}
