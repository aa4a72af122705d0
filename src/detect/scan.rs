//! One channel's scan.

use super::{CompileError, Finding, Progress, RuleId, RuleSet, RuleSpec, TextKind};
use crate::text::TextPos;

/// All rules of all policies, compiled.
#[derive(Debug)]
pub struct Engine {
    rules: Vec<RuleSpec>,
}

impl Engine {
    /// Compiles the rules, or says everything that is wrong with them.
    pub fn compile(rules: &[RuleSpec]) -> Result<Self, Vec<CompileError>> {
        Ok(Self { rules: rules.to_vec() })
    }

    /// How many rules the engine holds.
    pub fn rules(&self) -> usize {
        self.rules.len()
    }
}

/// One channel's state.
#[derive(Clone, Debug)]
pub struct Scan {
    text: String,
}

impl Scan {
    /// A scan at the start of a channel.
    pub fn new(_kind: TextKind) -> Self {
        Self { text: String::new() }
    }

    /// Reads the next piece of the text.
    pub fn push(
        &mut self,
        _engine: &Engine,
        _rules: &RuleSet,
        delta: &str,
        _found: &mut Vec<Finding>,
    ) -> Progress {
        self.text.push_str(delta);
        Progress { seen: TextPos(self.text.len() as u64), settled: TextPos(0) }
    }

    /// Ends the text: everything is settled.
    pub fn finish(&mut self, engine: &Engine, rules: &RuleSet, found: &mut Vec<Finding>) -> Progress {
        for (index, rule) in engine.rules.iter().enumerate() {
            let id = RuleId(index as u32);
            for keyword in rule.keywords.iter().filter(|_| rules.contains(id)) {
                found.extend(self.text.match_indices(&keyword.text).map(|(at, hit)| Finding {
                    rule: id,
                    start: TextPos(at as u64),
                    end: TextPos((at + hit.len()) as u64),
                    score: 1.0,
                }));
            }
        }
        let seen = TextPos(self.text.len() as u64);
        Progress { seen, settled: seen }
    }
}

/// Scans a whole text.
pub fn scan_all(engine: &Engine, rules: &RuleSet, kind: TextKind, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut scan = Scan::new(kind);
    scan.push(engine, rules, text, &mut found);
    scan.finish(engine, rules, &mut found);
    found
}
