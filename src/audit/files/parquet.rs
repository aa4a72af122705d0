//! Parquet files, as far as flat columns and one list of structs need them written.
//!
//! Each value of a column is PLAIN; what repeats goes with the compression (zstd). Levels are runs. Source: the Parquet format's
//! specification (`apache/parquet-format`: README.md, Encodings.md, LogicalTypes.md, `parquet.thrift`).

use std::io;

use super::thrift::Writer;

/// At the beginning and the end of a file.
const MAGIC: &[u8; 4] = b"PAR1";
/// Rows of a page.
const PAGE_ROWS: usize = 8192;
/// `CompressionCodec.ZSTD`.
const ZSTD: i32 = 6;
/// What zstd is asked for: three is its own usual level.
const LEVEL: i32 = 3;
/// `Encoding.PLAIN`, `Encoding.RLE`.
const PLAIN: i32 = 0;
const RLE: i32 = 3;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text in UTF-8.
    Text,
    /// Text that is JSON.
    Json,
    /// Milliseconds since 1970, in UTC.
    Time,
    /// A whole number of 64 bits.
    Whole,
    /// A number of 32 bits with a fraction.
    Score,
    /// Yes or no.
    Flag,
}

/// A column of the schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// Its name; within a list that of the element's field.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Whether a value may lack.
    pub(super) optional: bool,
}

/// One value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'v> {
    Null,
    Text(&'v str),
    Whole(i64),
    Score(f32),
    Flag(bool),
}

/// The columns of a file: flat ones, and the fields of one list of structs behind them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schema {
    pub(super) flat: &'static [Column],
    /// The name of the list.
    pub(super) list: &'static str,
    pub(super) fields: &'static [Column],
}

/// Values of a column that are not in the file yet.
#[derive(Debug, Default)]
struct Chunk {
    /// Repetition levels; none for a flat column.
    repetition: Vec<u8>,
    /// Definition levels; none where no value can lack.
    definition: Vec<u8>,
    values: Vec<u8>,
    /// Values as they count in the page, those that lack among them.
    count: u32,
    flags: Vec<bool>,
    /// Pages that are done.
    pages: Vec<u8>,
    unpacked: u64,
    counted: u64,
    nulls: u64,
    /// The least and the greatest of whole numbers.
    range: Option<(i64, i64)>,
}

/// Where the chunk of a column stands.
#[derive(Debug)]
struct Placed {
    offset: u64,
    packed: u64,
    unpacked: u64,
    counted: u64,
    nulls: u64,
    range: Option<(i64, i64)>,
}

#[derive(Debug)]
struct Group {
    rows: u64,
    chunks: Vec<Placed>,
}

/// A file in the making, in memory; the rows of a group that is not full are kept beside it.
#[derive(Debug)]
pub(super) struct Parquet {
    schema: Schema,
    out: Vec<u8>,
    chunks: Vec<Chunk>,
    rows_in_page: usize,
    rows_in_group: u64,
    groups: Vec<Group>,
}

impl Parquet {
    pub(super) fn new(schema: Schema) -> Self {
        let columns = schema.flat.len() + schema.fields.len();
        let chunks = std::iter::repeat_with(Chunk::default).take(columns).collect();
        Self { schema, out: MAGIC.to_vec(), chunks, rows_in_page: 0, rows_in_group: 0, groups: Vec::new() }
    }

    /// Adds a row: a value for each flat column, and for each element of the list one for each field.
    pub(super) fn row(&mut self, flat: &[Value<'_>], list: &[Vec<Value<'_>>]) -> io::Result<()> {
        let flat_columns = self.schema.flat.len().min(self.chunks.len());
        let (chunks, fields) = self.chunks.split_at_mut(flat_columns);
        for ((column, chunk), value) in self.schema.flat.iter().zip(chunks).zip(flat) {
            chunk.count += 1;
            let there = chunk.put(*value);
            if column.optional {
                chunk.definition.push(u8::from(there));
            }
        }
        for (number, (column, chunk)) in self.schema.fields.iter().zip(fields).enumerate() {
            if list.is_empty() {
                chunk.count += 1;
                chunk.repetition.push(0);
                chunk.definition.push(0);
            }
            for (n, element) in list.iter().enumerate() {
                chunk.count += 1;
                chunk.repetition.push(u8::from(n > 0));
                let there = chunk.put(element.get(number).copied().unwrap_or(Value::Null));
                chunk.definition.push(1 + u8::from(column.optional && there));
            }
        }
        (self.rows_in_page, self.rows_in_group) = (self.rows_in_page + 1, self.rows_in_group + 1);
        if self.rows_in_page >= PAGE_ROWS { self.end_page() } else { Ok(()) }
    }

