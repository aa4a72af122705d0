//! The tree on disk, in the layout of C2SP's tlog-tiles: `tile/<level>/<number>` holds 256 hashes side by side, each of a whole tile of the
//! level below; `.p/<width>` holds the first ones of a tile that is not full.
//!
//! All of it follows from the records. A full tile is written once; those that are not full are written with each checkpoint, and older
//! ones of the same tile go.

use super::{Hash, Nodes, node_hash};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Hashes of a full tile.
pub(in crate::audit) const WIDTH: usize = 256;
/// Levels of the binary tree that a tile spans.
const HEIGHT: u32 = 8;
/// Bytes of a hash.
const HASH: usize = 32;
/// Tiles that a reader keeps.
const KEPT: usize = 512;

/// Why a tile cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// The system says no.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// Neither the tile nor as much of it as is needed is there.
    #[error("{path}: no tile, or less of it than the first {width} hashes", path = path.display())]
    Missing {
        /// The full tile's file.
        path: PathBuf,
        /// How many hashes are needed.
        width: usize,
    },
    /// The file has another size than its name says.
    #[error("{path}: {found} bytes, expected {expected}", path = path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: usize,
        /// The size of such a tile.
        expected: usize,
    },
}

/// Where tile `number` of a level stands: `x001/x234/067` for 1234067.
pub(in crate::audit) fn tile_path(dir: &Path, level: &str, number: u64) -> PathBuf {
    let mut parts = vec![format!("{:03}", number % 1000)];
    let mut rest = number / 1000;
    while rest > 0 {
        parts.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    let mut path = dir.join("tile").join(level);
    path.extend(parts.iter().rev());
    path
}

/// Where the beginning of a tile stands that is not full.
pub(in crate::audit) fn partial_path(full: &Path, width: usize) -> PathBuf {
    let mut folder = full.as_os_str().to_owned();
    folder.push(".p");
    PathBuf::from(folder).join(width.to_string())
}

/// The root of a row of `1 << height` hashes.
fn merge(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => super::empty_root(),
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&merge(left), &merge(right))
        }
    }
}

// === Writing ===

/// The tree's growing edge, and the tiles behind it.
#[derive(Debug)]
pub(in crate::audit) struct TileWriter {
    dir: PathBuf,
    size: u64,
    /// By level: the hashes of the tile that is not full.
    edge: Vec<Vec<Hash>>,
    /// The tiles on disk that are not full.
    partial: Vec<PathBuf>,
    /// Full tiles that are to be written.
    pending: Vec<(PathBuf, Vec<Hash>)>,
    /// Full tiles written since the last [`TileWriter::sync`].
    unsynced: Vec<PathBuf>,
    /// Tiles may be on disk already: those that are as they should be are not written again.
    replaying: bool,
}

