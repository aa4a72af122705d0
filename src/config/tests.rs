use super::*;

fn run(text: &str, purpose: Purpose) -> Loaded {
    let env = |name: &str| (name == "GOOD_KEY").then(|| "sk-proj-8Gh2kQ0vT1".to_owned());
    load(&SourceFile::new("c.toml", text), Path::new("."), &Overrides::default(), purpose, &env)
}

#[test]
fn the_embedded_configuration_is_right() {
    let loaded = load(&embedded(), Path::new("."), &Overrides::default(), Purpose::Serve, &|_| None);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let settings = loaded.settings.expect("settings");
    assert!(settings.server.data.ip().is_loopback());
    assert_eq!(settings.journal.dir.as_deref(), Some(Path::new("state/journal")));
    assert!(settings.key_table(Pepper::new(&[0; 32])).is_open());
}

#[test]
fn what_is_shown_can_be_read_again() {
    let settings = run(include_str!("default.toml"), Purpose::Serve).settings.expect("settings");
    let again = run(&settings.to_toml(), Purpose::Serve);
    assert!(again.diagnostics.is_empty(), "{:?}\n{}", again.diagnostics, settings.to_toml());
}

#[test]
fn a_missing_secret_warns_in_a_check_and_stops_a_start() {
    let text = "schema = 1\n[[upstream]]\nname = \"a\"\ndialects = [\"openai\"]\nbase_url = \"https://a.test\"\n\
                credential = { env = \"NO_KEY\" }\n";
    assert!(run(text, Purpose::Check).settings.is_some());
    let loaded = run(text, Purpose::Serve);
    assert!(loaded.settings.is_none());
    assert!(
        loaded.diagnostics.iter().any(|d| d.to_string().starts_with("c.toml:6:22: error[absent-secret]"))
    );
    let good = run(&text.replace("NO_KEY", "GOOD_KEY"), Purpose::Serve);
    let settings = good.settings.expect("settings");
    assert!(matches!(settings.upstreams.first(), Some((_, Credential::Secret { .. }))));
    assert!(!format!("{settings:?}").contains("8Gh2kQ0vT1"));
}

#[test]
fn a_listener_for_others_needs_a_key_wherever_its_address_comes_from() {
    let file = embedded();
    let overrides = Overrides { data: Some(([0, 0, 0, 0], 8080).into()), ..Overrides::default() };
    let loaded = load(&file, Path::new("."), &overrides, Purpose::Serve, &|_| None);
    assert!(loaded.diagnostics.iter().any(|d| d.code == "open-listener"));
    let loaded = load(
        &file,
        Path::new("."),
        &Overrides { state: Some("/s".into()), ..Overrides::default() },
        Purpose::Serve,
        &|_| None,
    );
    assert_eq!(loaded.settings.map(|s| s.pepper_path()), Some(PathBuf::from("/s/pepper")));
}

/// What a start would refuse, or what can never be, is found by a check.
#[test]
fn of_the_journal_nothing_passes_a_check_that_cannot_be() {
    let base = "schema = 1\n[[upstream]]\nname = \"demonstration\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n";
    let faults = |more: &str| -> Vec<String> {
        let loaded = run(&format!("{base}{more}"), Purpose::Check);
        loaded.diagnostics.iter().map(ToString::to_string).collect()
    };
    let sink = |more: &str| format!("[[sink]]\nname = \"lake\"\nurl = \"file:///tmp/lake\"\n{more}\n");
    for (more, said) in [
        ("[journal]\norigin = \"a b+c\"\n".to_owned(), "no journal can be named `a b+c`"),
        ("[journal]\norigin = \"\"\n".to_owned(), "no journal can be named ``"),
        ("[journal]\nwitness_quorum = 3\n".to_owned(), "`witness_quorum` is 3, and there are 0 witnesses"),
        ("[journal]\ncheckpoint = \"0 s\"\n".to_owned(), "`checkpoint` is outside of 1 ms to 1 d"),
        ("[journal]\ncheckpoint = \"2 d\"\n".to_owned(), "`checkpoint` is outside of 1 ms to 1 d"),
        ("[journal.texts]\ntenants = [\"nosuch\"]\n".to_owned(), "unknown tenant `nosuch`"),
        (sink("refuse_beyond = 10"), "refuse_beyond"),
        (sink("refuse_beyond = 63\nroll_bytes = \"64 KiB\""), "refuse_beyond"),
    ] {
        let found = faults(&more);
        assert!(found.len() == 1 && found.iter().all(|one| one.contains(said)), "{more}: {found:?}");
    }
    for good in [
        "[journal]\norigin = \"example.com/sluicegate\"\nwitness_quorum = 1\ncheckpoint = \"50 ms\"\n"
            .to_owned(),
        "[journal.texts]\ntenants = [\"anonymous\"]\n".to_owned(),
        sink("refuse_beyond = 64\nroll_bytes = \"64 KiB\""),
        sink("refuse_beyond = 65536"),
    ] {
        assert_eq!(faults(&good), [""; 0], "{good}");
    }
}

