//! What of a text is no prose: code, formulae, addresses behind links, tags, tables, data, and lines that look like a program's.
//!
//! Follows Markdown (CommonMark and GFM), TeX and HTML as closely as one can who sees each character once and must not be wrong in one
//! direction: what may be code is code. What was opened and is not closed is open to the end, or to the next empty line where the language
//! says that it ends there.

/// What the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing but its beginning so far: spaces, signs of lists.
    Start,
    /// Text.
    Prose,
    /// No prose up to its end.
    Shut,
}

/// A fence of code.
#[derive(Clone, Copy, Debug)]
struct Fence {
    sign: char,
    length: usize,
    indent: usize,
    /// The line that opens it is over.
    open: bool,
}

/// Dollar signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Dollars {
    #[default]
    None,
    /// So many have come.
    Signs(u8),
    /// A sign and digits: money, or a formula that begins with a number.
    Digits,
    /// And a space, and so many letters.
    Letters(u8),
    /// A formula, ended by so many signs; and how many of them have come.
    Formula(u8, u8),
}

/// Angle brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tag {
    #[default]
    None,
    /// A bracket has come.
    Open,
    /// A tag or address.
    Inside,
}

/// Follows a text.
#[derive(Clone, Debug)]
pub(super) struct Spans {
    line: Line,
    indent: usize,
    /// Where the text of the last item of a list began.
    content: usize,
    /// The line's first word, as far as it tells something.
    first: String,
    first_over: bool,
    /// Digits of a list's number.
    digits: usize,
    /// The first sign of a list's item has come, and a space must follow.
    bullet: Option<char>,
    /// Commas with no space behind them.
    tight: usize,
    /// Rows of data: the line before was one.
    rows: bool,
    /// The line has something else than spaces.
    filled: bool,
    /// Lines that begin with a tag, to the next empty one.
    block: bool,
    fence: Option<Fence>,
    /// Signs of the fence in the line, and whether the line has nothing else.
    fence_signs: usize,
    fence_only: bool,
    /// Back quotes that have come, and by how many the code is closed.
    ticks: usize,
    code: usize,
    /// Brackets that are open, and whether they began a line.
    depth: usize,
    solid: bool,
    quoted: bool,
    escaped: bool,
    /// Brackets of an address behind a link.
    target: usize,
    dollars: Dollars,
    /// `\(`, `\[`: the sign that closes it.
    tex: Option<char>,
    /// `\begin` without `\end`.
    environments: usize,
    backslash: bool,
    command: Option<String>,
    tag: Tag,
    tag_text: String,
    /// An element whose text is no prose: its name.
    element: Option<String>,
    volatile: bool,
}

impl Default for Spans {
    fn default() -> Self {
        Self {
            line: Line::Start,
            indent: 0,
            content: 0,
            first: String::new(),
            first_over: false,
            digits: 0,
            bullet: None,
            tight: 0,
            rows: false,
            filled: false,
            block: false,
            fence: None,
            fence_signs: 0,
            fence_only: true,
            ticks: 0,
            code: 0,
            depth: 0,
            solid: false,
            quoted: false,
            escaped: false,
            target: 0,
            dollars: Dollars::None,
            tex: None,
            environments: 0,
            backslash: false,
            command: None,
            tag: Tag::None,
            tag_text: String::new(),
            element: None,
            volatile: false,
        }
    }
}

/// Words with which a line of a program begins, and no sentence.
const PROGRAMS: [&str; 46] = [
    "import",
    "def",
    "class",
    "const",
    "let",
    "var",
    "function",
    "return",
    "public",
    "private",
    "protected",
    "static",
    "void",
    "int",
    "if",
    "elif",
    "else",
    "for",
    "while",
    "switch",
    "case",
    "try",
    "except",
    "catch",
    "finally",
    "export",
    "using",
    "package",
    "namespace",
    "struct",
    "enum",
    "fn",
    "func",
    "use",
    "sudo",
    "pip",
    "npm",
    "git",
    "curl",
    "docker",
    "cd",
    "echo",
    "select",
    "SELECT",
    "INSERT",
    "CREATE",
];
/// Elements whose text is no prose.
const ELEMENTS: [&str; 11] =
    ["script", "style", "pre", "code", "textarea", "svg", "math", "kbd", "samp", "xmp", "template"];
