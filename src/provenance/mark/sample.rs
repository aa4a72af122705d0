//! Documents as models write them, made by a number: prose in several scripts, and between it what must not be touched.

use std::ops::Range;

/// Numbers from a number.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let at = self.below(of.len());
        of[at]
    }
}

/// A document, and which of its bytes are no prose.
#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) protected: Vec<Range<usize>>,
}

impl Document {
    fn keep(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.protected.push(start..self.text.len());
    }
}

const LATIN: &[&str] = &[
    "the",
    "river",
    "carries",
    "water",
    "from",
    "mountains",
    "into",
    "valley",
    "where",
    "people",
    "have",
    "lived",
    "since",
    "early",
    "times",
    "and",
    "built",
    "their",
    "houses",
    "along",
    "its",
    "banks",
    "because",
    "fields",
    "were",
    "fertile",
    "however",
    "floods",
    "could",
    "destroy",
    "whole",
    "villages",
    "within",
    "hours",
    "über",
    "straße",
    "café",
    "naïve",
    "Prague",
    "Anna",
    "a",
    "of",
    "is",
    "it",
    "that",
    "more",
    "careful",
    "planning",
];
const HAN: &[&str] = &[
    "模型",
    "可以",
    "生成",
    "文本",
    "的",
    "内容",
    "需要",
    "按照",
    "规定",
    "进行",
    "标识",
    "用户",
    "在",
    "使用",
    "服务",
    "时",
    "应当",
    "了解",
    "这是",
    "人工智能",
    "和",
    "系统",
    "之间",
    "关系",
    "因此",
    "我们",
    "建议",
    "先",
    "阅读",
    "说明",
    "再",
    "开始",
    "操作",
    "数据",
    "安全",
    "与",
    "隐私",
    "保护",
    "同样",
    "重要",
    "目的",
    "明确",
];
const KANA: &[&str] = &[
    "これは",
    "モデルが",
    "書いた",
    "文章で",
    "内容を",
    "確認して",
    "ください",
    "東京の",
    "天気は",
    "とても",
    "良いです",
    "データを",
    "保存する",
];
const CYRILLIC: &[&str] =
    &["река", "течёт", "через", "долину", "и", "питает", "поля", "вокруг", "деревни", "каждую", "весну"];
const HANGUL: &[&str] = &[
    "모델이",
    "작성한",
    "문장은",
    "사용자에게",
    "설명되어야",
    "합니다",
    "그리고",
    "데이터는",
    "안전하게",
    "보관됩니다",
];

const INLINE: &[&str] = &[
    "`let total = count of rows`",
    "``code with ` inside it and words``",
    "https://example.com/a/very long?no=1&q=two+words".split_at(26).0,
    "https://例子.测试/路径/文件?查询=值",
    "someone.long.name@mail.example.org",
    "$x + y where z is real$",
    "$5 \\times w$",
    "$$E = m c^2 \\text{ for all masses}$$",
    "\\(a^2 + b^2 = c^2 \\text{ holds here}\\)",
    "/usr/local/share/some_folder/file.txt",
    "C:\\Users\\name\\Documents\\report",
    "12 kg",
    "5 million",
    "3.14 m/s",
    "snake_case_name",
    "camelCase.method()",
    "<span class=\"some words in here\">",
    "<code>words that are code</code>",
    "{\"key\": \"some words that are data\", \"n\": [1, 2, 3]}",
    "[text of a link](https://example.org/path with words)",
    "550e8400-e29b-41d4-a716-446655440000",
    "第三百五十条",
    "👩‍👩‍👧‍👦",
    "3️⃣",
    "葛\u{e0100}",
    "می‌خواهم",
    "ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ",
    "ភាសាខ្មែរ",
    "หนังสือไทย",
    "क्षत्रिय",
];