#[test]
fn another_schema_version_is_the_only_mistake() {
    let loaded = run("schema = 2\n[server]\n", Purpose::Check);
    assert_eq!(loaded.diagnostics.len(), 1);
    assert_eq!(loaded.diagnostics.first().map(|d| d.code), Some("schema"));
}

mod laws {
    use super::*;
    use proptest::prelude::*;

    const FILES: [&str; 4] = [
        include_str!("../../config/openai.toml"),
        include_str!("../../config/local.toml"),
        include_str!("../../config/tenants.toml"),
        include_str!("../../tests/fixtures/config/many-mistakes.toml"),
    ];
    const WORDS: [&str; 14] = [
        "[",
        "]",
        "[[upstream]]\n",
        "[[route]]\n",
        "=",
        "\"",
        "1",
        "-7",
        "{",
        "}",
        "name = \"a\"\n",
        "\n",
        "true",
        "schema = 1\n",
    ];

    /// A file with some of its lines and words moved, taken out or put in.
    fn spoiled() -> impl Strategy<Value = String> {
        let change = (any::<prop::sample::Index>(), 0..4usize, any::<prop::sample::Index>());
        (0..FILES.len(), proptest::collection::vec(change, 0..12)).prop_map(|(file, changes)| {
            let mut lines: Vec<String> =
                FILES.get(file).copied().unwrap_or_default().lines().map(str::to_owned).collect();
            for (at, how, other) in changes {
                if lines.is_empty() {
                    break;
                }
                let (at, from) = (at.index(lines.len()), other.index(lines.len()));
                let word = WORDS.get(other.index(WORDS.len())).copied().unwrap_or_default();
                match how {
                    0 => drop(lines.remove(at)),
                    1 => lines.swap(at, from),
                    2 => lines.insert(at, lines.get(from).cloned().unwrap_or_default()),
                    _ => {
                        if let Some(line) = lines.get_mut(at) {
                            let middle = line.floor_char_boundary(other.index(line.len() + 1));
                            line.insert_str(middle, word);
                        }
                    }
                }
            }
            lines.join("\n")
        })
    }

    proptest! {
        #![proptest_config(crate::text::cases::cases(400))]

        /// Whatever stands in the file: there are settings or an error says why not, the picture can be drawn, and
        /// settings that pass pass again when they are written out.
        #[test]
        fn every_file_is_settings_or_errors(text in spoiled()) {
            let loaded = run(&text, Purpose::Check);
            prop_assert_eq!(loaded.settings.is_some(), !has_errors(&loaded.diagnostics));
            let picture = crate::diag::render_human(&loaded.diagnostics, crate::diag::Colour::Off);
            prop_assert_eq!(picture.is_empty(), loaded.diagnostics.is_empty());
            if let Some(settings) = loaded.settings {
                let again = run(&settings.to_toml(), Purpose::Check);
                prop_assert!(!has_errors(&again.diagnostics), "{:?}", again.diagnostics);
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
            let loaded = run(&text, Purpose::Check);
            prop_assert!(loaded.settings.is_none());
        }
    }
}