/// Longest first word that is looked at.
const FIRST: usize = 40;

impl Spans {
    /// Whether the next character, as far as those before it tell, stands in prose. The first word of a line tells what the line is when it
    /// is over: `ends` says whether it is.
    pub(super) fn is_prose(&self, ends: bool) -> bool {
        self.line == Line::Prose
            && (self.first_over || ends && !PROGRAMS.contains(&self.first.as_str()))
            && self.fence.is_none()
            && self.ticks == 0
            && self.code == 0
            && self.depth == 0
            && self.target == 0
            && self.dollars == Dollars::None
            && self.tex.is_none()
            && self.environments == 0
            && !self.backslash
            && self.command.is_none()
            && self.tag == Tag::None
            && self.element.is_none()
    }

    pub(super) fn line(&self) -> Line {
        self.line
    }

    /// Whether what came last may vanish when the text is shown.
    pub(super) fn is_volatile(&self) -> bool {
        self.volatile
    }

    /// Takes the next character and the one before it.
    pub(super) fn push(&mut self, c: char, before: Option<char>) {
        self.volatile = self.target > 0
            || self.tag != Tag::None
            || self.element.is_some()
            || self.tex.is_some()
            || self.environments > 0
            || matches!(self.dollars, Dollars::Formula(..))
            || self.digits > 0
            || self.fence.is_some_and(|fence| !fence.open);
        if c == '\n' {
            self.end_line(before);
            return;
        }
        if self.fence.is_some() {
            self.in_fence(c);
            return;
        }
        if self.line == Line::Start {
            self.begin_line(c);
        }
        self.filled |= !c.is_whitespace();
        if self.fence.is_some() {
            return;
        }
        self.code_span(c);
        if self.code > 0 || self.ticks > 0 {
            return;
        }
        if self.element.is_none() && self.tag == Tag::None && !self.quoted {
            self.formula(c, before);
        }
        if self.is_formula() {
            return;
        }
        self.tag(c);
        if self.tag != Tag::None || self.element.is_some() {
            return;
        }
        self.brackets(c, before);
        self.line_signs(c, before);
    }

    fn is_formula(&self) -> bool {
        self.tex.is_some()
            || self.environments > 0
            || !matches!(self.dollars, Dollars::None | Dollars::Signs(_))
    }

    fn end_line(&mut self, before: Option<char>) {
        self.solid |= self.depth > 0 && matches!(before, Some('[' | '{' | ','));
        if let Some(fence) = &mut self.fence {
            let closes = fence.open
                && self.fence_only
                && self.fence_signs >= fence.length
                && self.indent <= fence.indent + 3;
            // A back quote behind the signs: it was no fence, but code within a line.
            if closes || !fence.open && fence.length == 0 {
                self.fence = None;
            } else {
                fence.open = true;
            }
        }
        (self.fence_signs, self.fence_only) = (0, true);
        if !self.filled {
            self.empty_line();
        }
        if let (Line::Start, Some('`' | '~')) = (self.line, self.bullet) {
            self.bullet = None;
        }
        self.rows = self.tight >= 2;
        self.tight = 0;
        (self.line, self.indent, self.filled) = (Line::Start, 0, false);
        self.first.clear();
        self.first_over = false;
        (self.digits, self.bullet) = (0, None);
        (self.quoted, self.escaped, self.backslash) = (false, false, false);
        self.end_command();
        if self.ticks > 0 {
            self.end_ticks();
        }
        match self.dollars {
            Dollars::Signs(2) => self.dollars = Dollars::Formula(2, 0),
            Dollars::Signs(_) | Dollars::Digits | Dollars::Letters(_) => self.dollars = Dollars::None,
            Dollars::Formula(signs, _) => self.dollars = Dollars::Formula(signs, 0),
            Dollars::None => {}
        }
        if self.tag == Tag::Open {
            self.tag = Tag::None;
        }
    }