    /// Bytes that are kept of rows whose group is not in the file yet.
    pub(super) fn pending(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.pages.len() + chunk.values.len()).sum()
    }

    fn columns(&self) -> impl Iterator<Item = (bool, &'static Column)> + use<> {
        let flat = self.schema.flat.iter().map(|column| (false, column));
        flat.chain(self.schema.fields.iter().map(|column| (true, column)))
    }

    fn end_page(&mut self) -> io::Result<()> {
        self.rows_in_page = 0;
        for ((in_list, column), chunk) in self.columns().zip(&mut self.chunks) {
            chunk.end_page(in_list, column)?;
        }
        Ok(())
    }

    /// Puts the rows so far into the file as one group.
    pub(super) fn end_group(&mut self) -> io::Result<()> {
        if self.rows_in_group == 0 {
            return Ok(());
        }
        if self.rows_in_page > 0 {
            self.end_page()?;
        }
        let mut chunks = Vec::with_capacity(self.chunks.len());
        for chunk in &mut self.chunks {
            let chunk = std::mem::take(chunk);
            let (offset, packed) = (self.out.len() as u64, chunk.pages.len() as u64);
            self.out.extend_from_slice(&chunk.pages);
            let Chunk { unpacked, counted, nulls, range, .. } = chunk;
            chunks.push(Placed { offset, packed, unpacked, counted, nulls, range });
        }
        self.groups.push(Group { rows: std::mem::take(&mut self.rows_in_group), chunks });
        Ok(())
    }

    /// The whole file. `notes` are names and values that stand in its metadata.
    pub(super) fn finish(mut self, notes: &[(&str, &str)]) -> io::Result<Vec<u8>> {
        self.end_group()?;
        let rows: u64 = self.groups.iter().map(|group| group.rows).sum();
        let columns: Vec<(bool, &Column)> = self.columns().collect();
        let foot = Writer::alone(|w| {
            w.i32(1, 2);
            let nodes = nodes(&self.schema);
            w.structs(2, &nodes, write_node);
            w.i64(3, rows.cast_signed());
            w.structs(4, &self.groups, |w, group| write_group(w, group, &columns, self.schema.list));
            w.structs(5, notes, |w, (name, value)| {
                w.binary(1, name.as_bytes());
                w.binary(2, value.as_bytes());
            });
            w.binary(6, concat!("sluicegate version ", env!("CARGO_PKG_VERSION")).as_bytes());
            // Without it nobody believes the least and the greatest values.
            w.structs(7, &columns, |w, _| w.inner(1, |_| ()));
        });
        let length = u32::try_from(foot.len()).map_err(io::Error::other)?;
        self.out.extend_from_slice(&foot);
        self.out.extend_from_slice(&length.to_le_bytes());
        self.out.extend_from_slice(MAGIC);
        Ok(self.out)
    }
}

impl Chunk {
    /// Adds a value; says whether there is one.
    fn put(&mut self, value: Value<'_>) -> bool {
        match value {
            Value::Null => {
                self.nulls += 1;
                return false;
            }
            Value::Text(text) => {
                // No record is as long as 4 GiB.
                self.values.extend_from_slice(&(text.len() as u32).to_le_bytes());
                self.values.extend_from_slice(text.as_bytes());
            }
            Value::Whole(n) => {
                self.values.extend_from_slice(&n.to_le_bytes());
                let (least, most) = self.range.unwrap_or((n, n));
                self.range = Some((least.min(n), most.max(n)));
            }
            Value::Score(score) => self.values.extend_from_slice(&score.to_le_bytes()),
            Value::Flag(yes) => self.flags.push(yes),
        }
        true
    }

    fn end_page(&mut self, in_list: bool, column: &Column) -> io::Result<()> {
        let mut body = Vec::new();
        if in_list {
            levels(&mut body, &self.repetition);
        }
        if in_list || column.optional {
            levels(&mut body, &self.definition);
        }
        body.extend_from_slice(&self.values);
        body.extend(self.flags.chunks(8).map(|eight| {
            eight.iter().enumerate().fold(0_u8, |byte, (bit, yes)| byte | u8::from(*yes) << bit)
        }));
        let packed = zstd::bulk::compress(&body, LEVEL)?;
        let size = |bytes: &[u8]| i32::try_from(bytes.len()).map_err(io::Error::other);
        let (unpacked_size, packed_size) = (size(&body)?, size(&packed)?);
        let head = Writer::alone(|w| {
            w.i32(1, 0);
            w.i32(2, unpacked_size);
            w.i32(3, packed_size);
            w.inner(5, |w| {
                w.i32(1, self.count.cast_signed());
                w.i32(2, PLAIN);
                w.i32(3, RLE);
                w.i32(4, RLE);
            });
        });
        self.unpacked += (head.len() + body.len()) as u64;
        self.counted += u64::from(self.count);
        self.pages.extend_from_slice(&head);
        self.pages.extend_from_slice(&packed);
        self.count = 0;
        self.repetition.clear();
        self.definition.clear();
        self.values.clear();
        self.flags.clear();
        Ok(())
    }
}

