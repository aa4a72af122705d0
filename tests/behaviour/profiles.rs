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

/// What a tenant's profile demands and is not there stands beside `ready` too, with the tenant's name.
#[test]
fn readiness_tells_what_each_tenant_lacks() {
    let fake =
        super::Fake::whole("200 OK", "content-type: application/json\r\n", super::answer("fine").as_bytes());
    let files = super::reload::Files::new(fake.address, "maskme");
    let demand = "name = \"strict\"\ntitle = \"t\"\npacks = [\"p\"]\ndemands = \"warn\"\n[[demand]]\nstandard = \"tc260\"\nwhat = \"bring lists\"\n";
    files.write("packs/profiles/strict.toml", demand);
    let config = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
    let tenant = |name: &str, digit: &str, policy: &str| {
        format!(
            "[[tenant]]\nname = \"{name}\"\nkeys = [{{ id = \"{name}\", hash = \"{}\" }}]\n{policy}",
            digit.repeat(64)
        )
    };
    let tenants = tenant("red", "1", "policy = { profile = \"strict\" }\n") + &tenant("blue", "2", "");
    files.write("gateway.toml", &(config + &tenants));
    let gateway = files.start().0;
    let details = gateway.operations("/readyz").body;
    assert!(details.contains("not met for tenant red: ") && !details.contains("tenant blue"), "{details}");
}
