//! Runs a model beside the workers' threads: no more at once than the judge may be asked, nor than there are processors, each on one thread.
//!
//! A text is read in windows of what the model reads at once, each of which repeats the end of the one before; of each label the highest
//! score of all windows counts. Who has left is told to the model between two windows. A model is a file of somebody else: whatever goes
//! wrong in it, a panic too, is an answer of another form than the kind's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use tokenizers::Tokenizer;
use tokio::sync::Semaphore;

use super::super::Failure;
use super::super::wire::Told;
use super::{Head, JudgeSettings, LocalError};

/// What of a window the next one repeats: an eighth of it, and no more than this.
const OVERLAP: usize = 64;
/// What a model is asked when it is loaded.
const TRIAL: &str = "How do I reach the station?";

/// What a model is given of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// The numbers of its tokens.
    Ids,
    /// Which of them are padding: none.
    Mask,
    /// To which of two texts they belong: to the first.
    Types,
}

/// Asks for what an input is called.
fn input(name: &str) -> Option<Input> {
    match name {
        "input_ids" => Some(Input::Ids),
        "attention_mask" => Some(Input::Mask),
        "token_type_ids" => Some(Input::Types),
        _ => None,
    }
}

/// A model with all that is needed to ask it.
pub(in super::super) struct Local {
    model: Model,
    tokenizer: Tokenizer,
    inputs: Vec<(NodeId, Input)>,
    output: NodeId,
    head: Head,
    places: Arc<Semaphore>,
    /// A thread for each place, those that are not taken.
    threads: Mutex<Vec<Arc<ThreadPool>>>,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("head", &self.head).finish_non_exhaustive()
    }
}

/// Nothing comes of a text.
struct Nothing;

/// Cuts the numbers of a text's tokens into windows of so many, each between the marks that stand before and behind the text. Each begins with
/// the end of the one before.
pub(super) fn windows(ids: &[u32], (before, behind): (usize, usize), tokens: usize) -> Vec<Vec<i32>> {
    let text = ids.get(before..ids.len().saturating_sub(behind)).unwrap_or_default();
    let first = ids.get(..before).unwrap_or_default();
    let last = ids.get(ids.len().saturating_sub(behind)..).unwrap_or_default();
    let room = tokens.saturating_sub(before + behind).max(1);
    let step = (room - (room / 8).min(OVERLAP)).max(1);
    let (mut out, mut from) = (Vec::new(), 0);
    loop {
        let to = (from + room).min(text.len());
        let part = text.get(from..to).unwrap_or_default();
        out.push([first, part, last].concat().into_iter().map(u32::cast_signed).collect());
        if to == text.len() {
            return out;
        }
        from += step;
    }
}

