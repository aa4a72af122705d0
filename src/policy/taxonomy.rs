//! One taxonomy of categories: what our own codes mean in the schemes that laws and standards use.
//!
//! It is data (`taxonomy.toml`, in English and Chinese). A folder of packs may bring its own; one that brings none has the one that ships. A pack
//! may declare further categories.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::{Grade, Sure};
use crate::diag::{Diagnostic, Places, SourceFile, Step, read_toml};

/// The file's name within a folder of packs.
pub(super) const FILE: &str = "taxonomy.toml";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxonomyFile {
    #[serde(rename = "scheme", default)]
    schemes: Vec<SchemeFile>,
    #[serde(rename = "type", default)]
    types: Vec<TypeFile>,
    #[serde(rename = "category", default)]
    categories: Vec<CategoryFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemeFile {
    id: String,
    title: String,
    zh: String,
    written_against: String,
    sure: Sure,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    least_terms: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeFile {
    scheme: String,
    code: String,
    title: String,
    zh: String,
    #[serde(default)]
    least_terms: Option<u32>,
    #[serde(default)]
    note: Option<String>,
}

/// One `[[category]]`, of the taxonomy or of a pack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CategoryFile {
    pub code: String,
    pub title: String,
    #[serde(default)]
    pub zh: Option<String>,
    /// Types that it belongs to, by scheme.
    #[serde(default)]
    pub maps: BTreeMap<String, Vec<String>>,
    /// How closely what is found is guarded.
    #[serde(default)]
    pub grade: Option<Grade>,
}

/// A list of types that somebody else keeps: a standard, a law's tiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// The name in mappings and on the command line, such as `tc260`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The same in Chinese.
    pub zh: String,
    /// The text that its types were taken from.
    pub written_against: String,
    /// How sure that is.
    pub sure: Sure,
    /// Where to read it.
    pub link: Option<String>,
    /// How many different terms it asks for in all, where it does.
    pub least_terms: Option<u32>,
}

/// One type of a scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// The scheme's id.
    pub scheme: String,
    /// The code within the scheme, such as `A.1.a`.
    pub code: String,
    /// What it is called.
    pub title: String,
    /// The same in Chinese.
    pub zh: String,
    /// How many terms the scheme asks for in this type, where it does.
    pub least_terms: Option<u32>,
    /// Why words do not find it and what does.
    pub note: Option<String>,
}

/// One category of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// What stands in findings.
    pub code: String,
    /// What it is called.
    pub title: String,
    /// The same in Chinese; a pack's own may have none.
    pub zh: Option<String>,
    /// Types that it belongs to: scheme and code.
    pub maps: Vec<(String, String)>,
    /// How closely what is found is guarded, where it is data.
    pub grade: Option<Grade>,
}

/// All schemes, their types, and our categories.
#[derive(Debug, Clone, Default)]
pub struct Taxonomy {
    schemes: Vec<Scheme>,
    types: Vec<Type>,
    categories: BTreeMap<String, Category>,
}

impl Taxonomy {
    /// Reads the taxonomy; mistakes go to `found`.
    pub(super) fn read(file: &Arc<SourceFile>, found: &mut Vec<Diagnostic>) -> Self {
        let read = read_toml::<TaxonomyFile>(file);
        let whole = read.diagnostics.is_empty();
        found.extend(read.diagnostics);
        let Some(written) = read.value.filter(|_| whole) else { return Self::default() };
        let mut out = Self::default();
        let places = &read.places;
        for (n, scheme) in written.schemes.into_iter().enumerate() {
            if out.scheme(&scheme.id).is_some() {
                let twice = Diagnostic::error("duplicate", format!("scheme `{}` is there twice", scheme.id));
                found.push(at(file, places, &["scheme".into(), n.into(), "id".into()], twice));
            }
            out.schemes.push(Scheme {
                id: scheme.id,
                title: scheme.title,
                zh: scheme.zh,
                written_against: scheme.written_against,
                sure: scheme.sure,
                link: scheme.link,
                least_terms: scheme.least_terms,
            });
        }
        for (n, one) in written.types.into_iter().enumerate() {
            let path = |key: &'static str| ["type".into(), n.into(), key.into()];
            if out.scheme(&one.scheme).is_none() {
                let unknown = Diagnostic::error("unknown-name", format!("unknown scheme `{}`", one.scheme));
                let unknown = unknown.valid("schemes", &one.scheme, &out.scheme_ids());
                found.push(at(file, places, &path("scheme"), unknown));
            }
            if out.of_scheme(&one.scheme).any(|known| known.code == one.code) {
                let twice = format!("type `{}` of `{}` is there twice", one.code, one.scheme);
                found.push(at(file, places, &path("code"), Diagnostic::error("duplicate", twice)));
            }
            let TypeFile { scheme, code, title, zh, least_terms, note } = one;
            out.types.push(Type { scheme, code, title, zh, least_terms, note });
        }
        for (n, category) in written.categories.into_iter().enumerate() {
            out.declare(category, file, places, n, found);
        }
        out
    }

