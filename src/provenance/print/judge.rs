//! What is said of a text that was looked for: where it comes from, how sure that is, and when it would be said by chance.
//!
//! The figures are measured (`sluicegate prints measure`, docs/prints.md): what fragments of other models' answers to the same prompts score.

use serde_json::{Value, json};

use super::shelf::{Found, Traced};
use crate::diag::moment::day;

/// From this score on, in letters of alphabets, a text is taken to come from an answer; and one of Chinese, Japanese or Korean, of which five
/// letters are more seldom the same by chance.
const SURE: f64 = 86.0;
const SURE_WIDE: f64 = 70.0;
/// The chance of a false alarm there, and how many letters more make it a tenth, or fewer ten times as much.
const AT_SURE: f64 = 1e-3;
const TENTH: f64 = 28.0;
/// So much more a text of ten times the letters has to score: it has more places to be like another by chance.
const LONGER: f64 = 46.0;
/// The weight of a text, in letters of alphabets, up to which the scores are the same.
const USUAL: f64 = 320.0;
/// No smaller chance is told of prints alone: no more was measured.
const LEAST: f64 = 1e-6;
/// A text of so many letters is told of by its tenths: of a shorter one these would tell what to change.
const LONG: f64 = 1000.0;

/// What is said of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrintVerdict {
    /// It comes from an answer that was delivered.
    Found,
    /// It may.
    Lead,
    /// Nothing was found. That says nothing of who wrote it.
    None,
}

impl PrintVerdict {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Lead => "lead",
            Self::None => "none",
        }
    }

    /// What it means, in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Found => "Passages of this text were delivered by this gateway as a model's words.",
            Self::Lead => {
                "Something in this text is like what this gateway delivered as a model's words; that may be chance or a common source."
            }
            Self::None => {
                "Nothing that this gateway keeps prints of is like this text. That does not tell who or what wrote it."
            }
        }
    }
}

impl Traced {
    /// By how much a score is above what makes sure.
    fn over(&self, found: &Found) -> f64 {
        let sure = SURE + (SURE_WIDE - SURE) * self.wide;
        found.score - sure - (self.weight.max(USUAL) / USUAL).log10() * LONGER
    }

    /// What is said of one that was found.
    pub fn of(&self, found: &Found) -> PrintVerdict {
        let over = self.over(found);
        if over >= 0.0 {
            PrintVerdict::Found
        } else if over >= -TENTH {
            // One in a hundred scores so much by chance.
            PrintVerdict::Lead
        } else {
            PrintVerdict::None
        }
    }

    /// What is said of the text.
    pub fn verdict(&self) -> PrintVerdict {
        self.found.first().map_or(PrintVerdict::None, |found| self.of(found))
    }

    /// The chance that a text of another source scores so much, from 0 to 1; against other answers to the same prompt, which is worst.
    pub fn false_alarm(&self, found: &Found) -> f64 {
        (AT_SURE * 10_f64.powf(-self.over(found) / TENTH)).clamp(LEAST, 1.0)
    }

    /// Those that anything is said of.
    pub fn told(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(|found| self.of(found) != PrintVerdict::None)
    }

    /// What anybody may know: no exchange, no tenant, no place.
    pub fn json(&self, length: usize) -> Value {
        let verdict = self.verdict();
        let best = self.found.first().filter(|_| verdict != PrintVerdict::None);
        let tenths = best.filter(|_| self.weight >= LONG).map(|best| {
            let at = |n: usize| length * n / 10;
            (0..10).map(|n| best.part.0 < at(n + 1) && best.part.1 > at(n)).collect::<Vec<_>>()
        });
        json!({
            "verdict": verdict.as_str(),
            "meaning": verdict.sentence(),
            "key": best.map(|_| "this gateway"),
            "delivered": best.map(|best| day(best.record.time_ms)),
            "answers": self.told().count(),
            "covered": best.map(|best| hundredths(best.share * best.covered)),
            "tenths": tenths,
            "false_alarm": best.map(|best| self.false_alarm(best)),
        })
    }
}

/// A share in hundredths.
pub fn hundredths(share: f64) -> f64 {
    (share.clamp(0.0, 1.0) * 100.0).round() / 100.0
}
