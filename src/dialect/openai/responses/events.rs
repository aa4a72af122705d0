//! The events of the responses API: by their types, which table reads them and what of an item goes on in them.

use std::sync::LazyLock;

use super::super::super::field::{
    Field, arguments_delta, blocks, other_delta, reasoning, reasoning_delta, repeats, tool_delta, unscanned,
};
use super::super::super::said::{PieceOf, Pieces};
use super::super::super::shape::Shape;
use super::rows::{ANY_EVENT, ITEM_FIELDS, STDERR, STDOUT, event_rows};
use crate::text::json::Tape;

/// The tables that events are read with. A field `delta` is message text in some, tool arguments in others: one table each, since the
/// field has one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    /// What repeats, whole, what there is.
    Whole,
    Text,
    Arguments,
    Tool,
    Reasoning,
    Summary,
    Audio,
    Added,
    AddedReasoning,
    AddedSummary,
    /// Of a type that nobody knows.
    New,
}

impl Table {
    const ALL: [Self; 11] = [
        Self::Whole,
        Self::Text,
        Self::Arguments,
        Self::Tool,
        Self::Reasoning,
        Self::Summary,
        Self::Audio,
        Self::Added,
        Self::AddedReasoning,
        Self::AddedSummary,
        Self::New,
    ];

    fn shape(self) -> &'static Shape {
        match self {
            Self::Whole => &WHOLE,
            Self::Text => &TEXT,
            Self::Arguments => &ARGUMENTS,
            Self::Tool => &TOOL,
            Self::Reasoning => &REASONING,
            Self::Summary => &SUMMARY,
            Self::Audio => &AUDIO,
            Self::Added => &ADDED,
            Self::AddedReasoning => &ADDED_REASONING,
            Self::AddedSummary => &ADDED_SUMMARY,
            Self::New => &NEW,
        }
    }

    /// The table of these rows. A channel is known by its row's number, so no two tables share one.
    fn of(self, rows: &[&[Field]]) -> Shape {
        Shape::numbered(self as u32 * 10_000, rows)
    }

    /// The table of what is known of every event, and of these rows.
    fn known(self, rows: &[Field]) -> Shape {
        self.of(&[&event_rows(), rows])
    }

    /// The table of the first words of an item or a part: SDKs append the deltas to them. The rows of [`ITEM_FIELDS`] go on in the deltas'
    /// tables.
    fn added(self, rows: &[Field], part: fn(&'static str) -> Field) -> Shape {
        let mut shape = self.known(&[ITEM_FIELDS, &[part(PART)], rows].concat());
        for row in ITEM_FIELDS {
            let (table, path): (&Shape, _) = match row.path {
                path if path.ends_with(".refusal") || path.ends_with(".transcript") => (&TEXT, TEXT_DELTA),
                path if path.ends_with(".arguments") => (&ARGUMENTS, ARGUMENTS_DELTA),
                path if path.contains(".summary[") => (&SUMMARY, REASONING_DELTA),
                path if path.ends_with(".stdout") => (&TOOL, STDOUT),
                path if path.ends_with(".stderr") => (&TOOL, STDERR),
                _ => (&TOOL, TOOL_DELTA),
            };
            shape = shape.goes_on(row.path, table, path);
        }
        shape
    }
}

const TEXT_DELTA: &str = "{output_index,content_index}.delta";
const ARGUMENTS_DELTA: &str = "{output_index}.delta";
const TOOL_DELTA: &str = "{output_index,command_index}.delta";
const NEW_DELTA: &str = "{output_index,content_index,summary_index,command_index}.delta";
const REASONING_DELTA: &str = "{output_index,content_index,summary_index}.delta";
const PART: &str = "{output_index,content_index}.part.text";
const ITEM_TEXT: &str = "{output_index}.item.content[content_index].text";

