//! Training: a conditional random field over the labels of a unit, by stochastic gradient with a step of its own for each weight.
//!
//! Of a token all labels are possible that its text was not labelled against: what nobody looked for is learned neither way. One thread
//! and one order of examples, so that the same files give the same weights on the same kind of machine.

use super::features::Unit;
use super::lexicon::Lexicon;
use super::model::{WIDTH, may_follow};
use super::token::Token;
use crate::detect::descent::{Order, step};

/// A unit to learn from.
#[derive(Clone, Debug, Default)]
pub struct Example {
    /// By token where its features begin, and one more.
    starts: Vec<u32>,
    features: Vec<u32>,
    /// By token: a bit for each label that it may have.
    pub allowed: Vec<u16>,
    /// How much it counts.
    pub weight: f32,
}

/// How to train.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many types there are.
    pub types: usize,
    /// How often each example is read.
    pub epochs: u32,
    /// The first step.
    pub rate: f32,
    /// How strongly weights are drawn to zero.
    pub decay: f32,
    /// Features that occur less often are not learned.
    pub least: u32,
}

/// What was trained.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The features that were learned, in order.
    pub hashes: Vec<u32>,
    /// By feature and label.
    pub rows: Vec<[f32; WIDTH]>,
    /// By label.
    pub biases: [f32; WIDTH],
    /// By label and the next one.
    pub follows: [[f32; WIDTH]; WIDTH],
}

impl Example {
    /// An example of a unit's tokens, with what is known of them.
    pub fn new(
        tokens: &mut [Token],
        before: &[Token],
        lexicon: &Lexicon,
        allowed: Vec<u16>,
        weight: f32,
    ) -> Self {
        lexicon.tell(tokens);
        let unit = Unit::new(tokens, before);
        let (mut starts, mut features) = (vec![0], Vec::new());
        for at in 0..tokens.len() {
            unit.features(at, &mut features);
            starts.push(features.len() as u32);
        }
        Self { starts, features, allowed, weight }
    }

    /// In place of features their places among those that are learned; the others go.
    fn look_up(&mut self, hashes: &[u32]) {
        let (mut starts, mut places) = (vec![0], Vec::with_capacity(self.features.len() / 2));
        for at in 0..self.len() {
            places.extend(
                self.of(at).iter().filter_map(|hash| hashes.binary_search(hash).ok()).map(|at| at as u32),
            );
            starts.push(places.len() as u32);
        }
        (self.starts, self.features) = (starts, places);
    }

    fn of(&self, at: usize) -> &[u32] {
        let place = |at: usize| self.starts.get(at).copied().unwrap_or_default() as usize;
        self.features.get(place(at)..place(at + 1)).unwrap_or_default()
    }

    /// How many tokens it has.
    pub fn len(&self) -> usize {
        self.allowed.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty()
    }
}

type Row = [f32; WIDTH];

struct Field {
    labels: usize,
    rows: Vec<Row>,
    steps: Vec<Row>,
    biases: Row,
    bias_steps: Row,
    follows: [Row; WIDTH],
    follow_steps: [Row; WIDTH],
}

/// Chances of labels at each token and of pairs of them, and how likely the whole is.
struct Chances {
    at: Vec<Row>,
    pairs: [Row; WIDTH],
    log: f64,
}

impl Field {
    fn emitted(&self, example: &Example) -> Vec<Row> {
        let token = |at: usize| {
            let mut sums = self.biases;
            for place in example.of(at) {
                if let Some(row) = self.rows.get(*place as usize) {
                    sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
                }
            }
            sums
        };
        (0..example.len()).map(token).collect()
    }

