//! From labelled texts to a model: weights trained on all of them, and how to read their sums, told from texts that were kept out.
//!
//! The texts are dealt into as many parts as the plan says. Each part is judged by weights trained on the others; from these sums come the
//! curves that make scores of them, by class and language, and the scores that few harmless texts reach.

use super::features::{Features, Group, Script, Sink};
use super::file::NoModel;
use super::model::{Calibration, Head, LANES, Model, Sums, Tongue};
use super::reading::Reading;
use super::train::{Example, Settings, Weights, train};
use crate::detect::model_file;
use std::collections::BTreeMap;
use std::sync::Arc;

/// With fewer texts of a kind in a language, all languages' texts tell the curve.
const FEW: usize = 40;

/// A text and what it is.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Folded text.
    pub text: String,
    /// By class: 1, 0, or -1 where it is not known.
    pub targets: [i8; LANES],
    /// How much it counts in training; 0 for one that is only judged.
    pub weight: f32,
    /// Whether it is one of the harmless texts by which thresholds are told.
    pub benign: bool,
    /// [`kin`] of the text that it was made of: texts that were made of one text are dealt together, so that none is judged by weights
    /// that have seen another.
    pub kin: u32,
}

/// What to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The model's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its classes.
    pub classes: Vec<String>,
    /// How to train; the number of classes is told by their names.
    pub settings: Settings,
    /// Into how many parts the texts are dealt: 2 or more.
    pub folds: u32,
    /// How much surer a part of a text has to be than the whole, as a logit before calibration: in English, in Chinese, in other
    /// languages.
    pub part: [f32; 3],
}

/// The languages of [`Plan::part`], as a model's file names them.
const TONGUES: [(&str, Tongue); 3] =
    [("en", Tongue::English), ("zh", Tongue::Chinese), ("other", Tongue::Other)];

/// What came of it.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The model.
    pub model: Arc<Model>,
    /// Its file.
    pub file: Vec<u8>,
    /// By lesson: the scores of its classes by weights that had not seen it.
    pub scores: Vec<[f32; LANES]>,
}

/// Learns. `told` is told how far it is: the part, of how many and one more, and the epoch.
///
/// # Errors
/// The plan has no classes or too many.
pub fn learn(
    lessons: &[Lesson],
    plan: &Plan,
    mut told: impl FnMut(u32, u32, u32),
) -> Result<Learned, NoModel> {
    let examples: Vec<Example> =
        lessons.iter().map(|one| Example::new(&one.text, one.targets, one.weight)).collect();
    let settings = Settings { classes: plan.classes.len(), ..plan.settings };
    let folds = plan.folds.max(2);
    let mut sums = vec![[0.0_f32; LANES]; lessons.len()];
    let parts: Vec<u32> = lessons.iter().map(|one| one.kin % folds).collect();
    for fold in 0..folds {
        let kept = |place: &usize| parts.get(*place).is_some_and(|part| *part != fold);
        let own: Vec<&Example> = (0..examples.len())
            .filter(kept)
            .filter_map(|place| examples.get(place))
            .filter(|example| example.weight > 0.0)
            .collect();
        let weights = train(&own, settings, |epoch, _| told(fold, folds + 1, epoch));
        let (model, _) = Model::quantised(plain(plan, &weights), &weights)?;
        for ((lesson, part), sum) in lessons.iter().zip(&parts).zip(&mut sums) {
            if *part == fold {
                *sum = judge(&model, &lesson.text);
            }
        }
    }
    let tongues: Vec<Tongue> = lessons.iter().map(|one| tongue(&one.text)).collect();
    let mut readings = BTreeMap::new();
    for ((name, own), part) in TONGUES.into_iter().zip(plan.part) {
        let known = Known { lessons, sums: &sums, tongues: &tongues };
        readings.insert(name.to_owned(), calibrate(plan.classes.len(), &known, own, part));
    }
    let scores = sums
        .iter()
        .zip(&tongues)
        .map(|(sums, tongue)| {
            let own = readings.get(match tongue {
                Tongue::English => "en",
                Tongue::Chinese => "zh",
                Tongue::Other => "other",
            });
            let mut scores = [0.0; LANES];
            if let Some(own) = own {
                for ((score, sum), curve) in scores.iter_mut().zip(sums).zip(&own.curves) {
                    *score = along(*curve, *sum);
                }
            }
            scores
        })
        .collect();
    let own: Vec<&Example> = examples.iter().filter(|example| example.weight > 0.0).collect();
    let weights = train(&own, settings, |epoch, _| told(folds, folds + 1, epoch));
    let head = Head { readings, ..plain(plan, &weights) };
    let (model, file) = Model::quantised(head, &weights)?;
    Ok(Learned { model, file, scores })
}

/// A head that reads sums as they are.
fn plain(plan: &Plan, weights: &Weights) -> Head {
    let classes = plan.classes.len();
    let as_is = |part: f32| Calibration {
        curves: vec![[1.0, 0.0]; classes],
        part: vec![part; classes],
        one_in_hundred: vec![1.0; classes],
        one_in_thousand: vec![1.0; classes],
    };
    let readings = TONGUES.into_iter().zip(plan.part);
    Head {
        format: model_file::FORMAT,
        name: plan.name.clone(),
        version: plan.version.clone(),
        bits: plan.settings.bits,
        classes: plan.classes.clone(),
        scales: Vec::new(),
        biases: weights.biases.iter().copied().take(classes).collect(),
        prior: plan.settings.prior,
        readings: readings.map(|((name, _), part)| (name.to_owned(), as_is(part))).collect(),
        sha256: String::new(),
    }
}

