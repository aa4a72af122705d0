//! From which exchanges a text may come: what only the operator is told, and what their sealed texts say to it.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::audit::ExchangeId;
use crate::cli::ConfigArgs;
use crate::cli::audit::told;
use crate::cli::detect::points;
use crate::cli::moment::{minute, written};
use crate::provenance::print::{FITS, Found, PrintVerdict, Traced, align, chance_of_fit, hundredths};

/// No smaller chance is told.
const LEAST: f64 = 1e-6;

/// How much fits what is kept of an answer.
struct Fits {
    /// Of the passage, from 0 to 1.
    part: f64,
    /// Of the whole text.
    whole: f64,
}

/// What was found, and what came of laying it beside what is kept.
pub(in crate::cli) struct Origins {
    pub(in crate::cli) traced: Traced,
    /// How much fits of each; or why that is not known.
    fits: Vec<Result<Fits, String>>,
}

impl Origins {
    /// Lays what was found beside the sealed answers of a configuration, where these are kept.
    pub(in crate::cli) fn of(traced: Traced, text: &str, config: &ConfigArgs) -> Self {
        let fit = |found: &Found| -> Result<Fits, String> {
            let id = ExchangeId::of_bytes(found.record.exchange).to_string();
            let texts = told(config, &id).map_err(|error| error.to_string())?;
            let part = text.get(found.part.0..found.part.1).unwrap_or(text);
            let best =
                |text: &str| texts.iter().map(|answer| align(text, answer).share(text)).fold(0.0, f64::max);
            Ok(Fits { part: best(part), whole: best(text) })
        };
        let fits = traced.told().map(fit).collect();
        Self { traced, fits }
    }

    fn each(&self) -> impl Iterator<Item = (&Found, &Result<Fits, String>)> {
        self.traced.told().zip(&self.fits)
    }

    /// What is said of one: what does not fit is no more than a lead.
    fn of_one(&self, found: &Found, fits: &Result<Fits, String>) -> PrintVerdict {
        match (self.traced.of(found), fits) {
            (PrintVerdict::Found, Ok(fits)) if fits.part < FITS => PrintVerdict::Lead,
            (verdict, _) => verdict,
        }
    }

    /// What is said of the text.
    pub(in crate::cli) fn verdict(&self) -> PrintVerdict {
        let verdicts: Vec<PrintVerdict> = self.each().map(|(found, fits)| self.of_one(found, fits)).collect();
        let has = |verdict| verdicts.contains(&verdict);
        if has(PrintVerdict::Found) {
            PrintVerdict::Found
        } else if has(PrintVerdict::Lead) {
            PrintVerdict::Lead
        } else {
            PrintVerdict::None
        }
    }

    fn false_alarm(&self, found: &Found, fits: &Result<Fits, String>) -> f64 {
        let chance = self.traced.false_alarm(found);
        match fits {
            Ok(fits) => chance.min(chance_of_fit(fits.whole, self.traced.weight)).max(LEAST),
            Err(_) => chance,
        }
    }

    /// Adds the operator's part to a layer.
    pub(in crate::cli) fn add_to(&self, layer: &mut Value, text: &str) {
        let verdict = self.verdict();
        layer["verdict"] = verdict.as_str().into();
        layer["meaning"] = verdict.sentence().into();
        let origins: Vec<Value> = self
            .each()
            .map(|(found, fits)| {
                json!({
                    "exchange": ExchangeId::of_bytes(found.record.exchange).to_string(),
                    "tenant": &*found.tenant,
                    "time": written(found.record.time_ms),
                    "verdict": self.of_one(found, fits).as_str(),
                    "start": points(text, found.part.0), "end": points(text, found.part.1),
                    "covered": hundredths(found.covered),
                    "score": found.score.round(),
                    "fits": fits.as_ref().ok().map(|fits| hundredths(fits.part)),
                    "not_compared": fits.as_ref().err(),
                    "false_alarm": self.false_alarm(found, fits),
                })
            })
            .collect();
        layer["origins"] = origins.into();
    }

    /// Shows it.
    pub(in crate::cli) fn view(&self, out: &mut impl Write, text: &str) -> io::Result<()> {
        let verdict = self.verdict();
        writeln!(out, "fingerprint: {}\n  {}", verdict.as_str(), verdict.sentence())?;
        for (found, fits) in self.each() {
            let lead = if self.of_one(found, fits) == PrintVerdict::Lead { ", a lead" } else { "" };
            writeln!(
                out,
                "  exchange {} of tenant `{}`, {}{lead}",
                ExchangeId::of_bytes(found.record.exchange),
                found.tenant,
                minute(found.record.time_ms),
            )?;
            writeln!(
                out,
                "    characters {} to {}: {:.0} % of their letters stand in rows that both have",
                points(text, found.part.0),
                points(text, found.part.1),
                found.covered * 100.0,
            )?;
            match fits {
                Ok(fits) => {
                    let of = (fits.part * 100.0, fits.whole * 100.0);
                    writeln!(
                        out,
                        "    beside what is kept of the answer {:.0} % of them fit, {:.0} % of the text",
                        of.0, of.1
                    )?;
                }
                Err(why) => writeln!(out, "    not compared with the answer's text: {why}")?,
            }
            writeln!(out, "    chance of a false alarm: about {:.0e}", self.false_alarm(found, fits))?;
        }
        Ok(())
    }
}