    /// Forward and backward over the labels that are allowed.
    fn chances(&self, emitted: &[Row], allowed: impl Fn(usize) -> u16) -> Chances {
        let (labels, many) = (self.labels, emitted.len());
        let mut follows = [[0.0_f32; WIDTH]; WIDTH];
        for (from, row) in follows.iter_mut().enumerate().take(labels) {
            for (to, out) in row.iter_mut().enumerate().take(labels) {
                *out = if may_follow(from, to) { self.follows[from][to].exp() } else { 0.0 };
            }
        }
        let mut log = 0.0_f64;
        let mut local: Vec<Row> = Vec::with_capacity(many);
        for (at, emitted) in emitted.iter().enumerate() {
            let bits = allowed(at);
            let most = (0..labels).map(|label| emitted[label]).fold(f32::MIN, f32::max);
            let mut row = [0.0; WIDTH];
            for label in (0..labels).filter(|label| bits >> label & 1 == 1) {
                row[label] = (emitted[label] - most).exp();
            }
            log += f64::from(most);
            local.push(row);
        }
        let mut forward: Vec<Row> = Vec::with_capacity(many);
        let mut before = [0.0_f32; WIDTH];
        before[0] = 1.0;
        for row in &local {
            let mut next = [0.0_f32; WIDTH];
            for from in 0..labels {
                (0..labels).for_each(|to| next[to] += before[from] * follows[from][to]);
            }
            (0..labels).for_each(|to| next[to] *= row[to]);
            let sum = next.iter().sum::<f32>().max(1e-30);
            log += f64::from(sum.ln());
            next.iter_mut().for_each(|one| *one /= sum);
            forward.push(next);
            before = next;
        }
        let mut pairs = [[0.0_f32; WIDTH]; WIDTH];
        let mut behind = [1.0_f32; WIDTH];
        let mut at_each = vec![[0.0_f32; WIDTH]; many];
        for at in (0..many).rev() {
            let sum = (0..labels).map(|label| forward[at][label] * behind[label]).sum::<f32>().max(1e-30);
            (0..labels).for_each(|label| at_each[at][label] = forward[at][label] * behind[label] / sum);
            let mut first = [0.0_f32; WIDTH];
            first[0] = 1.0;
            let before = at.checked_sub(1).and_then(|at| forward.get(at)).unwrap_or(&first);
            let mut all = 0.0;
            let mut own = [[0.0_f32; WIDTH]; WIDTH];
            let mut next = [0.0_f32; WIDTH];
            for from in 0..labels {
                for to in 0..labels {
                    let way = follows[from][to] * local[at][to] * behind[to];
                    next[from] += way;
                    own[from][to] = before[from] * way;
                    all += own[from][to];
                }
            }
            let all = all.max(1e-30);
            for from in 0..labels {
                (0..labels).for_each(|to| pairs[from][to] += own[from][to] / all);
            }
            let sum = next.iter().sum::<f32>().max(1e-30);
            next.iter_mut().for_each(|one| *one /= sum);
            behind = next;
        }
        Chances { at: at_each, pairs, log }
    }

    /// Learns from one example; gives its loss.
    fn learn(&mut self, example: &Example, rate: f32, decay: f32) -> f64 {
        let emitted = self.emitted(example);
        let free = self.chances(&emitted, |_| u16::MAX);
        let bound = self.chances(&emitted, |at| example.allowed.get(at).copied().unwrap_or(u16::MAX));
        for (at, (free, bound)) in free.at.iter().zip(&bound.at).enumerate() {
            let mut slope = [0.0_f32; WIDTH];
            let mut any = 0.0_f32;
            for (label, slope) in slope.iter_mut().enumerate().take(self.labels) {
                *slope = (free[label] - bound[label]) * example.weight;
                any = any.max(slope.abs());
            }
            if any < 1e-4 {
                continue;
            }
            for place in example.of(at) {
                let place = *place as usize;
                if let (Some(row), Some(steps)) = (self.rows.get_mut(place), self.steps.get_mut(place)) {
                    step(row, steps, &slope, rate, decay);
                }
            }
            step(&mut self.biases, &mut self.bias_steps, &slope, rate, 0.0);
        }
        for from in 0..self.labels {
            let mut slope = [0.0_f32; WIDTH];
            (0..self.labels)
                .for_each(|to| slope[to] = (free.pairs[from][to] - bound.pairs[from][to]) * example.weight);
            step(&mut self.follows[from], &mut self.follow_steps[from], &slope, rate, 0.0);
        }
        (free.log - bound.log) * f64::from(example.weight)
    }
}

/// The features that occur often enough, in order.
fn learned(examples: &[Example], least: u32) -> Vec<u32> {
    let taken = examples.iter().filter(|one| one.weight > 0.0);
    let mut all: Vec<u32> = taken.flat_map(|one| one.features.iter().copied()).collect();
    all.sort_unstable();
    let often = |same: &[u32]| same.len() >= least as usize;
    all.chunk_by(|a, b| a == b).filter(|same| often(same)).filter_map(|same| same.first()).copied().collect()
}

/// Trains; the examples are of no use behind it. `told` is told after each epoch what the mean loss of a token was.
pub fn train(examples: &mut [Example], settings: Settings, mut told: impl FnMut(u32, f64)) -> Weights {
    let hashes = learned(examples, settings.least);
    examples.iter_mut().for_each(|example| example.look_up(&hashes));
    let mut field = Field {
        labels: 1 + 2 * settings.types,
        rows: vec![[0.0; WIDTH]; hashes.len()],
        steps: vec![[0.1; WIDTH]; hashes.len()],
        biases: [0.0; WIDTH],
        bias_steps: [1.0; WIDTH],
        follows: [[0.0; WIDTH]; WIDTH],
        follow_steps: [[1.0; WIDTH]; WIDTH],
    };
    let mut order = Order::new(examples.len());
    for epoch in 0..settings.epochs {
        let rate = settings.rate * (1.0 - epoch as f32 / settings.epochs as f32);
        let (mut loss, mut counted) = (0.0, 0.0);
        for place in order.next() {
            let Some(example) = examples.get(*place as usize).filter(|one| one.weight > 0.0) else {
                continue;
            };
            loss += field.learn(example, rate, settings.decay);
            counted += example.len() as f64 * f64::from(example.weight);
        }
        told(epoch, loss / counted.max(1.0));
    }
    Weights { hashes, rows: field.rows, biases: field.biases, follows: field.follows }
}