    /// Here a paragraph ends, and with it what cannot reach beyond one.
    fn empty_line(&mut self) {
        self.content = 0;
        (self.code, self.ticks, self.target, self.block, self.tex) = (0, 0, 0, false, None);
        if !self.solid {
            self.depth = 0;
        }
        if self.dollars != Dollars::Formula(2, 0) {
            self.dollars = Dollars::None;
        }
        self.tag = Tag::None;
    }

    fn begin_line(&mut self, c: char) {
        // The sign of a list's item is followed by a space.
        if let Some(sign) = self.bullet.take() {
            match (sign, c) {
                ('`' | '~', c) if c == sign => {
                    self.fence_signs += 1;
                    self.bullet = Some(sign);
                    if self.fence_signs >= 3 {
                        let (length, indent) = (self.fence_signs, self.indent);
                        self.fence = Some(Fence { sign, length, indent, open: false });
                    }
                    return;
                }
                ('`' | '~', _) => {
                    self.ticks = if sign == '`' { self.fence_signs } else { 0 };
                    self.fence_signs = 0;
                    self.line = self.opens(Line::Prose);
                    return;
                }
                (_, ' ') => {
                    self.digits = 0;
                    self.indent += 2;
                    self.content = self.indent;
                    return;
                }
                ('*', c) if c == '*' || c.is_alphanumeric() => self.line = self.opens(Line::Prose),
                (_, _) => self.line = Line::Shut,
            }
            return;
        }
        if self.digits > 0 {
            match c {
                '0'..='9' => self.digits += 1,
                '.' | ')' if self.digits <= 9 => {
                    self.indent += self.digits;
                    self.bullet = Some('.');
                    return;
                }
                _ => (self.digits, self.line) = (0, self.opens(Line::Prose)),
            }
            return;
        }
        match c {
            ' ' => self.indent += 1,
            '\t' => self.indent += 4 - self.indent % 4,
            // More than a list's text is indented is code.
            _ if self.indent >= self.content + 4 => self.line = Line::Shut,
            '`' | '~' => {
                (self.bullet, self.fence_signs) = (Some(c), 1);
            }
            '-' | '*' => self.bullet = Some(c),
            '0'..='9' => self.digits = 1,
            '<' => {
                self.block = true;
                self.line = Line::Shut;
            }
            '{' => {
                self.solid |= self.depth == 0;
                self.line = Line::Shut;
            }
            '#' | '|' | '>' | '+' | '/' | '=' | '@' | '%' | ':' | '.' | ';' | '&' => self.line = Line::Shut,
            _ => {
                if self.indent == 0 && !c.is_whitespace() {
                    self.content = 0;
                }
                self.line = self.opens(Line::Prose);
            }
        }
        if self.block || self.rows {
            self.line = Line::Shut;
        }
    }

    fn opens(&self, line: Line) -> Line {
        if self.block || self.rows { Line::Shut } else { line }
    }

    fn in_fence(&mut self, c: char) {
        let Some(fence) = &mut self.fence else { return };
        if !fence.open {
            if c == fence.sign && self.bullet == Some(c) {
                fence.length += 1;
            } else {
                self.bullet = None;
                if c == '`' && fence.sign == '`' {
                    fence.length = 0;
                }
            }
            return;
        }
        match c {
            ' ' if self.fence_signs == 0 && self.fence_only => self.indent += 1,
            ' ' | '\t' => {}
            c if c == fence.sign && self.fence_only => self.fence_signs += 1,
            _ => self.fence_only = false,
        }
        if c == '\t' && self.fence_signs == 0 {
            self.indent += 4;
        }
        self.filled |= !c.is_whitespace();
    }

