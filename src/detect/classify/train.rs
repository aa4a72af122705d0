//! Training: logistic regression of each class over hashed features, by stochastic gradient descent with a step of its own for each weight.
//!
//! One thread and one order of examples, so that the same files give the same weights on the same kind of machine.

use super::features::{Features, Group, Script, Sink};
use super::model::{LANES, roots};
use crate::detect::descent::{Order, step};

/// A text to learn from.
#[derive(Clone, Debug)]
pub struct Example {
    words: Vec<u32>,
    runs: Vec<u32>,
    /// By class: 1, 0, or -1 where it is not known.
    pub targets: [i8; LANES],
    /// How much it counts.
    pub weight: f32,
}

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The table gets two to this many rows.
    pub bits: u32,
    /// How many classes there are.
    pub classes: usize,
    /// How often each example is read.
    pub epochs: u32,
    /// The first step.
    pub rate: f32,
    /// How strongly weights are drawn to zero.
    pub decay: f32,
    /// See [`Head::prior`](super::Head).
    pub prior: f32,
}

/// What was trained.
#[derive(Clone, Debug)]
pub struct Weights {
    /// Row after row, as many as the table has, [`LANES`] wide.
    pub rows: Vec<f32>,
    /// By class.
    pub biases: [f32; LANES],
}

impl Example {
    /// An example of a folded text.
    pub fn new(text: &str, targets: [i8; LANES], weight: f32) -> Self {
        let mut taken = Taken::default();
        let mut features = Features::default();
        features.push(text.as_bytes(), &mut taken);
        features.finish(&mut taken);
        Self { words: taken.words, runs: taken.runs, targets, weight }
    }
}

#[derive(Default)]
struct Taken {
    words: Vec<u32>,
    runs: Vec<u32>,
}

impl Sink for Taken {
    fn feature(&mut self, group: Group, hash: u32) {
        match group {
            Group::Words => self.words.push(hash),
            Group::Runs => self.runs.push(hash),
        }
    }

    fn letter(&mut self, _: Script) {}

    fn begin(&mut self, _: u64) {}

    fn unit(&mut self, _: u64) {}
}

/// A table of weights in training, each with what has been summed up of its steps.
struct Table {
    weights: Vec<[f32; LANES]>,
    steps: Vec<[f32; LANES]>,
    mask: usize,
}

impl Table {
    fn new(rows: usize) -> Self {
        Self { weights: vec![[0.0; LANES]; rows], steps: vec![[1e-3; LANES]; rows], mask: rows - 1 }
    }

    fn add_to(&self, sums: &mut [f32; LANES], hashes: &[u32], scale: f32) {
        for hash in hashes {
            if let Some(row) = self.weights.get(*hash as usize & self.mask) {
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight * scale);
            }
        }
    }

    fn step(&mut self, hashes: &[u32], errors: &[f32; LANES], scale: f32, rate: f32, decay: f32) {
        let slopes = errors.map(|error| error * scale);
        for hash in hashes {
            let at = *hash as usize & self.mask;
            if let (Some(row), Some(steps)) = (self.weights.get_mut(at), self.steps.get_mut(at)) {
                step(row, steps, &slopes, rate, decay);
            }
        }
    }
}

/// Trains. `told` is told after each epoch what the mean loss was.
pub fn train(examples: &[&Example], settings: Settings, mut told: impl FnMut(u32, f32)) -> Weights {
    let mut table = Table::new(1 << settings.bits);
    let mut biases = [0.0_f32; LANES];
    let mut order = Order::new(examples.len());
    for epoch in 0..settings.epochs {
        let rate = settings.rate * (1.0 - epoch as f32 / settings.epochs as f32);
        let (mut loss, mut counted) = (0.0_f64, 0.0_f64);
        for place in order.next() {
            let Some(&one) = examples.get(*place as usize) else { continue };
            let (words, runs) = roots(one.words.len() as u32, one.runs.len() as u32, settings.prior);
            let mut sums = biases;
            table.add_to(&mut sums, &one.words, words);
            table.add_to(&mut sums, &one.runs, runs);
            let mut errors = [0.0_f32; LANES];
            for (k, error) in errors.iter_mut().enumerate().take(settings.classes) {
                let target = f32::from(one.targets[k]);
                if target < 0.0 {
                    continue;
                }
                let p = 1.0 / (1.0 + (-sums[k]).exp());
                *error = (p - target) * one.weight;
                if k == 0 {
                    let right = if target > 0.5 { p } else { 1.0 - p };
                    loss -= f64::from(one.weight) * f64::from(right.max(1e-6).ln());
                    counted += f64::from(one.weight);
                }
            }
            table.step(&one.words, &errors, words, rate, settings.decay);
            table.step(&one.runs, &errors, runs, rate, settings.decay);
            biases.iter_mut().zip(&errors).for_each(|(bias, error)| *bias -= 0.02 * rate * error);
        }
        told(epoch, (loss / counted.max(1.0)) as f32);
    }
    Weights { rows: table.weights.into_iter().flatten().collect(), biases }
}
