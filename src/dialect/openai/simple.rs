//! OpenAI's calls without a stream: embeddings, moderations, models.

use std::sync::LazyLock;

use super::super::Operation;
use super::super::field::{Field, below, id, opaque, other, scalar, text, tokens, tree, word};
use super::super::shape::Shape;
use super::{FRAMING, MEDIA_FIELDS};

pub(super) const EMBEDDINGS: Operation = Operation {
    name: "embeddings",
    method: "POST",
    path: "/v1/embeddings",
    request: || &EMBEDDINGS_REQUEST,
    answer: || &EMBEDDINGS_ANSWER,
    event: |_, _| &EMBEDDINGS_ANSWER,
    framing: FRAMING,
    binary_answer: false,
};

pub(super) const MODERATIONS: Operation = Operation {
    name: "moderations",
    method: "POST",
    path: "/v1/moderations",
    request: || &MODERATIONS_REQUEST,
    answer: || &MODERATIONS_ANSWER,
    event: |_, _| &MODERATIONS_ANSWER,
    framing: FRAMING,
    binary_answer: false,
};

pub(super) const MODELS: Operation = models("models", "/v1/models");
pub(super) const MODEL: Operation = models("models.retrieve", "/v1/models/{model}");

const fn models(name: &'static str, path: &'static str) -> Operation {
    Operation {
        name,
        method: "GET",
        path,
        request: || &NOTHING,
        answer: || &MODELS_ANSWER,
        event: |_, _| &MODELS_ANSWER,
        framing: FRAMING,
        binary_answer: false,
    }
}

static NOTHING: LazyLock<Shape> = LazyLock::new(|| Shape::new(&[]));

static EMBEDDINGS_REQUEST: LazyLock<Shape> = LazyLock::new(|| {
    let media = below(&["input[]", "input[].content[]", "messages[].content[]"], MEDIA_FIELDS);
    Shape::new(&[
        &media,
        &[
            id("model"),
            text("input"),
            text("input[]"),
            tokens("input[][]"),
            word("encoding_format"),
            other("user"),
            scalar("dimensions"),
        ],
    ])
});

static EMBEDDINGS_ANSWER: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &[
            word("object"),
            id("model"),
            word("data[].object"),
            scalar("data[].index"),
            opaque("data[].embedding", "a vector, as numbers or packed in base64"),
            scalar("data[].embedding[]"),
            scalar("usage.prompt_tokens"),
            scalar("usage.total_tokens"),
        ],
        ERROR_FIELDS,
    ])
});

static MODERATIONS_REQUEST: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &below(&["input[]"], MEDIA_FIELDS),
        &[id("model"), text("input"), text("input[]"), word("input[].type"), text("input[].text")],
    ])
});

static MODERATIONS_ANSWER: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &[
            id("id"),
            id("model"),
            scalar("results[].flagged"),
            scalar("results[].categories.*"),
            scalar("results[].category_scores.*"),
            word("results[].category_applied_input_types.*[]"),
        ],
        ERROR_FIELDS,
    ])
});

static MODELS_ANSWER: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &[
            word("object"),
            id("id"),
            scalar("created"),
            id("owned_by"),
            word("data[].object"),
            id("data[].id"),
            scalar("data[].created"),
            id("data[].owned_by"),
            tree("data[].permission"),
            tree("data[]"),
            other("shutdown_date"),
        ],
        ERROR_FIELDS,
    ])
});

const ERROR_FIELDS: &[Field] =
    &[other("error.message"), id("error.type"), id("error.code"), other("error.param")];
