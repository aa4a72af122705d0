//! Models that operators bring: files that `sluicegate train` made of their own texts, beside those that ship.

use super::classify::{Model, NoModel};
use super::model_file;
use super::tagger::{NoTagger, Tagger};
use std::fmt;
use std::sync::Arc;

/// A model that is no part of the program.
///
/// It is known by the hash of its file: two of one hash are one.
#[derive(Clone)]
pub struct Brought {
    hash: Arc<str>,
    bytes: usize,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Judge(Arc<Model>),
    Tagger(Arc<Tagger>),
}

/// Why a file is no model that can be used.
#[derive(Debug, thiserror::Error)]
pub enum NotBrought {
    /// It is none that judges texts.
    #[error(transparent)]
    Model(#[from] NoModel),
    /// It says that it is a tagger, and is none.
    #[error(transparent)]
    Tagger(#[from] NoTagger),
    /// Its name, or a class's, cannot stand in a rule or a record.
    #[error(
        "it has a name or a class `{0}`; expected at most {MOST_NAME} letters, digits, `_`, `-` and `.`, each class another"
    )]
    Name(String),
}

/// The longest name of a model or a class, in characters.
const MOST_NAME: usize = 64;

impl Brought {
    /// The largest file that is read, in bytes: 20 MB. Unpacked it takes at most 64 MiB.
    pub const LARGEST: u64 = 20_000_000;

    /// Reads a file, the hash of which is this: of the whole file, so that other thresholds make another model.
    ///
    /// # Errors
    /// It is damaged, of a later format, or no model at all.
    pub fn read(file: &[u8], hash: &str) -> Result<Self, NotBrought> {
        let kind = if model_file::is_tagger(file) {
            Kind::Tagger(Arc::new(Tagger::read(file)?))
        } else {
            Kind::Judge(Arc::new(Model::read(file)?))
        };
        let own = Self { hash: hash.into(), bytes: file.len(), kind };
        let classes = own.classes();
        let is_second = |n: usize| classes.iter().take(n).any(|other| Some(other) == classes.get(n));
        let names = std::iter::once((own.name(), false));
        let mut names =
            names.chain(classes.iter().enumerate().map(|(n, class)| (class.as_str(), is_second(n))));
        if let Some((unfit, _)) = names.find(|(name, twice)| *twice || !Self::is_name(name)) {
            let shown: String = unfit.chars().take(MOST_NAME).flat_map(char::escape_debug).collect();
            return Err(NotBrought::Name(shown));
        }
        Ok(own)
    }

    /// Whether a model or a class can be called so: names stand in scores (`fraud/refund`), in records and in what people read.
    pub fn is_name(name: &str) -> bool {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        (1..=MOST_NAME).contains(&name.chars().count()) && name.chars().all(fits)
    }

    /// What it calls itself.
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Judge(model) => model.name(),
            Kind::Tagger(tagger) => tagger.name(),
        }
    }

    /// A date or number, for people.
    pub fn version(&self) -> &str {
        match &self.kind {
            Kind::Judge(model) => &model.head().version,
            Kind::Tagger(tagger) => &tagger.head().version,
        }
    }

    /// Its classes, or the types of what it finds.
    pub fn classes(&self) -> &[String] {
        match &self.kind {
            Kind::Judge(model) => model.classes(),
            Kind::Tagger(tagger) => tagger.types(),
        }
    }

    /// The hash of its file.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// How large its file is, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// It, where it judges texts.
    pub fn judge(&self) -> Option<&Arc<Model>> {
        match &self.kind {
            Kind::Judge(model) => Some(model),
            Kind::Tagger(_) => None,
        }
    }

    /// It, where it finds places in texts.
    pub fn tagger(&self) -> Option<&Arc<Tagger>> {
        match &self.kind {
            Kind::Judge(_) => None,
            Kind::Tagger(tagger) => Some(tagger),
        }
    }
}

impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Brought({} {})", self.name(), self.hash)
    }
}

impl PartialEq for Brought {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Brought {}
