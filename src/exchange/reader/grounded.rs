//! A text of an answer that is held against what its request says.

use std::sync::Arc;

use crate::detect::grounding::{Checker, Context};
use crate::detect::{Engine, Finding, RuleSet};

/// A text on its way.
#[derive(Clone, Debug)]
pub(super) struct Grounded {
    context: Arc<Context>,
    checker: Checker,
}

impl Grounded {
    pub(super) fn new(context: Arc<Context>) -> Self {
        Self { context, checker: Checker::default() }
    }

    /// The beginning of the next text.
    pub(super) fn anew(&self) -> Self {
        Self::new(Arc::clone(&self.context))
    }

    /// Reads on; what is found counts from where it began.
    pub(super) fn push(&mut self, engine: &Engine, rules: &RuleSet, text: &str, found: &mut Vec<Finding>) {
        let mut claims = Vec::new();
        self.checker.push(&self.context, text, &mut claims);
        engine.unsupported(rules, &claims, found);
    }

    /// The text is over.
    pub(super) fn finish(&mut self, engine: &Engine, rules: &RuleSet, found: &mut Vec<Finding>) {
        let mut claims = Vec::new();
        self.checker.finish(&self.context, &mut claims);
        engine.unsupported(rules, &claims, found);
    }

    /// Up to where nothing more is found.
    pub(super) fn settled(&self) -> u64 {
        self.checker.open()
    }
}