/// Levels as runs behind their length; none is above 3, so that each value takes a byte.
fn levels(out: &mut Vec<u8>, levels: &[u8]) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    for run in levels.chunk_by(|a, b| a == b) {
        let mut head = (run.len() as u64) << 1;
        while head >= 0x80 {
            out.push(head as u8 | 0x80);
            head >>= 7;
        }
        out.push(head as u8);
        out.extend(run.first());
    }
    let length = (out.len() - at - 4) as u32;
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// A line of the schema: a leaf, or what holds others.
enum Node<'s> {
    Holds { name: &'s str, repetition: Option<i32>, children: usize, list: bool },
    Leaf(&'s Column),
}

fn nodes(schema: &Schema) -> Vec<Node<'static>> {
    let holds = |name, repetition, children, list| Node::Holds { name, repetition, children, list };
    let mut nodes = vec![holds("record", None, schema.flat.len() + 1, false)];
    nodes.extend(schema.flat.iter().map(Node::Leaf));
    nodes.push(holds(schema.list, Some(0), 1, true));
    nodes.push(holds("list", Some(2), 1, false));
    nodes.push(holds("element", Some(0), schema.fields.len(), false));
    nodes.extend(schema.fields.iter().map(Node::Leaf));
    nodes
}

fn write_node(w: &mut Writer, node: &Node<'_>) {
    match node {
        Node::Holds { name, repetition, children, list } => {
            if let Some(repetition) = repetition {
                w.i32(3, *repetition);
            }
            w.binary(4, name.as_bytes());
            w.i32(5, i32::try_from(*children).unwrap_or(i32::MAX));
            if *list {
                w.i32(6, 3);
                w.inner(10, |w| w.inner(3, |_| ()));
            }
        }
        Node::Leaf(column) => {
            w.i32(1, physical(column.kind));
            w.i32(3, i32::from(column.optional));
            w.binary(4, column.name.as_bytes());
            match column.kind {
                Kind::Text => {
                    w.i32(6, 0);
                    w.inner(10, |w| w.inner(1, |_| ()));
                }
                Kind::Json => {
                    w.i32(6, 19);
                    w.inner(10, |w| w.inner(12, |_| ()));
                }
                Kind::Time => {
                    w.i32(6, 9);
                    w.inner(10, |w| {
                        w.inner(8, |w| {
                            w.flag(1, true);
                            w.inner(2, |w| w.inner(1, |_| ()));
                        });
                    });
                }
                Kind::Whole | Kind::Score | Kind::Flag => {}
            }
        }
    }
}

/// `Type` of the format.
fn physical(kind: Kind) -> i32 {
    match kind {
        Kind::Flag => 0,
        Kind::Time | Kind::Whole => 2,
        Kind::Score => 4,
        Kind::Text | Kind::Json => 6,
    }
}

fn write_group(w: &mut Writer, group: &Group, columns: &[(bool, &Column)], list: &str) {
    let all: Vec<(&Placed, &(bool, &Column))> = group.chunks.iter().zip(columns).collect();
    w.structs(1, &all, |w, (placed, (in_list, column))| {
        w.i64(2, 0);
        w.inner(3, |w| {
            w.i32(1, physical(column.kind));
            w.i32s(2, &[PLAIN, RLE]);
            let path = if *in_list { vec![list, "list", "element", column.name] } else { vec![column.name] };
            w.texts(3, &path);
            w.i32(4, ZSTD);
            w.i64(5, placed.counted.cast_signed());
            w.i64(6, placed.unpacked.cast_signed());
            w.i64(7, placed.packed.cast_signed());
            w.i64(9, placed.offset.cast_signed());
            if !in_list {
                w.inner(12, |w| {
                    w.i64(3, placed.nulls.cast_signed());
                    if let Some((least, most)) = placed.range {
                        w.binary(5, &most.to_le_bytes());
                        w.binary(6, &least.to_le_bytes());
                    }
                });
            }
        });
    });
    let sum = |of: fn(&Placed) -> u64| group.chunks.iter().map(of).sum::<u64>().cast_signed();
    w.i64(2, sum(|chunk| chunk.unpacked));
    w.i64(3, group.rows.cast_signed());
    w.i64(6, sum(|chunk| chunk.packed));
}