    fn code_span(&mut self, c: char) {
        if self.is_formula() || self.element.is_some() {
            return;
        }
        if c == '`' && !self.backslash {
            if !matches!(self.bullet, Some('`')) {
                self.ticks += 1;
            }
        } else if self.ticks > 0 {
            self.end_ticks();
        }
    }

    fn end_ticks(&mut self) {
        if self.code == 0 {
            self.code = self.ticks;
        } else if self.code == self.ticks {
            self.code = 0;
        }
        self.ticks = 0;
    }

    fn formula(&mut self, c: char, before: Option<char>) {
        if self.backslash {
            self.backslash = false;
            match (c, self.tex) {
                ('(', None) => self.tex = Some(')'),
                ('[', None) => self.tex = Some(']'),
                (c, Some(close)) if c == close => self.tex = None,
                (c, _) if c.is_ascii_alphabetic() => self.command = Some(c.into()),
                _ => {}
            }
            return;
        }
        if let Some(command) = &mut self.command {
            if c.is_ascii_alphabetic() && command.len() < FIRST {
                command.push(c);
                return;
            }
            self.end_command();
        }
        if c == '\\' {
            self.backslash = true;
            return;
        }
        self.dollars = self.dollars_after(c, before);
    }

    fn end_command(&mut self) {
        match self.command.take().as_deref() {
            Some("begin") => self.environments += 1,
            Some("end") => self.environments = self.environments.saturating_sub(1),
            Some(_) => {}
            None => return,
        }
        if self.line == Line::Prose {
            self.line = Line::Shut;
        }
    }

    fn dollars_after(&self, c: char, before: Option<char>) -> Dollars {
        match (self.dollars, c) {
            (Dollars::None, '$') => Dollars::Signs(1),
            (Dollars::None, _) => Dollars::None,
            (Dollars::Signs(1), '$') => Dollars::Signs(2),
            (Dollars::Signs(1), c) if c.is_whitespace() => Dollars::None,
            (Dollars::Signs(1), '0'..='9') => Dollars::Digits,
            (Dollars::Signs(signs), _) => Dollars::Formula(signs.min(2), 0),
            (Dollars::Digits, '0'..='9' | '.' | ',' | 'k' | 'K' | 'm' | 'M' | 'b' | 'B' | 'n') => {
                Dollars::Digits
            }
            (Dollars::Digits, ' ') => Dollars::Letters(0),
            (Dollars::Digits, ')' | ';' | ':' | '!' | '?' | '"' | '”' | '*') => Dollars::None,
            (Dollars::Digits, c) if !c.is_ascii() && !is_operator(c) => Dollars::None,
            (Dollars::Digits, '$') => Dollars::None,
            (Dollars::Digits, _) => Dollars::Formula(1, 0),
            (Dollars::Letters(n), c) if c.is_ascii_alphabetic() => {
                if n >= 2 {
                    Dollars::None
                } else {
                    Dollars::Letters(n + 1)
                }
            }
            (Dollars::Letters(2..), ' ') => Dollars::None,
            (Dollars::Letters(0), c) if c.is_alphabetic() => Dollars::None,
            (Dollars::Letters(0), '(') => Dollars::None,
            (Dollars::Letters(_), '$') => Dollars::None,
            (Dollars::Letters(_), _) => Dollars::Formula(1, 0),
            // A sign behind a space or before a digit closes nothing; it does not matter: prose begins later then.
            (Dollars::Formula(1, _), '$') if before.is_some_and(|b| !b.is_whitespace()) => Dollars::None,
            (Dollars::Formula(1, _), _) => Dollars::Formula(1, 0),
            (Dollars::Formula(_, 1), '$') => Dollars::None,
            (Dollars::Formula(signs, _), '$') => Dollars::Formula(signs, 1),
            (Dollars::Formula(signs, _), _) => Dollars::Formula(signs, 0),
        }
    }