    /// Takes in a category, with every mistake in it.
    pub(super) fn declare(
        &mut self,
        mut category: CategoryFile,
        file: &Arc<SourceFile>,
        places: &Places,
        n: usize,
        found: &mut Vec<Diagnostic>,
    ) {
        let mut maps = Vec::new();
        for (scheme, codes) in std::mem::take(&mut category.maps) {
            let path = ["category".into(), n.into(), "maps".into(), scheme.as_str().into()];
            if self.scheme(&scheme).is_none() {
                let unknown = Diagnostic::error("unknown-name", format!("unknown scheme `{scheme}`"));
                let unknown = unknown.valid("schemes", &scheme, &self.scheme_ids());
                let place = places.key(&path).unwrap_or_default();
                found.push(unknown.at(file, place, "no scheme has this name"));
                continue;
            }
            for (i, code) in codes.into_iter().enumerate() {
                if self.of_scheme(&scheme).any(|known| known.code == code) {
                    maps.push((scheme.clone(), code));
                    continue;
                }
                let codes: Vec<&str> = self.of_scheme(&scheme).map(|t| t.code.as_str()).collect();
                let unknown =
                    Diagnostic::error("unknown-name", format!("unknown type `{code}` of `{scheme}`"));
                let unknown = unknown.valid("types", &code, &codes);
                let mut path = path.to_vec();
                path.push(i.into());
                found.push(at(file, places, &path, unknown));
            }
        }
        let code = category.code.clone();
        let CategoryFile { code: name, title, zh, grade, .. } = category;
        let declared = Category { code: name, title, zh, maps, grade };
        if self.categories.insert(code.clone(), declared).is_some() {
            let twice = Diagnostic::error("duplicate", format!("category `{code}` is there twice"));
            found.push(at(file, places, &["category".into(), n.into(), "code".into()], twice));
        }
    }

    /// The one that ships, without a load of the packs beside it.
    pub fn shipped() -> Self {
        Self::read(&super::embedded::taxonomy(), &mut Vec::new())
    }

    /// The schemes.
    pub fn schemes(&self) -> &[Scheme] {
        &self.schemes
    }

    /// The scheme of that id.
    pub fn scheme(&self, id: &str) -> Option<&Scheme> {
        self.schemes.iter().find(|scheme| scheme.id == id)
    }

    /// The ids of the schemes.
    pub fn scheme_ids(&self) -> Vec<&str> {
        self.schemes.iter().map(|scheme| scheme.id.as_str()).collect()
    }

    /// The types of a scheme, in its order.
    pub fn of_scheme<'t>(&'t self, scheme: &'t str) -> impl Iterator<Item = &'t Type> {
        self.types.iter().filter(move |one| one.scheme == scheme)
    }

    /// Our categories, by code.
    pub fn categories(&self) -> impl Iterator<Item = &Category> {
        self.categories.values()
    }

    /// One of our categories.
    pub fn category(&self, code: &str) -> Option<&Category> {
        self.categories.get(code)
    }

    /// The codes that a category has in a scheme.
    pub fn codes<'t>(&'t self, category: &str, scheme: &'t str) -> impl Iterator<Item = &'t str> {
        let maps = self.category(category).map(|c| c.maps.as_slice()).unwrap_or_default();
        maps.iter().filter(move |(of, _)| of == scheme).map(|(_, code)| code.as_str())
    }

    /// What to say of a category that nobody declared: not an error, since it only lacks a place in reports.
    pub(super) fn undeclared(&self, code: &str) -> Diagnostic {
        let names: Vec<&str> = self.categories.keys().map(String::as_str).collect();
        let unknown = Diagnostic::warning("unknown-category", format!("category `{code}` is not declared"));
        let unknown = match crate::diag::nearest(code, &names) {
            Some(near) => unknown.help(format!("did you mean `{near}`?")),
            None => unknown,
        };
        unknown.help("declare it in `pack.toml`: `[[category]]` with `code`, `title` and `maps`, so that reports can place it")
    }
}

fn at(file: &Arc<SourceFile>, places: &Places, path: &[Step<'_>], diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.at(file, places.value(path).unwrap_or_default(), "")
}