/// Where an event says once more, whole, what deltas have said.
const REPEATS: [&str; 8] = [
    "{output_index,content_index}.text",
    "{output_index,content_index}.refusal",
    "{output_index,content_index}.part.text",
    "{output_index,content_index}.part.refusal",
    "{output_index,content_index}.part.transcript",
    "{output_index}.item.content[content_index].text",
    "{output_index}.item.content[content_index].refusal",
    "{output_index}.item.content[content_index].transcript",
];

static WHOLE: LazyLock<Shape> = LazyLock::new(|| {
    let rows = REPEATS.map(repeats);
    let shape = Table::Whole.known(&[&[other_delta(NEW_DELTA)], &rows[..]].concat());
    REPEATS.iter().fold(shape, |shape, path| shape.goes_on(path, &TEXT, TEXT_DELTA))
});
static TEXT: LazyLock<Shape> = LazyLock::new(|| Table::Text.known(&[blocks(TEXT_DELTA)]));
static ARGUMENTS: LazyLock<Shape> =
    LazyLock::new(|| Table::Arguments.known(&[arguments_delta(ARGUMENTS_DELTA)]));
static TOOL: LazyLock<Shape> = LazyLock::new(|| Table::Tool.known(&[tool_delta(TOOL_DELTA)]));
static REASONING: LazyLock<Shape> =
    LazyLock::new(|| Table::Reasoning.known(&[reasoning_delta(REASONING_DELTA), reasoning("text")]));
static SUMMARY: LazyLock<Shape> =
    LazyLock::new(|| Table::Summary.known(&[reasoning_delta(REASONING_DELTA), reasoning("text")]));
static AUDIO: LazyLock<Shape> = LazyLock::new(|| Table::Audio.known(&[unscanned("delta", "audio")]));
static ADDED: LazyLock<Shape> = LazyLock::new(|| {
    let shape = Table::Added.added(&[blocks(ITEM_TEXT)], blocks);
    shape.goes_on(ITEM_TEXT, &TEXT, TEXT_DELTA).goes_on(PART, &TEXT, TEXT_DELTA)
});
static ADDED_REASONING: LazyLock<Shape> = LazyLock::new(|| {
    let shape = Table::AddedReasoning.added(&[reasoning_delta(ITEM_TEXT)], reasoning_delta);
    shape.goes_on(ITEM_TEXT, &REASONING, REASONING_DELTA).goes_on(PART, &REASONING, REASONING_DELTA)
});
static ADDED_SUMMARY: LazyLock<Shape> = LazyLock::new(|| {
    Table::AddedSummary.added(&[], reasoning_delta).goes_on(PART, &SUMMARY, REASONING_DELTA)
});
static NEW: LazyLock<Shape> = LazyLock::new(|| Table::New.of(&[ANY_EVENT, &[other_delta(NEW_DELTA)]]));

