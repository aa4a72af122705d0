//! How answers are labelled, where the policy's profile does not say it or says otherwise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::c2pa::C2paSettings;
use crate::policy::LabelMode;

/// `[labels]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LabelSettings {
    /// Where the label stands; without it, as the profile says. A route's `[route.use]` has the last word.
    pub mode: Option<LabelMode>,
    /// Whether programs get signed metadata with each answer; without it, as the profile says.
    pub metadata: Option<bool>,
    /// What the label says, by language (`en`, `zh`, `ja`, `de`, `fr`, `es`, `it`); without it, what the profile says, or words of the gateway's.
    pub texts: BTreeMap<String, String>,
    /// Where the profile's notices stand, and the one that tells people with whom they talk.
    pub notices: NoticesIn,
    /// Who makes the content, in the metadata: a provider's code or name, of the characters that GB 45438-2025 allows; without it, the name of the
    /// key that signs.
    pub producer: Option<String>,
    /// Where metadata can be checked, an `https://` URL that is told with it.
    pub verify: Option<String>,
    /// What signs C2PA manifests of files (`sluicegate label --c2pa`); without it, none are written.
    pub c2pa: Option<C2paSettings>,
}

/// Where notices stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticesIn {
    /// In a header of each answer: the application shows them.
    #[default]
    Header,
    /// In the answer's text too, where its label stands there: before the first answer of a conversation, and beside every label.
    Text,
}

/// That somebody gets answers without a label that people see, as Article 9 of China's labelling measures allows it: at whose request, under
/// which agreement, to whom. Each answer's record repeats it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unlabelled {
    /// The request: its number or date.
    pub request: String,
    /// The version of the agreement that fixes the user's duty to label.
    pub agreement: String,
    /// Who gets the content.
    pub recipient: String,
}