    fn tag(&mut self, c: char) {
        match (self.tag, c) {
            (Tag::None, '<') => {
                self.tag = Tag::Open;
                self.tag_text.clear();
            }
            (Tag::None, _) => {}
            (Tag::Open, c) if c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?') => {
                self.tag = Tag::Inside;
                self.tag_text.push(c.to_ascii_lowercase());
            }
            (Tag::Open, _) => self.tag = Tag::None,
            (Tag::Inside, '>') => {
                self.tag = Tag::None;
                self.end_tag();
            }
            (Tag::Inside, c) => {
                if self.tag_text.len() < FIRST {
                    self.tag_text.push(c.to_ascii_lowercase());
                }
            }
        }
    }

    fn end_tag(&mut self) {
        let name = |text: &str| -> String { text.chars().take_while(char::is_ascii_alphanumeric).collect() };
        match (&self.element, self.tag_text.strip_prefix('/')) {
            (Some(open), Some(closed)) if *open == name(closed) => self.element = None,
            (None, None) if !self.tag_text.ends_with('/') => {
                self.element = Some(name(&self.tag_text)).filter(|name| ELEMENTS.contains(&name.as_str()));
            }
            _ => {}
        }
    }

    fn brackets(&mut self, c: char, before: Option<char>) {
        if self.target > 0 {
            match c {
                '(' => self.target += 1,
                ')' => self.target -= 1,
                _ => {}
            }
            return;
        }
        if self.depth > 0 {
            let escaped = std::mem::take(&mut self.escaped);
            match c {
                '\\' if self.quoted => self.escaped = !escaped,
                '"' if !escaped => self.quoted = !self.quoted,
                _ => {}
            }
            if self.quoted {
                return;
            }
        }
        match c {
            '[' | '{' => self.depth += 1,
            ']' | '}' if self.depth > 0 => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.solid = false;
                }
            }
            '(' if before == Some(']') => self.target = 1,
            // `[1]: address`, `[^1]: text`.
            ':' if before == Some(']') => self.line = Line::Shut,
            _ => {}
        }
    }

    /// Signs that tell that a line is none of prose.
    fn line_signs(&mut self, c: char, before: Option<char>) {
        if self.line == Line::Start {
            return;
        }
        let shuts = match c {
            '|' | '\t' | '=' => true,
            // `call()`, `path::name`, `a->b`.
            ')' => before == Some('('),
            ':' => before == Some(':'),
            '>' => matches!(before, Some('-')),
            c => is_operator(c),
        };
        if before == Some(',')
            && !c.is_whitespace()
            && !c.is_ascii_digit()
            && c.is_ascii()
            && !matches!(c, '"' | '\'' | '*' | ')')
        {
            self.tight += 1;
        }
        if !self.first_over && self.line == Line::Prose {
            self.first_word(c);
        }
        if shuts || self.tight >= 2 {
            self.line = Line::Shut;
        }
    }

    fn first_word(&mut self, c: char) {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') && !self.first.is_empty() {
            self.first.push(c);
            self.first_over = self.first.len() > FIRST;
            return;
        }
        self.first_over = true;
        let begins_small = self.first.starts_with(|first: char| first.is_ascii_lowercase());
        // `key: value`, `https:`, a shell's prompt, a program's first word.
        let is_data = c == ':' && begins_small || c == '$' && self.first.is_empty();
        if is_data || PROGRAMS.contains(&self.first.as_str()) {
            self.line = Line::Shut;
        }
    }
}

fn is_operator(c: char) -> bool {
    matches!(c, '\u{2200}'..='\u{22ff}' | '±' | '×' | '÷' | '\u{2a00}'..='\u{2aff}' | '\u{27c0}'..='\u{27ef}')
}
