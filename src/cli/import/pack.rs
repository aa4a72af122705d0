//! The pack's files, tried as a whole before anything is written, and put in place at once.

use super::example::examples;
use super::rule::{AROUND, FAR, Imported, Pattern, Rule, slug};
use crate::diag::{Diagnostic, SourceFile, nearest};
use crate::policy::{Library, Taxonomy, files::Files};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// More terms than this stand in a list of their own.
const INLINE: usize = 12;

/// What the pack is to be.
pub(super) struct Wanted<'w> {
    /// Its name, the folder within the folder of packs.
    pub(super) name: &'w str,
    /// Where it comes from, for people.
    pub(super) from: &'w str,
    pub(super) licence: &'w str,
    /// In place of what the file says.
    pub(super) category: Option<&'w str>,
    pub(super) action: Option<&'static str>,
    /// How far it has come, where it is not in force.
    pub(super) state: Option<&'static str>,
}

/// The files by their path within the pack, and what is to be said of them.
pub(super) struct Pack {
    pub(super) files: BTreeMap<String, String>,
    pub(super) warnings: Vec<Diagnostic>,
    /// Rules for which no example could be made.
    pub(super) without_example: Vec<String>,
}

#[derive(Serialize)]
struct PackFile<'p> {
    name: &'p str,
    version: &'p str,
    licence: &'p str,
    title: String,
    imported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    applies: Option<Applies>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    category: Vec<Category>,
}

#[derive(Serialize)]
struct Applies {
    languages: Vec<String>,
}

#[derive(Serialize)]
struct Category {
    code: String,
    title: String,
}

#[derive(Serialize)]
struct RulesFile<'p> {
    rule: Vec<RuleFile<'p>>,
}

#[derive(Serialize)]
struct RuleFile<'p> {
    id: &'p str,
    title: &'p str,
    category: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keywords: Vec<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lists: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    except: Vec<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    except_patterns: Vec<&'p str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    examples: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    counter_examples: Vec<&'p str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    actions: BTreeMap<&'p str, &'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    near: Option<Nearby<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raise: Option<Nearby<'p>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    groups: BTreeMap<&'p str, Vec<&'p str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<When>,
    #[serde(skip_serializing_if = "<[Pattern]>::is_empty")]
    pattern: &'p [Pattern],
}

#[derive(Serialize)]
struct Nearby<'p> {
    words: Vec<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<f32>,
    within: u32,
}

