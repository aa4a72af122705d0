//! How long somebody has been talking to a model, and what follows: a reminder after hours without a break, and words that end it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Climber;
use crate::diag::Time;

/// `[policy.sessions]`: reminders of who talks to a model for long, and words that end it at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// Whose exchanges are one session: those under a key, or of one user that requests name.
    pub of: Climber,
    /// After so much time without a break comes a reminder, and again after as much; never with `"0 s"`.
    pub remind: Time,
    /// Who sends nothing for so long has had a break.
    pub pause: Time,
    /// Whether the reminder stands in the place of one answer, or in a header field of which the application makes its own.
    pub remind_in: RemindIn,
    /// What a user says to end it: a whole message, whatever its case.
    pub exit: Vec<String>,
    /// Routes by their names; without any, all.
    pub routes: Vec<String>,
}

impl Default for SessionSettings {
    fn default() -> Self {
        let exit = ["exit", "quit", "/exit", "stop the chat", "退出", "结束对话", "終了", "会話を終了"];
        Self {
            of: Climber::User,
            remind: Time::secs(2 * 3600),
            pause: Time::secs(15 * 60),
            remind_in: RemindIn::default(),
            exit: exit.map(str::to_owned).into(),
            routes: Vec::new(),
        }
    }
}

/// Where a reminder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RemindIn {
    /// In the place of one answer: the model is not asked, and the next message goes on.
    #[default]
    Answer,
    /// In the header field `x-sluicegate-reminder`: the seconds without a break.
    Header,
}

impl SessionSettings {
    /// Whether these words of a user end the session.
    pub fn is_exit(&self, words: &str) -> bool {
        let said = |text: &str| text.trim().trim_end_matches(['.', '!', '。', '！']).to_lowercase();
        let words = said(words);
        self.exit.iter().any(|exit| said(exit) == words)
    }

    /// Whether it is meant for a route.
    pub fn is_for(&self, route: &str) -> bool {
        self.routes.is_empty() || self.routes.iter().any(|name| name == route)
    }
}