/// What an event of this type is: the table that reads it, and the pieces in it that go on in an item.
fn known(kind: &str) -> (Table, Pieces) {
    match kind {
        "response.output_text.delta" => (Table::Text, &[(&["delta"], PieceOf::Output)]),
        "response.refusal.delta" => (Table::Text, &[(&["delta"], PieceOf::Refusal)]),
        "response.reasoning.delta" | "response.reasoning_text.delta" => {
            (Table::Reasoning, &[(&["delta"], PieceOf::Reasoning)])
        }
        "response.reasoning_summary.delta" | "response.reasoning_summary_text.delta" => {
            (Table::Summary, &[(&["delta"], PieceOf::Summary)])
        }
        "response.function_call_arguments.delta"
        | "response.mcp_call.arguments.delta"
        | "response.mcp_call_arguments.delta" => (Table::Arguments, &[(&["delta"], PieceOf::Arguments)]),
        "response.custom_tool_call_input.delta" => (Table::Tool, &[(&["delta"], PieceOf::Input)]),
        "response.code_interpreter_call.code.delta" | "response.code_interpreter_call_code.delta" => {
            (Table::Tool, &[(&["delta"], PieceOf::Code)])
        }
        "response.apply_patch_call_operation_diff.delta" => (Table::Tool, &[(&["delta"], PieceOf::Diff)]),
        "response.shell_call_command.delta" => (Table::Tool, &[(&["delta"], PieceOf::Command)]),
        "response.shell_call_output_content.delta" => {
            (Table::Tool, &[(&["delta", "stdout"], PieceOf::Stdout), (&["delta", "stderr"], PieceOf::Stderr)])
        }
        // Of no item.
        "response.audio.delta" => (Table::Audio, &[]),
        "response.audio.transcript.delta" => (Table::Text, &[]),
        "response.output_item.added"
        | "response.content_part.added"
        | "response.output_text.annotation.added" => (Table::Added, &[]),
        "response.reasoning_summary_part.added" => {
            (Table::AddedSummary, &[(&["part", "text"], PieceOf::Summary)])
        }
        "response.shell_call_command.added" => (Table::Added, &[(&["command"], PieceOf::Command)]),
        "response.reasoning.done" | "response.reasoning_text.done" => (Table::Reasoning, &[]),
        "response.reasoning_summary.done"
        | "response.reasoning_summary_part.done"
        | "response.reasoning_summary_text.done" => (Table::Summary, &[]),
        ""
        | "error"
        | "response.apply_patch_call_operation_diff.done"
        | "response.audio.done"
        | "response.audio.transcript.done"
        | "response.cancelled"
        | "response.code_interpreter_call.code.done"
        | "response.code_interpreter_call.completed"
        | "response.code_interpreter_call.in_progress"
        | "response.code_interpreter_call.interpreting"
        | "response.code_interpreter_call_code.done"
        | "response.compaction.compacting"
        | "response.completed"
        | "response.content_part.done"
        | "response.created"
        | "response.custom_tool_call_input.done"
        | "response.failed"
        | "response.file_search_call.completed"
        | "response.file_search_call.in_progress"
        | "response.file_search_call.searching"
        | "response.function_call_arguments.done"
        | "response.image_generation_call.completed"
        | "response.image_generation_call.generating"
        | "response.image_generation_call.in_progress"
        | "response.image_generation_call.partial_image"
        | "response.in_progress"
        | "response.incomplete"
        | "response.mcp_call.arguments.done"
        | "response.mcp_call.completed"
        | "response.mcp_call.failed"
        | "response.mcp_call.in_progress"
        | "response.mcp_call_arguments.done"
        | "response.mcp_list_tools.completed"
        | "response.mcp_list_tools.failed"
        | "response.mcp_list_tools.in_progress"
        | "response.output_item.done"
        | "response.output_text.done"
        | "response.queued"
        | "response.refusal.done"
        | "response.shell_call_command.done"
        | "response.shell_call_output_content.done"
        | "response.web_search_call.completed"
        | "response.web_search_call.in_progress"
        | "response.web_search_call.searching" => (Table::Whole, &[]),
        _ => (Table::New, &[]),
    }
}

/// The table that reads an event.
pub(super) fn shape(src: &[u8], tape: &Tape) -> &'static Shape {
    let (table, _) = known(&tape.str_at(src, &["type"]).unwrap_or_default());
    let is = |place: &[&str], word: &str| tape.str_at(src, place).is_some_and(|kind| kind == word);
    let reasons = || is(&["item", "type"], "reasoning") || is(&["part", "type"], "reasoning_text");
    if table == Table::Added && reasons() { Table::AddedReasoning.shape() } else { table.shape() }
}

/// The pieces in an event of this type that go on in an item.
pub(super) fn pieces(kind: &str) -> Pieces {
    known(kind).1
}

/// All tables of events.
pub(in crate::dialect::openai) fn shapes() -> Vec<&'static Shape> {
    Table::ALL.map(Table::shape).into()
}
