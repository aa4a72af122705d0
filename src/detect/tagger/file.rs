//! A tagger's file: a line of JSON that says what it is ([`Head`]), and behind it, compressed with Zstandard, the table of weights, row
//! after row, and the lexicon, six bytes a word.

use super::lexicon::Lexicon;
use super::model::{BUCKET, Body, Head, MOST_TYPES, Tagger, WIDTH, tag};
use super::train::Weights;
use crate::detect::model_file::{self, Fault};
use crate::text::hex;
use aws_lc_rs::digest::{SHA256, digest};
use std::borrow::Cow;
use std::io::Read;
use std::sync::OnceLock;

/// The most rows, as a power of two, and words.
const MOST_BITS: u32 = 20;
const MOST_WORDS: u32 = 1 << 18;
/// What it may be worth that a label follows another, either way: its power is a number still.
const FURTHEST: f32 = 80.0;
/// Zstandard's level: it is made once and read often.
const LEVEL: i32 = 19;

/// A file is no tagger, or not a whole one.
#[derive(Debug, thiserror::Error)]
#[error("not a tagger: {0}")]
pub struct NoTagger(#[from] Fault);

impl Tagger {
    /// Reads a file.
    ///
    /// # Errors
    /// It is damaged, or not a tagger.
    pub fn read(file: &[u8]) -> Result<Self, NoTagger> {
        let (head, packed) = described(file)?;
        let body = unpacked(&head, packed)?;
        Ok(Self { head, packed: Cow::Borrowed(&[]), body: OnceLock::from(body) })
    }

    /// A file that ships, of which the weights are unpacked when a policy asks it.
    ///
    /// # Errors
    /// What it says of itself is damaged.
    pub(super) fn shipped(file: &'static [u8]) -> Result<Self, NoTagger> {
        let (head, packed) = described(file)?;
        Ok(Self { head, packed: Cow::Borrowed(packed), body: OnceLock::new() })
    }

    /// Unpacks the weights.
    ///
    /// # Errors
    /// They are damaged.
    pub fn check(&self) -> Result<(), NoTagger> {
        if self.body.get().is_none() {
            let body = unpacked(&self.head, &self.packed)?;
            self.body.get_or_init(|| body);
        }
        Ok(())
    }

    /// The weights. What ships is checked when rules are compiled; of a table that is not whole, nothing is told.
    pub(super) fn body(&self) -> &Body {
        self.body.get_or_init(|| unpacked(&self.head, &self.packed).unwrap_or_default())
    }

    /// What was trained, in bytes.
    ///
    /// # Errors
    /// The head, the weights and the lexicon do not fit each other.
    pub fn quantised(
        mut head: Head,
        weights: &Weights,
        words: &[(u32, u16)],
    ) -> Result<(Self, Vec<u8>), NoTagger> {
        let labels = 1 + 2 * head.types.len();
        // A weight of one label is as good as that of another: one scale for all.
        let scale = scale(weights);
        head.scales = vec![scale; labels];
        head.biases = weights.biases.iter().copied().take(labels).collect();
        head.follows = weights
            .follows
            .iter()
            .take(labels)
            .map(|row| row.iter().copied().take(labels).collect())
            .collect();
        head.words = words.len() as u32;
        let mut body = Vec::with_capacity((WIDTH << head.bits) + 6 * words.len());
        body.extend(
            table(weights, head.bits, scale).iter().flatten().flatten().map(|byte| byte.to_le_bytes()[0]),
        );
        // The high bytes of hashes in order are much alike: each byte stands with its like.
        for part in 0..4 {
            body.extend(words.iter().map(|(hash, _)| hash.to_be_bytes()[part]));
        }
        body.extend(words.iter().flat_map(|(_, traits)| traits.to_be_bytes()));
        head.sha256 = hex::encode(digest(&SHA256, &body).as_ref());
        let packed =
            zstd::encode_all(&body[..], LEVEL).map_err(|_| Fault::Weights("its weights cannot be packed"))?;
        let mut file =
            serde_json::to_vec(&head).map_err(|_| Fault::Weights("its first line cannot be written"))?;
        file.push(b'\n');
        file.extend(packed);
        Ok((Self::read(&file)?, file))
    }
}

fn described(file: &[u8]) -> Result<(Head, &[u8]), NoTagger> {
    let (head, packed) = model_file::read::<Head>(file, Some(model_file::TAGGER))?;
    let labels = 1 + 2 * head.types.len();
    if !(1..=MOST_TYPES).contains(&head.types.len()) {
        return Err(Fault::Parts("it has no types, or too many").into());
    }
    let rows = head.follows.iter().all(|row| row.len() == labels);
    if head.least.len() != head.types.len()
        || head.scales.len() != labels
        || head.biases.len() != labels
        || head.follows.len() != labels
        || !rows
    {
        return Err(Fault::Parts("its types, scales, biases and transitions are not of one number").into());
    }
    if !(2..=MOST_BITS).contains(&head.bits) || head.words > MOST_WORDS {
        return Err(Fault::Parts("its table or its lexicon is too large").into());
    }
    model_file::finite("scales", head.scales.iter().copied())?;
    model_file::finite("biases", head.biases.iter().copied())?;
    // Of each a power is made.
    model_file::within("follows", head.follows.iter().flatten().copied(), (-FURTHEST, FURTHEST))?;
    model_file::within("least", head.least.iter().copied(), (0.0, 1.0))?;
    Ok((head, packed))
}

fn unpacked(head: &Head, packed: &[u8]) -> Result<Body, NoTagger> {
    const OTHER: Fault =
        Fault::Weights("its weights do not unpack, or have another size than its first line says");
    let (rows, words) = (WIDTH << head.bits, head.words as usize);
    let mut body = Vec::new();
    let decoder = zstd::Decoder::new(packed).map_err(|_| OTHER)?;
    let most = (rows + 6 * words) as u64;
    decoder.take(most + 1).read_to_end(&mut body).map_err(|_| OTHER)?;
    if body.len() as u64 != most {
        return Err(OTHER.into());
    }
    if hex::encode(digest(&SHA256, &body).as_ref()) != head.sha256 {
        return Err(Fault::Weights("its weights are not those whose hash its first line says").into());
    }
    let (table, lexicon) = body.split_at(rows);
    let row = |row: &[u8]| {
        let mut out = [0_i8; WIDTH];
        out.iter_mut().zip(row).for_each(|(out, byte)| *out = i8::from_le_bytes([*byte]));
        out
    };
    let byte = |at: usize| lexicon.get(at).copied().unwrap_or_default();
    let word = |at: usize| {
        let hash =
            u32::from_be_bytes([byte(at), byte(words + at), byte(2 * words + at), byte(3 * words + at)]);
        (hash, u16::from_be_bytes([byte(4 * words + 2 * at), byte(4 * words + 2 * at + 1)]))
    };
    let entries: Vec<(u32, u16)> = (0..words).map(word).collect();
    let bucket = |rows: &[u8]| {
        let mut out = [[0_i8; WIDTH]; BUCKET];
        out.iter_mut().zip(rows.chunks(WIDTH)).for_each(|(out, bytes)| *out = row(bytes));
        out
    };
    Ok(Body::new(head, table.chunks(WIDTH * BUCKET).map(bucket).collect(), Lexicon::new(&entries)))
}

/// The table: each feature stands where its hash says, those with the greatest weights first; what finds no room is left out.
fn table(weights: &Weights, bits: u32, scale: f32) -> Vec<[[i8; WIDTH]; BUCKET]> {
    let buckets = (1_usize << bits) / BUCKET;
    let mut table = vec![[[0_i8; WIDTH]; BUCKET]; buckets];
    let size = |row: &[f32; WIDTH]| row.iter().fold(0.0_f32, |most, weight| most.max(weight.abs()));
    let mut order: Vec<(f32, usize)> = weights.rows.iter().map(size).zip(0..).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (most, at) in order {
        let (Some(row), Some(&hash)) = (weights.rows.get(at), weights.hashes.get(at)) else { continue };
        if most < scale {
            break;
        }
        let free = table
            .get_mut(hash as usize & (buckets - 1))
            .and_then(|bucket| bucket.iter_mut().find(|row| row[WIDTH - 2] == 0 && row[WIDTH - 1] == 0));
        if let Some(free) = free {
            free.iter_mut().zip(row).for_each(|(out, weight)| *out = byte(weight / scale));
            let [low, high] = tag(hash).to_le_bytes().map(|byte| i8::from_le_bytes([byte]));
            (free[WIDTH - 2], free[WIDTH - 1]) = (low, high);
        }
    }
    table
}

/// A weight of a byte.
fn byte(weight: f32) -> i8 {
    let rounded = weight.round().clamp(-127.0, 127.0);
    (-127_i8..=127).find(|byte| f32::from(*byte) >= rounded).unwrap_or_default()
}

/// What a weight of one is worth: few weights are more than 127 times it.
fn scale(weights: &Weights) -> f32 {
    let all = weights.rows.iter().flatten();
    let mut sizes: Vec<f32> = all.map(|weight| weight.abs()).filter(|weight| *weight > 0.0).collect();
    sizes.sort_by(f32::total_cmp);
    let at = sizes.len().saturating_sub(1 + sizes.len() / 5000);
    sizes.get(at).map_or(1.0, |size| (size / 127.0).max(1e-6))
}