const BLOCKS: &[&str] = &[
    "```rust\nfn main() {\n    // comment words that go on and on for a while here\n    println!(\"words in a string that is long\");\n}\n```\n",
    "~~~\nplain words in a fence that nobody may touch at all\n\n# even behind an empty line\n~~~\n",
    "````markdown\n```\nwords in a fence within a fence of four signs\n```\nand more words after it that are still inside\n````\n",
    "    indented code with many words in one line so that a mark would fit\n    and a second line of it\n",
    "| name of it | what it does in words |\n| --- | --- |\n| first row of the table | some words that describe it in length |\n| 第一行 | 这里是一些说明文字，用于描述表格的内容 |\n",
    "{\n  \"title\": \"some words that make a title\",\n\n  \"items\": [\n    \"first words of a list\",\n    \"second words } of a list\"\n  ]\n}\n",
    "[\n  {\"text\": \"words in a list of objects that is data\"},\n  {\"text\": \"这里是数据，不是文章，不能修改\"}\n]\n",
    "name: some words of a value that is data\nkind: and another value that goes on for a while\n",
    "id,name,notes of it\n1,first,words that belong to a row,and more\n2,second,other words that belong to it,and more\n",
    "$$\n\\sum_{i=1}^{n} x_i \\quad \\text{for all of the values in the set}\n$$\n",
    "\\[\n\\int f(x) dx \\text{ and words that are part of it}\n\\]\n",
    "\\begin{align}\na &= b \\text{ where words follow the sign} \\\\\nc &= d\n\\end{align}\n",
    "<table>\n<tr><td>some words within a cell of it</td></tr>\n</table>\n",
    "<script>\nlet words = \"that are a program and not prose at all\";\n</script>\n",
    "> some words that the user wrote and that are quoted here in full\n> and a second line of them\n",
    "# A heading with some words in it that is long enough\n",
    "$ curl --data \"some words that are sent along with it\" host\n",
    "import some_module and words that follow it in the line\n",
    "[1]: https://example.org \"some words of a title that is long\"\n",
    "diff --git\n+++ b/file\n@@ -1,2 +1,3 @@ words of a function that changed\n+ added words of a line that was not there before\n",
];

/// The document of a number.
pub(super) fn document(seed: u64) -> Document {
    let mut dice = Dice::new(seed);
    let mut out = Document::default();
    let script = dice.below(8);
    for _ in 0..2 + dice.below(5) {
        if dice.below(3) == 0 {
            if !out.text.is_empty() {
                out.text.push('\n');
            }
            out.keep(dice.pick(BLOCKS));
            out.text.push('\n');
        }
        match dice.below(6) {
            0 => out.keep("- "),
            1 => out.keep("1. "),
            _ => {}
        }
        for _ in 0..=dice.below(5) {
            sentence(&mut dice, script, &mut out);
        }
        out.text.push_str(["\n", "\n\n", "\n\n"][dice.below(3)]);
    }
    out
}

fn sentence(dice: &mut Dice, script: usize, out: &mut Document) {
    let (words, space, comma, stop) = match script {
        0..=2 => (LATIN, " ", ", ", ". "),
        3..=4 => (HAN, "", "，", "。"),
        5 => (KANA, "", "、", "。"),
        6 => (CYRILLIC, " ", ", ", ". "),
        _ => (HANGUL, " ", ", ", ". "),
    };
    let count = 5 + dice.below(18);
    for n in 0..count {
        match dice.below(24) {
            0 => {
                // What stands in the line with the prose around it; in scripts without spaces too.
                out.keep(dice.pick(INLINE));
                // A path or address ends with a space, and what begins with an amount goes on with words.
                out.text.push(' ');
                continue;
            }
            1 if script < 3 => out.text.push_str("**important**"),
            2 if script < 3 => out.text.push_str("don’t"),
            _ => out.text.push_str(dice.pick(words)),
        }
        if n + 1 < count {
            out.text.push_str(if dice.below(9) == 0 { comma } else { space });
        }
    }
    out.text.push_str(stop);
}

/// Prose alone.
pub(super) fn prose(seed: u64, script: usize, letters: usize) -> String {
    let mut dice = Dice::new(seed);
    let mut out = Document::default();
    while out.text.chars().filter(|c| c.is_alphanumeric()).count() < letters {
        let mut one = Document::default();
        sentence(&mut dice, script, &mut one);
        if one.protected.is_empty() {
            out.text.push_str(&one.text);
            if dice.below(5) == 0 {
                out.text.push_str("\n\n");
            }
        }
    }
    out.text
}
