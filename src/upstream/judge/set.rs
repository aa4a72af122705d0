//! The judges of one configuration, and what stays of them when another one takes its place.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use secrecy::ExposeSecret as _;

use super::{JudgeError, JudgeSettings, Shared};
use crate::upstream::Credential;

/// All that a judge is made from: who has the same is the same judge.
#[derive(Debug)]
pub(super) struct Identity {
    settings: JudgeSettings,
    credential: Credential,
    files: Vec<Stamp>,
}

/// A file as it was when it was looked at; none where it could not be.
type Stamp = (PathBuf, Option<(u64, SystemTime)>);

fn stamp(path: PathBuf) -> Stamp {
    let seen = std::fs::metadata(&path).and_then(|file| Ok((file.len(), file.modified()?)));
    (path, seen.ok())
}

impl Identity {
    pub(super) fn of(settings: &JudgeSettings, credential: &Credential) -> Self {
        // What a credential's file says is compared itself.
        let files = settings.files().map(stamp).collect();
        Self { settings: settings.clone(), credential: credential.clone(), files }
    }

    /// What a judge is made from.
    pub(super) fn parts(&self) -> (JudgeSettings, Credential) {
        (self.settings.clone(), self.credential.clone())
    }

    fn is_as(&self, other: &Self) -> bool {
        let same = match (&self.credential, &other.credential) {
            (Credential::Secret { header, value }, Credential::Secret { header: h, value: v }) => {
                header == h && value.expose_secret() == v.expose_secret()
            }
            (Credential::None, Credential::None) | (Credential::Passthrough, Credential::Passthrough) => true,
            (Credential::None | Credential::Passthrough | Credential::Secret { .. }, _) => false,
        };
        same && self.settings == other.settings && self.files == other.files
    }
}

/// The judges of one configuration, in its order. A reload brings another set; exchanges keep theirs.
#[derive(Clone, Debug, Default)]
pub struct JudgeSet(Arc<[Arc<Shared>]>);

impl JudgeSet {
    /// Prepares judges of which nothing is known yet.
    ///
    /// # Errors
    /// All that cannot be used.
    pub fn new(judges: &[(JudgeSettings, Credential)]) -> Result<Self, Vec<JudgeError>> {
        Self::default().after(judges)
    }

    /// The judges of a configuration that takes this one's place. Those of which nothing has changed are the very same, with what they have
    /// said and how they do; of the others nothing is known.
    ///
    /// # Errors
    /// All that cannot be used; this set is as it was.
    pub fn after(&self, judges: &[(JudgeSettings, Credential)]) -> Result<Self, Vec<JudgeError>> {
        let (mut all, mut wrong) = (Vec::with_capacity(judges.len()), Vec::new());
        for (settings, credential) in judges {
            let identity = Identity::of(settings, credential);
            let kept = self.0.iter().find(|known| known.identity.is_as(&identity)).map(Arc::clone);
            match kept.map_or_else(|| Shared::new(identity).map(Arc::new), Ok) {
                Ok(judge) => all.push(judge),
                Err(error) => wrong.push(error),
            }
        }
        if wrong.is_empty() { Ok(Self(all.into())) } else { Err(wrong) }
    }

    /// Whether these are the very same judges.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || self.0.len() == other.0.len() && self.iter().zip(other.iter()).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Shared>> {
        self.0.iter()
    }

    /// Their names.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|judge| judge.settings().name.as_str()).collect()
    }

    /// These are asked from now on, and no longer who was among `before` alone.
    pub fn take_over(&self, before: &Self) {
        for judge in before.iter() {
            judge.retire(true);
        }
        for judge in self.iter() {
            judge.retire(false);
        }
    }
}

