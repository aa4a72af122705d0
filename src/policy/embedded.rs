//! The packs that ship, compiled in: the gateway runs without a file beside it. A test holds the table against the folder.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::taxonomy;
use crate::detect::Tables;
use crate::diag::SourceFile;

/// The tables of the packs' patterns, while somebody compiles: unpacked they take more memory than the engine that is made of them.
static TABLES: Mutex<Weak<Tables>> = Mutex::new(Weak::new());

/// The tables of patterns that ship, to be let go when the engine is made. Where one lacks, it is made. A test holds them against the
/// packs, and makes them anew where it is told to.
pub(super) fn tables() -> Arc<Tables> {
    let mut known = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    known.upgrade().unwrap_or_else(|| {
        let read = Tables::read(include_bytes!("../../filters/tables.zst")).unwrap_or_default();
        let tables = Arc::new(read);
        *known = Arc::downgrade(&tables);
        tables
    })
}

/// The taxonomy that ships.
pub(super) fn taxonomy() -> Arc<SourceFile> {
    let text = include_str!("../../filters/taxonomy.toml");
    SourceFile::new(format!("filters/{}", taxonomy::FILE), text)
}

/// Path within `filters/`, and text.
pub(super) static FILES: &[(&str, &str)] = &[
    ("cautious/pack.toml", include_str!("../../filters/cautious/pack.toml")),
    ("cautious/rules/cautious.toml", include_str!("../../filters/cautious/rules/cautious.toml")),
    ("classifiers/pack.toml", include_str!("../../filters/classifiers/pack.toml")),
    ("classifiers/rules/classifiers.toml", include_str!("../../filters/classifiers/rules/classifiers.toml")),
    (
        "commercial/lists/commercial-violation.txt",
        include_str!("../../filters/commercial/lists/commercial-violation.txt"),
    ),
    (
        "commercial/lists/confidentiality-marks.txt",
        include_str!("../../filters/commercial/lists/confidentiality-marks.txt"),
    ),
    ("commercial/lists/fake-reviews.txt", include_str!("../../filters/commercial/lists/fake-reviews.txt")),
    ("commercial/lists/piracy.txt", include_str!("../../filters/commercial/lists/piracy.txt")),
    ("commercial/lists/price-fixing.txt", include_str!("../../filters/commercial/lists/price-fixing.txt")),
    ("commercial/obligations.toml", include_str!("../../filters/commercial/obligations.toml")),
    ("commercial/pack.toml", include_str!("../../filters/commercial/pack.toml")),
    ("commercial/rules/commercial.toml", include_str!("../../filters/commercial/rules/commercial.toml")),
    ("documents/pack.toml", include_str!("../../filters/documents/pack.toml")),
    ("documents/rules/system-prompt.toml", include_str!("../../filters/documents/rules/system-prompt.toml")),
    ("grounding/pack.toml", include_str!("../../filters/grounding/pack.toml")),
    ("grounding/rules/grounding.toml", include_str!("../../filters/grounding/rules/grounding.toml")),
    ("harm/lists/crime-zh.txt", include_str!("../../filters/harm/lists/crime-zh.txt")),
    ("harm/lists/crime.txt", include_str!("../../filters/harm/lists/crime.txt")),
    ("harm/lists/deepfake.txt", include_str!("../../filters/harm/lists/deepfake.txt")),
    ("harm/lists/defamation.txt", include_str!("../../filters/harm/lists/defamation.txt")),
    ("harm/lists/drugs.txt", include_str!("../../filters/harm/lists/drugs.txt")),
    ("harm/lists/election.txt", include_str!("../../filters/harm/lists/election.txt")),
    ("harm/lists/ethnic-exclusion.txt", include_str!("../../filters/harm/lists/ethnic-exclusion.txt")),
    ("harm/lists/extremism.txt", include_str!("../../filters/harm/lists/extremism.txt")),
    ("harm/lists/fake-news.txt", include_str!("../../filters/harm/lists/fake-news.txt")),
    ("harm/lists/fraud.txt", include_str!("../../filters/harm/lists/fraud.txt")),
    ("harm/lists/gambling.txt", include_str!("../../filters/harm/lists/gambling.txt")),
    ("harm/lists/harassment.txt", include_str!("../../filters/harm/lists/harassment.txt")),
    ("harm/lists/hate-slogans.txt", include_str!("../../filters/harm/lists/hate-slogans.txt")),
    ("harm/lists/malware.txt", include_str!("../../filters/harm/lists/malware.txt")),
    ("harm/lists/minors.txt", include_str!("../../filters/harm/lists/minors.txt")),
    ("harm/lists/pseudoscience.txt", include_str!("../../filters/harm/lists/pseudoscience.txt")),
    ("harm/lists/self-harm.txt", include_str!("../../filters/harm/lists/self-harm.txt")),
    ("harm/lists/sexual-crime.txt", include_str!("../../filters/harm/lists/sexual-crime.txt")),
    ("harm/lists/sexual.txt", include_str!("../../filters/harm/lists/sexual.txt")),
    ("harm/lists/unreliable.txt", include_str!("../../filters/harm/lists/unreliable.txt")),
    ("harm/lists/violence-zh.txt", include_str!("../../filters/harm/lists/violence-zh.txt")),
    ("harm/lists/violence.txt", include_str!("../../filters/harm/lists/violence.txt")),
    ("harm/lists/weapons.txt", include_str!("../../filters/harm/lists/weapons.txt")),
    ("harm/pack.toml", include_str!("../../filters/harm/pack.toml")),
    ("harm/rules/crime.toml", include_str!("../../filters/harm/rules/crime.toml")),
    ("harm/rules/extremism.toml", include_str!("../../filters/harm/rules/extremism.toml")),
    ("harm/rules/false.toml", include_str!("../../filters/harm/rules/false.toml")),
    ("harm/rules/harm.toml", include_str!("../../filters/harm/rules/harm.toml")),
    ("harm/rules/hate.toml", include_str!("../../filters/harm/rules/hate.toml")),
    ("harm/rules/person.toml", include_str!("../../filters/harm/rules/person.toml")),
    ("harm/rules/requests.toml", include_str!("../../filters/harm/rules/requests.toml")),
    ("harm/rules/sexual.toml", include_str!("../../filters/harm/rules/sexual.toml")),
    ("injection/lists/indirect.txt", include_str!("../../filters/injection/lists/indirect.txt")),
    ("injection/lists/jailbreak.txt", include_str!("../../filters/injection/lists/jailbreak.txt")),
    ("injection/lists/override.txt", include_str!("../../filters/injection/lists/override.txt")),
    (
        "injection/lists/prompt-leak-except.txt",
        include_str!("../../filters/injection/lists/prompt-leak-except.txt"),
    ),
    ("injection/lists/prompt-leak.txt", include_str!("../../filters/injection/lists/prompt-leak.txt")),
    ("injection/obligations.toml", include_str!("../../filters/injection/obligations.toml")),
    ("injection/pack.toml", include_str!("../../filters/injection/pack.toml")),
    ("injection/rules/injection.toml", include_str!("../../filters/injection/rules/injection.toml")),
    ("law/cn/lists/false-alarm.txt", include_str!("../../filters/law/cn/lists/false-alarm.txt")),
    ("law/cn/obligations.toml", include_str!("../../filters/law/cn/obligations.toml")),
    ("law/cn/pack.toml", include_str!("../../filters/law/cn/pack.toml")),
    ("law/cn/rules/law.toml", include_str!("../../filters/law/cn/rules/law.toml")),
    ("law/cn/rules/politics.toml", include_str!("../../filters/law/cn/rules/politics.toml")),
    ("law/eu/obligations.toml", include_str!("../../filters/law/eu/obligations.toml")),
    ("law/eu/pack.toml", include_str!("../../filters/law/eu/pack.toml")),
    ("law/eu/rules/gdpr.toml", include_str!("../../filters/law/eu/rules/gdpr.toml")),
    ("law/eu/rules/high-risk.toml", include_str!("../../filters/law/eu/rules/high-risk.toml")),
    ("law/jp/obligations.toml", include_str!("../../filters/law/jp/obligations.toml")),
    ("law/jp/pack.toml", include_str!("../../filters/law/jp/pack.toml")),
    ("law/jp/rules/law.toml", include_str!("../../filters/law/jp/rules/law.toml")),
    ("law/us/obligations.toml", include_str!("../../filters/law/us/obligations.toml")),
    ("law/us/pack.toml", include_str!("../../filters/law/us/pack.toml")),
    ("law/us/rules/marks.toml", include_str!("../../filters/law/us/rules/marks.toml")),
    ("law/us/rules/people.toml", include_str!("../../filters/law/us/rules/people.toml")),
    ("law/world/obligations.toml", include_str!("../../filters/law/world/obligations.toml")),
    ("law/world/pack.toml", include_str!("../../filters/law/world/pack.toml")),
    ("privacy/pack.toml", include_str!("../../filters/privacy/pack.toml")),
    ("privacy/rules/address.toml", include_str!("../../filters/privacy/rules/address.toml")),
    ("privacy/rules/behind.toml", include_str!("../../filters/privacy/rules/behind.toml")),
    ("privacy/rules/contact.toml", include_str!("../../filters/privacy/rules/contact.toml")),
    ("privacy/rules/finance.toml", include_str!("../../filters/privacy/rules/finance.toml")),
    ("privacy/rules/free.toml", include_str!("../../filters/privacy/rules/free.toml")),
    ("privacy/rules/identity.toml", include_str!("../../filters/privacy/rules/identity.toml")),
    ("privacy/rules/more.toml", include_str!("../../filters/privacy/rules/more.toml")),
    ("privacy/rules/named.toml", include_str!("../../filters/privacy/rules/named.toml")),
    ("privacy/rules/network.toml", include_str!("../../filters/privacy/rules/network.toml")),
    ("profiles/cn-public-service.toml", include_str!("../../filters/profiles/cn-public-service.toml")),
    ("profiles/companion.toml", include_str!("../../filters/profiles/companion.toml")),
    ("profiles/default.toml", include_str!("../../filters/profiles/default.toml")),
    ("profiles/education.toml", include_str!("../../filters/profiles/education.toml")),
    ("profiles/eu-high-risk.toml", include_str!("../../filters/profiles/eu-high-risk.toml")),
    ("profiles/eu-limited.toml", include_str!("../../filters/profiles/eu-limited.toml")),
    ("profiles/eu-minimal.toml", include_str!("../../filters/profiles/eu-minimal.toml")),
    ("profiles/finance.toml", include_str!("../../filters/profiles/finance.toml")),
    ("profiles/government.toml", include_str!("../../filters/profiles/government.toml")),
    ("profiles/jp-business.toml", include_str!("../../filters/profiles/jp-business.toml")),
    ("profiles/jp-medical.toml", include_str!("../../filters/profiles/jp-medical.toml")),
    ("profiles/minors.toml", include_str!("../../filters/profiles/minors.toml")),
    ("profiles/us-enterprise.toml", include_str!("../../filters/profiles/us-enterprise.toml")),
    ("secrets/pack.toml", include_str!("../../filters/secrets/pack.toml")),
    ("secrets/rules/more.toml", include_str!("../../filters/secrets/rules/more.toml")),
    ("secrets/rules/named.toml", include_str!("../../filters/secrets/rules/named.toml")),
    ("secrets/rules/providers.toml", include_str!("../../filters/secrets/rules/providers.toml")),
    ("secrets/rules/services.toml", include_str!("../../filters/secrets/rules/services.toml")),
    ("sector/companion/pack.toml", include_str!("../../filters/sector/companion/pack.toml")),
    (
        "sector/companion/rules/companion.toml",
        include_str!("../../filters/sector/companion/rules/companion.toml"),
    ),
    (
        "sector/education/lists/detector-evasion.txt",
        include_str!("../../filters/sector/education/lists/detector-evasion.txt"),
    ),
    (
        "sector/education/lists/exam-cheating.txt",
        include_str!("../../filters/sector/education/lists/exam-cheating.txt"),
    ),
    (
        "sector/education/lists/ghostwriting.txt",
        include_str!("../../filters/sector/education/lists/ghostwriting.txt"),
    ),
    (
        "sector/education/lists/humiliation.txt",
        include_str!("../../filters/sector/education/lists/humiliation.txt"),
    ),
    (
        "sector/education/lists/secrecy-with-children.txt",
        include_str!("../../filters/sector/education/lists/secrecy-with-children.txt"),
    ),
    ("sector/education/obligations.toml", include_str!("../../filters/sector/education/obligations.toml")),
    ("sector/education/pack.toml", include_str!("../../filters/sector/education/pack.toml")),
    (
        "sector/education/rules/education.toml",
        include_str!("../../filters/sector/education/rules/education.toml"),
    ),
    (
        "sector/finance/lists/guaranteed-returns-except.txt",
        include_str!("../../filters/sector/finance/lists/guaranteed-returns-except.txt"),
    ),
    (
        "sector/finance/lists/guaranteed-returns.txt",
        include_str!("../../filters/sector/finance/lists/guaranteed-returns.txt"),
    ),
    (
        "sector/finance/lists/inside-information.txt",
        include_str!("../../filters/sector/finance/lists/inside-information.txt"),
    ),
    (
        "sector/finance/lists/manipulation.txt",
        include_str!("../../filters/sector/finance/lists/manipulation.txt"),
    ),
    (
        "sector/finance/lists/personal-advice.txt",
        include_str!("../../filters/sector/finance/lists/personal-advice.txt"),
    ),
    ("sector/finance/obligations.toml", include_str!("../../filters/sector/finance/obligations.toml")),
    ("sector/finance/pack.toml", include_str!("../../filters/sector/finance/pack.toml")),
    ("sector/finance/rules/finance.toml", include_str!("../../filters/sector/finance/rules/finance.toml")),
    (
        "sector/government/lists/in-the-name-of.txt",
        include_str!("../../filters/sector/government/lists/in-the-name-of.txt"),
    ),
    (
        "sector/government/lists/restricted-marks.txt",
        include_str!("../../filters/sector/government/lists/restricted-marks.txt"),
    ),
    ("sector/government/obligations.toml", include_str!("../../filters/sector/government/obligations.toml")),
    ("sector/government/pack.toml", include_str!("../../filters/sector/government/pack.toml")),
    (
        "sector/government/rules/government.toml",
        include_str!("../../filters/sector/government/rules/government.toml"),
    ),
    (
        "sector/medical/lists/cure-claim.txt",
        include_str!("../../filters/sector/medical/lists/cure-claim.txt"),
    ),
    ("sector/medical/lists/diagnosis.txt", include_str!("../../filters/sector/medical/lists/diagnosis.txt")),
    (
        "sector/medical/lists/prescription.txt",
        include_str!("../../filters/sector/medical/lists/prescription.txt"),
    ),
    (
        "sector/medical/lists/stop-treatment-except.txt",
        include_str!("../../filters/sector/medical/lists/stop-treatment-except.txt"),
    ),
    (
        "sector/medical/lists/stop-treatment.txt",
        include_str!("../../filters/sector/medical/lists/stop-treatment.txt"),
    ),
    ("sector/medical/obligations.toml", include_str!("../../filters/sector/medical/obligations.toml")),
    ("sector/medical/pack.toml", include_str!("../../filters/sector/medical/pack.toml")),
    ("sector/medical/rules/medical.toml", include_str!("../../filters/sector/medical/rules/medical.toml")),
    ("taxonomy.toml", include_str!("../../filters/taxonomy.toml")),
    ("unacceptable/pack.toml", include_str!("../../filters/unacceptable/pack.toml")),
    ("unacceptable/rules/article-5.toml", include_str!("../../filters/unacceptable/rules/article-5.toml")),
];

