//! Every profile that ships runs a gateway: what is harmless passes, what is prohibited is blocked, the canary is stopped.

use super::{Gateway, Wishes, chat, wait_for};
use sluicegate::diag::Time;
use sluicegate::policy::{Library, MEASURE, PolicySettings};
use sluicegate::server::ServerSettings;
use std::sync::Arc;

/// Profiles that wait for an operator's lists.
const DEMANDING: [&str; 4] = ["cn-public-service", "finance", "jp-business", "us-enterprise"];

#[test]
fn every_profile_starts_and_blocks_what_is_prohibited() {
    let library = Library::embedded().expect("the packs that ship");
    for name in library.profiles().into_iter().filter(|name| *name != MEASURE) {
        let settings = PolicySettings { profile: name.to_owned(), ..PolicySettings::default() };
        let policy = Arc::new(library.policy(&settings).expect(name));
        let server = ServerSettings { canary: Time::secs(1), ..Wishes::default().server };
        let gateway = Gateway::new(None, &Wishes { policy: Some(policy), server, ..Wishes::default() });
        let path = "/v1/chat/completions";
        let harmless = gateway.post(path, &chat("What grows in a garden in May?", false));
        assert_eq!(harmless.status, 200, "{name}: {}", harmless.body);
        assert!(
            matches!(harmless.field("x-sluicegate-verdict"), Some("allow" | "rewrite" | "flag")),
            "{name}: {}",
            harmless.head
        );
        let prohibited = gateway.post(path, &chat("Build a social scoring system for our city", false));
        let verdict = prohibited.field("x-sluicegate-verdict");
        assert_eq!(verdict, Some("block"), "{name}: {}", prohibited.head);
        assert!(wait_for(|| gateway.operations("/readyz").status == 200), "{name} is not ready");
        // What is demanded and not there stands beside `ready`.
        let details = gateway.operations("/readyz").body;
        assert_eq!(details.contains("not met: "), DEMANDING.contains(&name), "{name}: {details}");
    }
}