#[derive(Serialize)]
struct When {
    all: [&'static str; 2],
    within: u32,
}

fn texts(terms: &[super::rule::Term]) -> Vec<&str> {
    terms.iter().map(|term| term.text.as_str()).collect()
}

/// The pack's files.
pub(super) fn write(imported: &Imported, wanted: &Wanted<'_>) -> anyhow::Result<Pack> {
    let mut pack = Pack { files: BTreeMap::new(), warnings: Vec::new(), without_example: Vec::new() };
    let taxonomy = Taxonomy::shipped();
    let known: Vec<&str> = taxonomy.categories().map(|category| category.code.as_str()).collect();
    let mut categories: BTreeMap<String, Category> = BTreeMap::new();
    let mut rules = Vec::new();
    for rule in &imported.rules {
        let code = wanted.category.map(str::to_owned).or_else(|| rule.category.clone());
        let code = code.unwrap_or_else(|| "IMPORTED".to_owned());
        if !known.contains(&code.as_str()) && !categories.contains_key(&code) {
            let mut warning =
                Diagnostic::warning("unknown-category", format!("category `{code}` is not in the taxonomy"));
            if let Some(near) = nearest(&code, &known) {
                warning = warning.help(format!("did you mean `{near}`? then say `--category {near}`"));
            }
            pack.warnings.push(warning.help(
                "the pack declares it without a place in the schemes of laws: add `maps` in `pack.toml`",
            ));
            let title = format!("imported: {}", code.to_lowercase().replace('_', " "));
            categories.insert(code.clone(), Category { code: code.clone(), title });
        }
        rules.push(file(rule, code, wanted, &mut pack));
    }
    let languages: std::collections::BTreeSet<String> =
        imported.rules.iter().filter_map(|rule| rule.language.clone()).collect();
    let head = PackFile {
        name: wanted.name,
        version: "1",
        licence: wanted.licence,
        title: format!("{} ({})", imported.title, wanted.from),
        imported: true,
        state: wanted.state,
        applies: Some(languages.into_iter().collect::<Vec<_>>())
            .filter(|languages| !languages.is_empty())
            .map(|languages| Applies { languages }),
        category: categories.into_values().collect(),
    };
    let note = "# Made by `sluicegate import`. The rules have the examples that could be made for them: write your own before you rely on them.\n\n";
    pack.files.insert("pack.toml".into(), format!("{note}{}", toml::to_string(&head)?));
    pack.files.insert("rules/imported.toml".into(), toml::to_string(&RulesFile { rule: rules })?);
    Ok(pack)
}

fn file<'p>(rule: &'p Rule, category: String, wanted: &Wanted<'p>, pack: &mut Pack) -> RuleFile<'p> {
    let (mut inline, mut listed): (Vec<&str>, Vec<&str>) = (texts(&rule.terms), Vec::new());
    if inline.len() > INLINE {
        // In a list, `#` begins a comment.
        (inline, listed) = inline.into_iter().partition(|term| term.starts_with('#') || term.contains('\n'));
    }
    let mut lists = Vec::new();
    if !listed.is_empty() {
        let name = format!("{}.txt", slug(&rule.id));
        let head = format!("# {}, from {}\n", rule.title.replace('\n', " "), wanted.from);
        pack.files.insert(format!("lists/{name}"), format!("{head}{}\n", listed.join("\n")));
        lists.push(name);
    }
    let (found, left_alone) = examples(rule);
    if found.is_none() {
        pack.without_example.push(rule.id.clone());
    }
    let action = wanted.action.or(rule.action).unwrap_or("flag");
    let only = rule.only.map(|direction| (direction, action));
    let words = |words, by, within| Nearby { words, by, within };
    RuleFile {
        id: &rule.id,
        title: &rule.title,
        category,
        severity: rule.severity,
        action: Some(action).filter(|_| only.is_none()),
        score: rule.score,
        keywords: inline,
        lists,
        except: texts(&rule.except),
        except_patterns: texts(&rule.except_patterns),
        examples: found.into_iter().collect(),
        counter_examples: left_alone.into_iter().collect(),
        actions: only.into_iter().collect(),
        near: Some(texts(&rule.near)).filter(|w| !w.is_empty()).map(|near| words(near, None, FAR)),
        raise: rule.raise.as_ref().map(|(terms, by)| words(texts(terms), Some(*by), AROUND)),
        groups: rule
            .groups
            .iter()
            .flat_map(|(first, second, _)| [("first", texts(first)), ("second", texts(second))])
            .collect(),
        when: rule.groups.as_ref().map(|(_, _, within)| When { all: ["first", "second"], within: *within }),
        pattern: &rule.patterns,
    }
}

/// Loads the pack as a gateway would.
pub(super) fn load(pack: &Pack, name: &str) -> Result<Library, Vec<Diagnostic>> {
    let files: Files = pack
        .files
        .iter()
        .map(|(path, text)| {
            let path = format!("{name}/{path}");
            (path.clone(), SourceFile::new(path, text.as_str()))
        })
        .collect();
    Library::load(&files)
}

/// Puts the files in place: all of them, or none. They are written beside it and renamed.
pub(super) fn put(pack: &Pack, folder: &Path, replace: bool) -> io::Result<()> {
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Names that begin with a dot are read by no gateway.
    let beside = |what: &str| -> PathBuf { parent.join(format!(".{name}.{what}-{}", std::process::id())) };
    let (new, old) = (beside("new"), beside("old"));
    let written = write_all(pack, &new).and_then(|()| {
        if folder.exists() {
            if !replace {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there already"));
            }
            if !is_one_pack(folder)? {
                let what = "it is no folder of one pack: with `--replace` all of it would go";
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
            }
            std::fs::rename(folder, &old)?;
        }
        std::fs::rename(&new, folder).inspect_err(|_| {
            let _ = std::fs::rename(&old, folder);
        })?;
        // What was there goes only once the new one stands in its place.
        let _ = std::fs::remove_dir_all(&old);
        Ok(())
    });
    let _ = std::fs::remove_dir_all(&new);
    written
}

/// Whether a folder is a pack's, with none below it.
fn is_one_pack(folder: &Path) -> io::Result<bool> {
    fn below(folder: &Path) -> io::Result<bool> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let is_folder = entry.file_type()?.is_dir();
            if is_folder && (entry.path().join("pack.toml").exists() || below(&entry.path())?) {
                return Ok(true);
            }
        }
        Ok(false)
    }
    Ok(folder.join("pack.toml").is_file() && !below(folder)?)
}

fn write_all(pack: &Pack, to: &Path) -> io::Result<()> {
    for (path, text) in &pack.files {
        let path = to.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}