#[cfg(test)]
mod tests {
    use crate::detect::{Engine, Tables};
    use crate::policy::Library;
    use std::path::Path;

    /// `SLUICEGATE_BLESS=1` writes them anew.
    #[test]
    fn the_tables_are_those_that_the_patterns_make() {
        let library = Library::embedded().expect("the packs are right");
        let engine = Engine::compile(library.specs()).expect("the packs are right");
        let made = Tables::write(&engine, library.specs().iter().flat_map(|spec| &spec.patterns));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters/tables.zst");
        if std::env::var_os("SLUICEGATE_BLESS").is_some() {
            std::fs::write(&path, Tables::pack(&made).expect("memory")).expect("the folder is there");
        }
        let there = zstd::decode_all(&std::fs::read(&path).unwrap_or_default()[..]).unwrap_or_default();
        assert!(there == made, "filters/tables.zst is of other patterns: SLUICEGATE_BLESS=1 makes it anew");
    }

    fn walk(dir: &Path, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{e}")).flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "toml" || e == "txt") {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters");
                out.push(path.strip_prefix(root).unwrap_or(&path).display().to_string());
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_in_the_table() {
        let mut there = Vec::new();
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("filters"), &mut there);
        there.sort();
        let table: Vec<_> = super::FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(table, there);
    }
}