/// What decides to which part a text is dealt, and what is made of it: its own content.
pub fn kin(text: &str) -> u32 {
    let hash =
        text.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash ^ hash >> 15
}

fn reading(model: &Arc<Model>, text: &str) -> Reading {
    let mut reading = Reading::new(std::slice::from_ref(model));
    reading.push(text.as_bytes()).for_each(drop);
    reading.finish().for_each(drop);
    reading
}

/// The sums of a text's classes, by a model that reads them as they are.
fn judge(model: &Arc<Model>, text: &str) -> [f32; LANES] {
    let reading = reading(model, text);
    let scores = reading.scores().next().map(|(_, scores)| scores.of);
    scores.unwrap_or([0.0; LANES]).map(|score| {
        let score = score.clamp(1e-6, 1.0 - 1e-6);
        (score / (1.0 - score)).ln()
    })
}

/// Counts the letters of a text, and nothing else.
struct Letters<'a>(&'a mut Sums);

impl Sink for Letters<'_> {
    fn feature(&mut self, _: Group, _: u32) {}

    fn letter(&mut self, script: Script) {
        self.0.letter(script);
    }

    fn begin(&mut self, _: u64) {}

    fn unit(&mut self, _: u64) {}
}

/// The language of a folded text by its script.
pub fn tongue(text: &str) -> Tongue {
    let (mut sums, mut features) = (Sums::default(), Features::default());
    features.push(text.as_bytes(), &mut Letters(&mut sums));
    features.finish(&mut Letters(&mut sums));
    sums.tongue()
}

/// Texts with what weights that had not seen them make of them, and their languages.
struct Known<'a> {
    lessons: &'a [Lesson],
    sums: &'a [[f32; LANES]],
    tongues: &'a [Tongue],
}

fn calibrate(classes: usize, known: &Known<'_>, own: Tongue, part: f32) -> Calibration {
    let Known { lessons, sums, tongues } = *known;
    let mut out = Calibration::default();
    for class in 0..classes {
        let known = |only: Option<Tongue>| -> Vec<(f32, bool)> {
            let all = lessons.iter().zip(sums).zip(tongues);
            all.filter(|((lesson, _), tongue)| {
                lesson.targets[class] >= 0 && only.is_none_or(|only| only == **tongue)
            })
            .map(|((lesson, sums), _)| (sums[class], lesson.targets[class] == 1))
            .collect()
        };
        let of_own = known(Some(own));
        let positives = of_own.iter().filter(|(_, is)| *is).count();
        let enough = own != Tongue::Other && positives >= FEW && of_own.len() - positives >= FEW;
        let curve = fit(&if enough { of_own } else { known(None) });
        let mut benign: Vec<f32> = lessons
            .iter()
            .zip(sums)
            .zip(tongues)
            .filter(|((lesson, _), tongue)| lesson.benign && **tongue == own && lesson.targets[class] == 0)
            .map(|((_, sums), _)| along(curve, sums[class]))
            .collect();
        benign.sort_by(|a, b| b.total_cmp(a));
        // The score of the first that may be found, and one more step; with too few texts nothing is known.
        let one_in = |many: usize| {
            let allowed = benign.len() / many;
            benign
                .get(allowed)
                .filter(|_| benign.len() >= many)
                .map_or(1.0, |score| (score + 0.001).min(0.999))
        };
        out.curves.push(curve);
        out.part.push(part);
        out.one_in_hundred.push(one_in(100));
        out.one_in_thousand.push(one_in(1000));
    }
    out
}

fn along([factor, summand]: [f32; 2], sum: f32) -> f32 {
    1.0 / (1.0 + (-(factor * sum + summand)).exp())
}

/// The curve that tells the two kinds apart best, each kind as much as the other.
fn fit(points: &[(f32, bool)]) -> [f32; 2] {
    let of = |is: bool| points.iter().filter(|point| point.1 == is).count().max(1) as f64;
    let weights = [0.5 / of(false), 0.5 / of(true)];
    let (mut factor, mut summand) = (1.0_f64, 0.0_f64);
    for _ in 0..60 {
        // Newton's steps on two numbers, held back a little so that what can be told apart wholly does not run away.
        let (mut g, mut h) = ([0.0_f64; 2], [1e-4_f64, 0.0, 1e-4]);
        g[0] += 1e-4 * (factor - 1.0);
        g[1] += 1e-4 * summand;
        for (sum, is) in points {
            let (sum, weight) = (f64::from(*sum), weights[usize::from(*is)]);
            let p = 1.0 / (1.0 + (-(factor * sum + summand)).exp());
            let error = weight * (p - f64::from(u8::from(*is)));
            let bend = weight * p * (1.0 - p);
            g[0] += error * sum;
            g[1] += error;
            h[0] += bend * sum * sum;
            h[1] += bend * sum;
            h[2] += bend;
        }
        let det = h[0] * h[2] - h[1] * h[1];
        if det.abs() < 1e-12 {
            break;
        }
        let step = [(h[2] * g[0] - h[1] * g[1]) / det, (h[0] * g[1] - h[1] * g[0]) / det];
        factor -= step[0].clamp(-1.0, 1.0);
        summand -= step[1].clamp(-1.0, 1.0);
    }
    [factor.max(0.05) as f32, summand as f32]
}