/// What can be seen of the files that judges are made from: it says something else when one of them has changed.
pub fn file_stamps(judges: &[(JudgeSettings, Credential)]) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for (settings, _) in judges {
        let credential = settings.credential.as_ref().and_then(|credential| credential.file.clone());
        for (path, seen) in settings.files().chain(credential).map(stamp) {
            let seen = seen.map(|(length, at)| (length, at.duration_since(SystemTime::UNIX_EPOCH).ok()));
            // Writing to a String does not fail.
            let _ = writeln!(out, "{} {seen:?}", path.display());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn judge(name: &str, more: &str) -> (JudgeSettings, Credential) {
        let text =
            format!("name = \"{name}\"\nkind = \"webhook\"\nurl = \"http://localhost:1/judge\"\n{more}");
        (toml::from_str(&text).expect("settings"), Credential::None)
    }

    fn kept(before: &JudgeSet, now: &JudgeSet) -> Vec<bool> {
        now.iter().map(|judge| before.iter().any(|old| Arc::ptr_eq(old, judge))).collect()
    }

    #[test]
    fn what_has_not_changed_is_the_very_same() {
        let before = JudgeSet::new(&[judge("a", ""), judge("b", "")]).expect("judges");
        let after = |judges: &[(JudgeSettings, Credential)]| before.after(judges).expect("judges");
        let same = after(&[judge("a", ""), judge("b", "")]);
        assert!(same.is_same(&before));
        let turned = after(&[judge("b", ""), judge("a", ""), judge("c", "")]);
        assert_eq!((kept(&before, &turned), turned.is_same(&before)), (vec![true, true, false], false));
        assert_eq!(kept(&before, &after(&[judge("a", "retries = 0"), judge("b", "")])), [false, true]);
        let secret = |text: &str| Credential::Secret { header: None, value: SecretString::from(text) };
        let with = |text: &str| vec![(judge("a", "").0, secret(text))];
        assert_eq!(kept(&before, &after(&with("one"))), [false]);
        let one = JudgeSet::new(&with("one")).expect("a judge");
        assert_eq!(kept(&one, &one.after(&with("one")).expect("a judge")), [true]);
        assert_eq!(kept(&one, &one.after(&with("two")).expect("a judge")), [false]);
    }

    #[test]
    fn all_or_nothing() {
        let before = JudgeSet::new(&[judge("a", "")]).expect("a judge");
        let wrong = before.after(&[
            judge("a", ""),
            judge("b", "extra_roots = \"/nowhere/b.pem\""),
            judge("c", "extra_roots = \"/nowhere/c.pem\""),
        ]);
        let names: Vec<String> = wrong.expect_err("mistakes").into_iter().map(|error| error.name).collect();
        assert_eq!(names, ["b", "c"]);
    }

    #[test]
    fn another_file_is_another_judge() {
        let dir = tempfile::tempdir().expect("a folder");
        let (pem, key) = (dir.path().join("ca.pem"), dir.path().join("key"));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
        std::fs::write(&pem, made.cert.pem()).expect("a file");
        std::fs::write(&key, "one").expect("a file");
        let judges = vec![judge("a", &format!("extra_roots = {pem:?}\ncredential = {{ file = {key:?} }}"))];
        let before = JudgeSet::new(&judges).expect("a judge");
        let stamps = file_stamps(&judges);
        assert_eq!(
            (kept(&before, &before.after(&judges).expect("a judge")), stamps.lines().count()),
            (vec![true], 2)
        );
        std::fs::write(&pem, made.cert.pem() + "\n").expect("a file");
        assert_eq!(kept(&before, &before.after(&judges).expect("a judge")), [false]);
        assert_ne!(file_stamps(&judges), stamps);
        // What the file of a credential says is compared as what it says.
        let stamps = file_stamps(&judges);
        let before = before.after(&judges).expect("a judge");
        std::fs::write(&key, "another").expect("a file");
        assert_ne!(file_stamps(&judges), stamps);
        assert_eq!(kept(&before, &before.after(&judges).expect("a judge")), [true]);
    }
}