/// Tells who reads that nobody waits any more.
struct Leaving(Arc<AtomicBool>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Local {
    /// Loads a judge's model and asks it something.
    ///
    /// # Errors
    /// A file is not there or is something else, or the model does not take a text and give a score for each label.
    pub(in super::super) fn load(settings: &JudgeSettings) -> Result<Self, LocalError> {
        let missing = |key| LocalError::new("kind", "missing-key", format!("a model needs `{key}`"));
        let model = Path::new(settings.model.as_deref().ok_or_else(|| missing("model"))?);
        let tokenizer = settings.tokenizer.as_deref().ok_or_else(|| missing("tokenizer"))?;
        let head = Head::read(settings)?;
        // Whatever files of others do to who reads them.
        let load = || Self::of(model, tokenizer, head, settings.concurrency);
        catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|_| {
            let reason = format!("`{}` and `{}` cannot be read", model.display(), tokenizer.display());
            Err(LocalError::new("model", "bad-model", reason))
        })
    }

    fn of(file: &Path, tokenizer: &Path, head: Head, concurrency: usize) -> Result<Self, LocalError> {
        let wrong =
            |reason: String| LocalError::new("model", "bad-model", format!("`{}`: {reason}", file.display()));
        let model = load_model(file)?;
        let tokenizer = load_tokenizer(tokenizer)?;
        let mut inputs = Vec::new();
        for id in model.input_ids() {
            let name = model.node_info(*id).and_then(|node| node.name()).unwrap_or_default();
            let takes = input(name).ok_or_else(|| {
                wrong(format!(
                    "the model wants `{name}`; expected `input_ids`, `attention_mask` and `token_type_ids`, as sequence classifiers take them"
                ))
            })?;
            inputs.push((*id, takes));
        }
        if !inputs.iter().any(|(_, takes)| *takes == Input::Ids) {
            return Err(wrong("the model takes no `input_ids`: it does not read texts".into()));
        }
        let output = model.find_node("logits").or_else(|| model.output_ids().first().copied());
        let output = output.ok_or_else(|| wrong("the model gives nothing".into()))?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let places = concurrency.clamp(1, processors);
        let local = Self {
            model,
            tokenizer,
            inputs,
            output,
            head,
            places: Arc::new(Semaphore::new(places)),
            threads: Mutex::new((0..places).map(|_| Arc::new(ThreadPool::with_num_threads(1))).collect()),
        };
        let one = local.encoded(TRIAL).and_then(|windows| windows.into_iter().next()).ok_or_else(|| {
            LocalError::new("tokenizer", "bad-tokenizer", "the tokenizer makes nothing of a text")
        })?;
        let gives = local.run(&one).map_err(wrong)?;
        let labels = local.head.labels.len();
        if local.head.scores(&gives).is_none() {
            let given = gives.len();
            return Err(wrong(format!(
                "the model gives {given} scores, and `config.json` has {labels} labels"
            )));
        }
        Ok(local)
    }

    /// What the model says of a text: each label with its score.
    ///
    /// # Errors
    /// It says nothing that can be read.
    pub(in super::super) async fn judge(self: &Arc<Self>, text: &str) -> Result<Vec<Told>, Failure> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Failure::Busy)?;
        let leaving = Leaving(Arc::default());
        let (local, halt, text) = (Arc::clone(self), Arc::clone(&leaving.0), text.to_owned());
        let done = tokio::task::spawn_blocking(move || {
            let done = catch_unwind(AssertUnwindSafe(|| local.windows(&text, &halt)));
            // The place is kept until the model has ended, whoever waits.
            drop(place);
            done
        });
        match done.await {
            Ok(Ok(Ok(told))) => Ok(told),
            Ok(Ok(Err(Nothing)) | Err(_)) | Err(_) => Err(Failure::Garbage),
        }
    }

    fn windows(&self, text: &str, halt: &AtomicBool) -> Result<Vec<Told>, Nothing> {
        let all = self.encoded(text).ok_or(Nothing)?;
        let mut most = vec![0.0_f32; self.head.labels.len()];
        for window in &all {
            if halt.load(Ordering::Acquire) {
                return Err(Nothing);
            }
            let given = self.run(window).map_err(|_| Nothing)?;
            for (most, score) in most.iter_mut().zip(self.head.scores(&given).ok_or(Nothing)?) {
                *most = most.max(score);
            }
        }
        let labels = self.head.labels.iter().zip(most);
        Ok(labels.map(|(label, score)| Told { category: label.clone(), score, span: None }).collect())
    }

    /// The windows of a text; none where the tokenizer makes nothing of it.
    fn encoded(&self, text: &str) -> Option<Vec<Vec<i32>>> {
        let whole = self.tokenizer.encode_fast(text, true).ok().filter(|whole| !whole.is_empty())?;
        // What the tokenizer adds is marked; what a text writes like it is not.
        let added = |mark: &&u32| **mark == 1;
        let marks = whole.get_special_tokens_mask();
        let before = marks.iter().take_while(added).count();
        let behind = marks.iter().skip(before).rev().take_while(added).count();
        Some(windows(whole.get_ids(), (before, behind), self.head.tokens()))
    }

    /// What the model gives for one window.
    fn run(&self, window: &[i32]) -> Result<Vec<f32>, String> {
        let thread = self.threads.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // There is one for each place; were there none, the model would run on threads that all share.
        let mut options = RunOptions::default();
        options.thread_pool.clone_from(&thread);
        // What a panic leaves behind of this run goes with it.
        let given = catch_unwind(AssertUnwindSafe(|| self.run_on(window, options)));
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).extend(thread);
        given.unwrap_or_else(|_| Err("the model cannot be run".into()))
    }

    fn run_on(&self, window: &[i32], options: RunOptions) -> Result<Vec<f32>, String> {
        let row = |all: Vec<i32>| -> ValueOrView<'static> { NdTensor::from_data([1, all.len()], all).into() };
        let given = |takes: Input| match takes {
            Input::Ids => row(window.to_vec()),
            Input::Mask => row(vec![1; window.len()]),
            Input::Types => row(vec![0; window.len()]),
        };
        let inputs = self.inputs.iter().map(|(id, takes)| (*id, given(*takes))).collect();
        let out = self.model.run(inputs, &[self.output], Some(options)).map_err(|error| error.to_string())?;
        let logits = out.into_iter().next().and_then(rten::Value::into_tensor::<f32>);
        let logits = logits.ok_or("the model gives something else than numbers")?;
        if logits.ndim() != 2 || logits.size(0) != 1 {
            let shape = logits.shape();
            return Err(format!("the model gives numbers of the shape {shape:?}; expected [1, labels]"));
        }
        Ok(logits.to_vec())
    }
}

fn load_model(file: &Path) -> Result<Model, LocalError> {
    std::fs::File::open(file).map_err(|error| LocalError::unread("model", file, &error))?;
    if file.extension().is_none_or(|extension| extension != "onnx") {
        let reason = format!("`{}` is no `.onnx` file", file.display());
        return Err(LocalError::new("model", "bad-model", reason));
    }
    ModelOptions::with_all_ops().prepack_weights(true).load_file(file).map_err(|error| {
        let reason = format!("`{}` is no ONNX model that can be run: {error}", file.display());
        LocalError::new("model", "bad-model", reason)
    })
}

fn load_tokenizer(file: &Path) -> Result<Tokenizer, LocalError> {
    let text = std::fs::read(file).map_err(|error| LocalError::unread("tokenizer", file, &error))?;
    let wrong = |error: tokenizers::Error| {
        let reason = format!("`{}` is no `tokenizer.json` of Hugging Face: {error}", file.display());
        LocalError::new("tokenizer", "bad-tokenizer", reason)
    };
    let mut tokenizer = Tokenizer::from_bytes(&text).map_err(wrong)?;
    tokenizer.with_padding(None).with_truncation(None).map_err(wrong)?;
    // A text that writes `[SEP]` has not ended for that.
    tokenizer.set_encode_special_tokens(true);
    Ok(tokenizer)
}