impl TileWriter {
    /// An empty tree.
    pub(in crate::audit) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            size: 0,
            edge: Vec::new(),
            partial: Vec::new(),
            pending: Vec::new(),
            unsynced: Vec::new(),
            replaying: true,
        }
    }

    /// The tree of the first `size` leaves, a multiple of 256, taken from its full tiles.
    pub(in crate::audit) fn resume(dir: &Path, size: u64) -> Result<Self, TileError> {
        let mut writer = Self { size, ..Self::new(dir) };
        let mut reader = TileReader::new(dir, size);
        let mut full = size / WIDTH as u64;
        writer.edge.push(Vec::new());
        for level in 1.. {
            if full == 0 {
                break;
            }
            let first = full / WIDTH as u64 * WIDTH as u64;
            let edge: Result<Vec<Hash>, TileError> =
                (first..full).map(|n| Ok(merge(reader.tile(level - 1, n, WIDTH)?))).collect();
            writer.edge.push(edge?);
            full /= WIDTH as u64;
        }
        Ok(writer)
    }

    /// From here on nothing is on disk that is not written by this writer.
    pub(in crate::audit) fn replayed(&mut self) {
        self.replaying = false;
    }

    /// Leaves so far.
    pub(in crate::audit) fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf; a tile that it fills waits for [`TileWriter::flush`].
    pub(in crate::audit) fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut number = self.size;
        self.size += 1;
        for level in 0.. {
            if self.edge.len() == level {
                self.edge.push(Vec::with_capacity(WIDTH));
            }
            let Some(edge) = self.edge.get_mut(level) else { break };
            edge.push(hash);
            if edge.len() < WIDTH {
                break;
            }
            number /= WIDTH as u64;
            hash = merge(edge);
            let path = tile_path(&self.dir, &level.to_string(), number);
            self.pending.push((path, std::mem::replace(edge, Vec::with_capacity(WIDTH))));
        }
    }

    /// Full tiles that wait to be written.
    pub(in crate::audit) fn take_pending(&mut self) -> Vec<(PathBuf, Vec<Hash>)> {
        std::mem::take(&mut self.pending)
    }

    /// Writes the full tiles that wait. What cannot be written goes on to wait.
    pub(in crate::audit) fn flush(&mut self) -> io::Result<()> {
        while let Some((path, hashes)) = self.pending.last() {
            if !(self.replaying && fs::read(path).is_ok_and(|bytes| bytes == hashes.as_flattened())) {
                write(path, hashes)?;
            }
            self.unsynced.extend(self.pending.pop().map(|(path, _)| path));
        }
        Ok(())
    }

    /// By level, the path and the hashes of the tiles that are not full.
    pub(in crate::audit) fn partial(&self) -> impl Iterator<Item = (PathBuf, &[Hash])> {
        let mut number = self.size;
        self.edge.iter().enumerate().filter_map(move |(level, edge)| {
            number /= WIDTH as u64;
            let full = tile_path(&self.dir, &level.to_string(), number);
            (!edge.is_empty()).then(|| (partial_path(&full, edge.len()), edge.as_slice()))
        })
    }

    /// The root.
    pub(in crate::audit) fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for edge in &self.edge {
            // The subtrees of this level, the rightmost and smallest first.
            let mut rest = edge.as_slice();
            while !rest.is_empty() {
                let width = 1 << rest.len().trailing_zeros();
                let (before, subtree) = rest.split_at(rest.len() - width);
                let hash = merge(subtree);
                root = Some(root.map_or(hash, |right| node_hash(&hash, &right)));
                rest = before;
            }
        }
        root.unwrap_or_else(super::empty_root)
    }

    /// Writes the tiles that are not full, and those that wait.
    pub(in crate::audit) fn write_partial(&mut self) -> io::Result<()> {
        self.flush()?;
        let mut now = Vec::with_capacity(self.edge.len());
        for (path, hashes) in self.partial() {
            if !self.partial.contains(&path) {
                write(&path, hashes)?;
            }
            now.push(path);
        }
        for old in std::mem::replace(&mut self.partial, now) {
            if !self.partial.contains(&old) {
                let _ = fs::remove_file(&old);
                // Goes only when nothing else stands in it.
                let _ = old.parent().map(fs::remove_dir);
            }
        }
        Ok(())
    }

    /// Makes durable what full tiles were written since the last time.
    pub(in crate::audit) fn sync(&mut self) -> io::Result<()> {
        while let Some(path) = self.unsynced.last() {
            File::open(path)?.sync_all()?;
            let folder = path.parent().map(Path::to_owned);
            self.unsynced.pop();
            let same = |next: &PathBuf| next.parent() == folder.as_deref();
            if let Some(folder) = folder.as_ref().filter(|_| !self.unsynced.last().is_some_and(same)) {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }
}

/// Written beside its place and moved there, so that nobody reads half of it.
fn write(path: &Path, hashes: &[Hash]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let bytes = hashes.as_flattened();
    if let Err(error) = fs::write(&beside, bytes) {
        if error.kind() != io::ErrorKind::NotFound {
            return Err(error);
        }
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        fs::write(&beside, bytes)?;
    }
    fs::rename(&beside, path)
}

// === Reading ===

/// The tree of a size, read from its tiles.
#[derive(Debug)]
pub(in crate::audit) struct TileReader {
    dir: PathBuf,
    size: u64,
    kept: HashMap<(u32, u64), Vec<Hash>>,
}

impl TileReader {
    /// The tree of `size` leaves in a folder.
    pub(in crate::audit) fn new(dir: &Path, size: u64) -> Self {
        Self { dir: dir.to_owned(), size, kept: HashMap::new() }
    }

    /// The first `width` hashes of a tile.
    pub(in crate::audit) fn tile(
        &mut self,
        level: u32,
        number: u64,
        width: usize,
    ) -> Result<&[Hash], TileError> {
        if self.kept.len() > KEPT {
            self.kept.clear();
        }
        let kept = match self.kept.entry((level, number)) {
            std::collections::hash_map::Entry::Occupied(kept) if kept.get().len() >= width => kept.into_mut(),
            std::collections::hash_map::Entry::Occupied(mut kept) => {
                kept.insert(read(&self.dir, level, number, width)?);
                kept.into_mut()
            }
            std::collections::hash_map::Entry::Vacant(empty) => {
                empty.insert(read(&self.dir, level, number, width)?)
            }
        };
        Ok(kept.get(..width).unwrap_or_default())
    }

    /// How much of a tile is in the tree.
    fn width(&self, level: u32, number: u64) -> usize {
        let all = self.size.checked_shr(level * HEIGHT).unwrap_or(0);
        all.saturating_sub(number.saturating_mul(WIDTH as u64)).min(WIDTH as u64) as usize
    }
}

impl Nodes for TileReader {
    type Error = TileError;

    fn node(&mut self, height: u32, index: u64) -> Result<Hash, TileError> {
        let (level, above) = (height / HEIGHT, height % HEIGHT);
        // Its place in the tile's row of hashes.
        let first = index << above;
        let (number, place) = (first / WIDTH as u64, (first % WIDTH as u64) as usize);
        let width = self.width(level, number);
        let tile = self.tile(level, number, width)?;
        Ok(merge(tile.get(place..place + (1 << above)).unwrap_or_default()))
    }
}

fn read(dir: &Path, level: u32, number: u64, width: usize) -> Result<Vec<Hash>, TileError> {
    let full = tile_path(dir, &level.to_string(), number);
    let exact = if width < WIDTH { partial_path(&full, width) } else { full.clone() };
    // A tile may have grown since the checkpoint that is read.
    let folder = partial_path(&full, 0).parent().map(Path::to_owned);
    let grown = folder.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    let grown = grown
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| width_of(path).is_some_and(|found| found >= width));
    for path in [exact, full.clone()].into_iter().chain(grown) {
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(TileError::Io { path, source }),
        };
        let expected = HASH * if path == full { WIDTH } else { width_of(&path).unwrap_or(WIDTH) };
        if bytes.len() != expected {
            return Err(TileError::Size { found: bytes.len(), expected, path });
        }
        return Ok(bytes.as_chunks::<HASH>().0.to_vec());
    }
    Err(TileError::Missing { path: full, width })
}

/// The width that a partial tile's name tells.
fn width_of(path: &Path) -> Option<usize> {
    path.file_name()?.to_str()?.parse().ok()
}
