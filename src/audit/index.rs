//! An index over the journal, for whoever looks for an exchange: SQLite, beside the segments, made from them and made anew at any time.
//!
//! It is brought up to date by whoever asks, not by the gateway: an exchange costs nothing for it.

use super::hash::sha256_hex;
use super::lookup::EntryReader;
use super::segment::{self, EntryKind, ReadError};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params, params_from_iter};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file in the journal's folder.
const FILE: &str = "index.sqlite";
/// An index of another version is made anew.
const VERSION: i64 = 6;
/// Records taken in at a time; what a crash costs.
const BATCH: u64 = 20_000;
/// How long one asks while another brings it up to date.
const PATIENCE: Duration = Duration::from_secs(60);

const SCHEMA: &str = "
CREATE TABLE exchange (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, admission INTEGER NOT NULL, ending INTEGER, time INTEGER NOT NULL,
  tenant TEXT NOT NULL, key TEXT NOT NULL, user TEXT NOT NULL, address TEXT NOT NULL, route TEXT NOT NULL, dialect TEXT NOT NULL,
  operation TEXT NOT NULL, model TEXT NOT NULL, upstream TEXT NOT NULL, policy TEXT NOT NULL, policy_version TEXT NOT NULL,
  verdict TEXT NOT NULL, ended TEXT NOT NULL, error TEXT NOT NULL, status INTEGER NOT NULL, total_us INTEGER NOT NULL,
  found INTEGER NOT NULL, input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX exchange_time ON exchange (time);
CREATE INDEX exchange_tenant ON exchange (tenant, time);
CREATE INDEX exchange_key ON exchange (key, time);
CREATE INDEX exchange_user ON exchange (user, time) WHERE user <> '';
CREATE INDEX exchange_verdict ON exchange (verdict, time);
CREATE INDEX exchange_model ON exchange (model, time);
CREATE TABLE tag (
  kind TEXT NOT NULL, value TEXT NOT NULL, time INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (kind, value, time, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE text (hash TEXT NOT NULL, number INTEGER NOT NULL, part TEXT NOT NULL, PRIMARY KEY (hash, number, part)) STRICT, WITHOUT ROWID;
CREATE TABLE event (name TEXT NOT NULL, record INTEGER NOT NULL, PRIMARY KEY (name, record)) STRICT, WITHOUT ROWID;
CREATE TABLE state (cursor INTEGER NOT NULL, hash TEXT NOT NULL, first INTEGER NOT NULL) STRICT;
INSERT INTO state VALUES (0, '', 1);
";

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The database says no.
    #[error("{path}: {source}; it can be removed: it is made anew from the journal", path = path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it says.
        source: rusqlite::Error,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What is looked for; what is not said is not asked.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// From this millisecond since 1970 on.
    pub since: Option<u64>,
    /// Before this millisecond since 1970.
    pub until: Option<u64>,
    /// Exact values of columns.
    pub equals: Vec<(Column, String)>,
    /// Exchanges in which this rule found something.
    pub rule: Option<String>,
    /// Exchanges with a finding of this category.
    pub category: Option<String>,
    /// Exchanges of which a text has this keyed hash.
    pub hash: Option<String>,
    /// The most exchanges, the newest first; 0 for all.
    pub limit: usize,
}

/// What exchanges are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The exchange's name.
    Exchange,
    /// The tenant.
    Tenant,
    /// The key's id.
    Key,
    /// The user's keyed hash.
    User,
    /// The address's keyed hash.
    Address,
    /// The route.
    Route,
    /// The model.
    Model,
    /// The upstream.
    Upstream,
    /// The dialect.
    Dialect,
    /// The verdict on both sides.
    Verdict,
    /// How it ended.
    Ended,
    /// The error's code.
    Error,
    /// The policy's name.
    Policy,
    /// The policy's version.
    PolicyVersion,
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Exchange => "name",
            Self::Tenant => "tenant",
            Self::Key => "key",
            Self::User => "user",
            Self::Address => "address",
            Self::Route => "route",
            Self::Model => "model",
            Self::Upstream => "upstream",
            Self::Dialect => "dialect",
            Self::Verdict => "verdict",
            Self::Ended => "ended",
            Self::Error => "error",
            Self::Policy => "policy",
            Self::PolicyVersion => "policy_version",
        }
    }
}

/// An exchange as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// Its name.
    pub exchange: String,
    /// Number of its admission record.
    pub admission: u64,
    /// Number of its end record; none while it runs, or where a crash took it.
    pub end: Option<u64>,
    /// When it was admitted, in milliseconds since 1970.
    pub time_ms: u64,
    /// The tenant.
    pub tenant: String,
    /// The key's id.
    pub key: String,
    /// The route.
    pub route: String,
    /// The model.
    pub model: String,
    /// The upstream.
    pub upstream: String,
    /// The verdict on both sides.
    pub verdict: String,
    /// How it ended; empty while it runs.
    pub ended: String,
    /// HTTP status that the client got.
    pub status: u16,
    /// Findings in all.
    pub found: u64,
    /// Tokens that the model read, as the upstream counts them; 0 where it does not say.
    pub input_tokens: u64,
    /// Tokens that the model wrote.
    pub output_tokens: u64,
}

/// A number and what it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
    /// Tokens that the model read in all of them, as upstreams count them.
    pub input_tokens: u64,
    /// Tokens that it wrote.
    pub output_tokens: u64,
}

/// What a record says that is looked for, of either kind.
#[derive(Deserialize)]
#[serde(default)]
struct Row<'a> {
    #[serde(borrow)]
    exchange: Cow<'a, str>,
    time_ms: u64,
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    user: Cow<'a, str>,
    #[serde(borrow)]
    address: Cow<'a, str>,
    #[serde(borrow)]
    route: Cow<'a, str>,
    #[serde(borrow)]
    dialect: Cow<'a, str>,
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    upstream: Cow<'a, str>,
    #[serde(borrow)]
    policy: Cow<'a, str>,
    #[serde(borrow)]
    policy_version: Cow<'a, str>,
    #[serde(borrow)]
    verdict: Cow<'a, str>,
    #[serde(borrow)]
    ended: Cow<'a, str>,
    #[serde(borrow)]
    error: Cow<'a, str>,
    status: u16,
    total_us: u64,
    found: u64,
    tokens: Tokens,
    #[serde(borrow)]
    findings: Vec<Found<'a>>,
    #[serde(borrow)]
    received: Cow<'a, str>,
    #[serde(borrow)]
    sent: Cow<'a, str>,
}

/// What an upstream says of tokens.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Tokens {
    input: u64,
    output: u64,
}

impl Default for Row<'_> {
    fn default() -> Self {
        let none = || Cow::Borrowed("");
        Self {
            exchange: none(),
            time_ms: 0,
            tenant: none(),
            key: none(),
            user: none(),
            address: none(),
            route: none(),
            dialect: none(),
            operation: none(),
            model: none(),
            upstream: none(),
            policy: none(),
            policy_version: none(),
            verdict: none(),
            ended: none(),
            error: none(),
            status: 0,
            total_us: 0,
            tokens: Tokens::default(),
            found: 0,
            findings: Vec::new(),
            received: none(),
            sent: none(),
        }
    }
}

#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow)]
    rule: Cow<'a, str>,
    #[serde(borrow)]
    category: Cow<'a, str>,
}

/// The index of a journal's folder.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    path: PathBuf,
    db: Connection,
}

impl Index {
    /// Opens the index, or makes an empty one.
    pub fn open(dir: &Path) -> Result<Self, IndexError> {
        let path = dir.join(FILE);
        let fail = |source| IndexError::Database { path: path.clone(), source };
        let db = Self::connect(&path).map_err(fail)?;
        Ok(Self { dir: dir.to_owned(), path, db })
    }

    fn connect(path: &Path) -> rusqlite::Result<Connection> {
        let db = Connection::open(path)?;
        db.busy_timeout(PATIENCE)?;
        // What a crash loses is read again.
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;")?;
        let version = || db.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
        if version()? == VERSION {
            return Ok(db);
        }
        db.execute_batch("BEGIN IMMEDIATE")?;
        if version()? != VERSION {
            db.execute_batch(
                "DROP TABLE IF EXISTS exchange; DROP TABLE IF EXISTS tag; DROP TABLE IF EXISTS text; DROP TABLE IF EXISTS event; DROP TABLE IF EXISTS state;",
            )?;
            db.execute_batch(&format!("{SCHEMA} PRAGMA user_version = {VERSION};"))?;
        }
        db.execute_batch("COMMIT")?;
        Ok(db)
    }

    fn fail(&self, source: rusqlite::Error) -> IndexError {
        IndexError::Database { path: self.path.clone(), source }
    }

    /// How many records it has taken in.
    pub fn cursor(&self) -> Result<u64, IndexError> {
        let cursor = self.db.query_row("SELECT cursor FROM state", [], |row| row.get(0));
        cursor.map(unsigned).map_err(|source| self.fail(source))
    }

    /// Takes in what the journal has more, and forgets what was purged. `seen` is told of every record. An index of another journal, or of another
    /// end of this one, is made anew.
    pub fn update(&mut self, seen: &mut dyn FnMut(u64)) -> Result<(), IndexError> {
        if !self.is_of_this() {
            self.begin_anew()?;
        }
        self.forget_purged()?;
        loop {
            let fail = |source| IndexError::Database { path: self.path.clone(), source };
            // Others may do the same at this moment: whoever comes second goes on from where the first has come to.
            let db = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
            let cursor = db.query_row("SELECT cursor FROM state", [], |row| row.get(0)).map_err(fail)?;
            let from = unsigned(cursor) + 1;
            let (mut taken, mut last, mut end, mut failed) = (0, from - 1, Vec::new(), None);
            let read = segment::read_records(&self.dir, from, &mut |sequence, kind, payload| {
                if let Err(error) = take(&db, sequence, kind, payload) {
                    failed = Some(error);
                    return false;
                }
                taken += 1;
                last = sequence;
                end.clear();
                end.extend_from_slice(payload);
                seen(sequence);
                taken < BATCH
            });
            let done = match failed {
                Some(error) => db.rollback().and(Err(error)),
                None if taken == 0 => db.commit(),
                None => db
                    .execute(
                        "UPDATE state SET cursor = ?1, hash = ?2",
                        params![signed(last), sha256_hex(&end)],
                    )
                    .and_then(|_| db.commit()),
            };
            done.map_err(|source| IndexError::Database { path: self.path.clone(), source })?;
            let there = read?;
            if there + 1 < from {
                self.begin_anew()?;
                continue;
            }
            if taken < BATCH {
                return Ok(());
            }
        }
    }

    fn begin_anew(&mut self) -> Result<(), IndexError> {
        self.db.execute_batch("PRAGMA user_version = 0").map_err(|source| self.fail(source))?;
        self.db = Self::connect(&self.path).map_err(|source| self.fail(source))?;
        Ok(())
    }

    /// Whether the last record that was taken in is the journal's of that number.
    fn is_of_this(&self) -> bool {
        let ask = "SELECT cursor, hash FROM state";
        let Ok((cursor, hash)) =
            self.db.query_row(ask, [], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        else {
            return false;
        };
        let entry = || EntryReader::new(&self.dir).ok()?.entry(unsigned(cursor));
        cursor == 0 || entry().is_some_and(|entry| sha256_hex(&entry.payload) == hash)
    }

    /// What is not kept in the journal is not kept here.
    fn forget_purged(&mut self) -> Result<(), IndexError> {
        let first = signed(segment::first_record(&self.dir)?);
        let mut forget = || -> rusqlite::Result<()> {
            let known: i64 = self.db.query_row("SELECT first FROM state", [], |row| row.get(0))?;
            if first <= known {
                return Ok(());
            }
            let db = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let gone = "SELECT number FROM exchange WHERE admission < ?1";
            for table in ["tag", "text"] {
                db.execute(&format!("DELETE FROM {table} WHERE number IN ({gone})"), [first])?;
            }
            db.execute("DELETE FROM exchange WHERE admission < ?1", [first])?;
            db.execute("DELETE FROM event WHERE record < ?1", [first])?;
            db.execute("UPDATE state SET first = ?1", [first])?;
            db.commit()
        };
        forget().map_err(|source| IndexError::Database { path: self.path.clone(), source })
    }

    /// The exchanges that are looked for, the newest first.
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, IndexError> {
        let (wheres, values) = conditions(query);
        let order = if query.rule.is_some() || query.category.is_some() {
            "t.time DESC, t.number DESC"
        } else {
            "e.time DESC, e.number DESC"
        };
        let limit = if query.limit == 0 { String::new() } else { format!(" LIMIT {}", query.limit) };
        let sql = format!(
            "SELECT name, admission, ending, e.time, tenant, key, route, model, upstream, verdict, ended, status, found, input_tokens, output_tokens {wheres} ORDER BY {order}{limit}"
        );
        let run = || -> rusqlite::Result<Vec<Hit>> {
            let mut statement = self.db.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(values), |row| {
                Ok(Hit {
                    exchange: row.get(0)?,
                    admission: unsigned(row.get(1)?),
                    end: row.get::<_, Option<i64>>(2)?.map(unsigned),
                    time_ms: unsigned(row.get(3)?),
                    tenant: row.get(4)?,
                    key: row.get(5)?,
                    route: row.get(6)?,
                    model: row.get(7)?,
                    upstream: row.get(8)?,
                    verdict: row.get(9)?,
                    ended: row.get(10)?,
                    status: row.get(11)?,
                    found: unsigned(row.get(12)?),
                    input_tokens: unsigned(row.get(13)?),
                    output_tokens: unsigned(row.get(14)?),
                })
            })?;
            rows.collect()
        };
        run().map_err(|source| self.fail(source))
    }

    /// How many exchanges are looked for.
    pub fn count(&self, query: &Query) -> Result<u64, IndexError> {
        let (wheres, values) = conditions(query);
        let sql = format!("SELECT count(*) {wheres}");
        let count = self.db.query_row(&sql, params_from_iter(values), |row| row.get(0));
        count.map(unsigned).map_err(|source| self.fail(source))
    }

    /// How many of them by the values of a column, the most frequent first.
    pub fn by_column(&self, query: &Query, column: Column) -> Result<Vec<Count>, IndexError> {
        let (wheres, values) = conditions(query);
        let name = column.name();
        self.counts(&format!("SELECT {name}, count(*), sum(input_tokens), sum(output_tokens) {wheres} GROUP BY {name} ORDER BY 2 DESC, 1"), values)
    }

    /// How many of them by rule, the most frequent first.
    pub fn by_rule(&self, query: &Query) -> Result<Vec<Count>, IndexError> {
        let (wheres, values) = conditions(query);
        let sql = format!(
            "SELECT g.value, count(*), sum(x.input_tokens), sum(x.output_tokens) FROM tag g CROSS JOIN exchange x ON x.number = g.number \
             WHERE g.kind = 'rule' AND g.number IN (SELECT e.number {wheres}) GROUP BY g.value ORDER BY 2 DESC, 1"
        );
        self.counts(&sql, values)
    }

    fn counts(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Count>, IndexError> {
        let run = || -> rusqlite::Result<Vec<Count>> {
            let mut statement = self.db.prepare(sql)?;
            let rows = statement.query_map(params_from_iter(values), |row| {
                Ok(Count {
                    name: row.get(0)?,
                    count: unsigned(row.get(1)?),
                    input_tokens: unsigned(row.get(2)?),
                    output_tokens: unsigned(row.get(3)?),
                })
            })?;
            rows.collect()
        };
        run().map_err(|source| self.fail(source))
    }

    /// The exchange of that name.
    pub fn exchange(&self, name: &str) -> Result<Option<Hit>, IndexError> {
        let equals = vec![(Column::Exchange, name.to_owned())];
        Ok(self.search(&Query { equals, limit: 1, ..Query::default() })?.pop())
    }

    /// The numbers of the events that name that exchange: complaints, reviews, steps on the ladder.
    pub fn events(&self, name: &str) -> Result<Vec<u64>, IndexError> {
        let ask = || -> rusqlite::Result<Vec<i64>> {
            let mut statement =
                self.db.prepare("SELECT record FROM event WHERE name = ?1 ORDER BY record")?;
            statement.query_map([name], |row| row.get(0))?.collect()
        };
        let numbers = ask().map_err(|source| self.fail(source))?;
        Ok(numbers.into_iter().filter_map(|number| u64::try_from(number).ok()).collect())
    }
}

/// What stands from `FROM` on, and its values. Rules and categories have their exchanges in order of time.
fn conditions(query: &Query) -> (String, Vec<Value>) {
    let (mut wheres, mut values) = (Vec::new(), Vec::new());
    let mut add = |sql: String, value: Value| {
        values.push(value);
        wheres.push(sql.replace('?', &format!("?{}", values.len())));
    };
    let tags = [("rule", &query.rule), ("category", &query.category)];
    let mut tags = tags.into_iter().filter_map(|(kind, value)| Some((kind, value.as_ref()?)));
    let leading = tags.next();
    let from = match leading {
        Some((kind, value)) => {
            add(format!("t.kind = '{kind}' AND t.value = ?"), Value::Text(value.clone()));
            "FROM tag t CROSS JOIN exchange e ON e.number = t.number"
        }
        None => "FROM exchange e",
    };
    for (kind, value) in tags {
        let other =
            "EXISTS (SELECT 1 FROM tag o WHERE o.value = ? AND o.time = e.time AND o.number = e.number";
        add(format!("{other} AND o.kind = '{kind}')"), Value::Text(value.clone()));
    }
    for (column, value) in &query.equals {
        // The index of users holds those alone that are named.
        let named = if *column == Column::User { " AND e.user <> ''" } else { "" };
        add(format!("e.{} = ?{named}", column.name()), Value::Text(value.clone()));
    }
    let time = if leading.is_some() { "t.time" } else { "e.time" };
    if let Some(since) = query.since {
        add(format!("{time} >= ?"), Value::Integer(signed(since)));
    }
    if let Some(until) = query.until {
        add(format!("{time} < ?"), Value::Integer(signed(until)));
    }
    if let Some(hash) = &query.hash {
        add("e.number IN (SELECT number FROM text WHERE hash = ?)".into(), Value::Text(hash.clone()));
    }
    let wheres = if wheres.is_empty() { String::new() } else { format!(" WHERE {}", wheres.join(" AND ")) };
    (format!("{from}{wheres}"), values)
}

/// Takes in a record. One that is no JSON of ours is passed over: to find it is the verifier's work.
fn take(db: &Connection, sequence: u64, kind: EntryKind, payload: &[u8]) -> rusqlite::Result<()> {
    if kind == EntryKind::Event {
        return take_event(db, sequence, payload);
    }
    let Ok(row) = serde_json::from_slice::<Row<'_>>(payload) else { return Ok(()) };
    let number = match kind {
        EntryKind::Admission => {
            let mut statement = db.prepare_cached(
                "INSERT OR IGNORE INTO exchange (name, admission, time, tenant, key, user, address, route, dialect, operation, model, \
                 upstream, policy, policy_version, verdict, ended, error, status, total_us, found) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, '', ?16, 0, 0, ?17)",
            )?;
            statement.execute(params![
                row.exchange,
                signed(sequence),
                signed(row.time_ms),
                row.tenant,
                row.key,
                row.user,
                row.address,
                row.route,
                row.dialect,
                row.operation,
                row.model,
                row.upstream,
                row.policy,
                row.policy_version,
                row.verdict,
                row.error,
                signed(row.found)
            ])?;
            Some((db.last_insert_rowid(), signed(row.time_ms)))
        }
        EntryKind::Event => None,
        EntryKind::End => {
            let mut statement = db.prepare_cached(
                "UPDATE exchange SET ending = ?2, verdict = ?3, ended = ?4, error = CASE WHEN ?5 = '' THEN error ELSE ?5 END, status = ?6, \
                 total_us = ?7, found = found + ?8, input_tokens = ?9, output_tokens = ?10 WHERE name = ?1 AND ending IS NULL RETURNING number, time",
            )?;
            let of = params![
                row.exchange,
                signed(sequence),
                row.verdict,
                row.ended,
                row.error,
                row.status,
                signed(row.total_us),
                signed(row.found),
                signed(row.tokens.input),
                signed(row.tokens.output)
            ];
            statement.query_row(of, |row| Ok((row.get(0)?, row.get(1)?))).optional()?
        }
    };
    let Some((number, time)) = number else { return Ok(()) };
    for found in &row.findings {
        for (kind, value) in [("rule", &found.rule), ("category", &found.category)] {
            let mut statement = db.prepare_cached("INSERT OR IGNORE INTO tag VALUES (?1, ?2, ?3, ?4)")?;
            statement.execute(params![kind, value, time, number])?;
        }
    }
    let side = match kind {
        EntryKind::Admission => ["request_received", "request_sent"],
        EntryKind::End | EntryKind::Event => ["answer_received", "answer_sent"],
    };
    for (hash, part) in [(&row.received, side[0]), (&row.sent, side[1])] {
        if !hash.is_empty() {
            let mut statement = db.prepare_cached("INSERT OR IGNORE INTO text VALUES (?1, ?2, ?3)")?;
            statement.execute(params![hash, number, part])?;
        }
    }
    Ok(())
}

/// An event that names an exchange is found with it.
fn take_event(db: &Connection, sequence: u64, payload: &[u8]) -> rusqlite::Result<()> {
    #[derive(Deserialize)]
    struct Told {
        detail: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        /// A complaint's, and of who moved on the ladder or shows signs of abuse.
        #[serde(default)]
        exchange: String,
        /// A review has its exchange's id.
        #[serde(default)]
        review: String,
        /// The texts that a review may let pass, with what is new of it.
        #[serde(default)]
        step: String,
        #[serde(default)]
        state: String,
        answer: Option<Passed>,
        correction: Option<Passed>,
    }
    #[derive(Deserialize)]
    struct Passed {
        #[serde(default)]
        sent: String,
    }
    let Ok(Told { detail }) = serde_json::from_slice::<Told>(payload) else { return Ok(()) };
    if detail.step == "given" {
        let passed = if detail.state == "corrected" { &detail.correction } else { &detail.answer };
        let hash = passed.as_ref().map(|passed| &*passed.sent).filter(|hash| !hash.is_empty());
        if let Some(hash) = hash {
            let mut statement = db.prepare_cached(
                "INSERT OR IGNORE INTO text SELECT ?1, number, 'review_given' FROM exchange WHERE name = ?2",
            )?;
            statement.execute(params![hash, detail.review])?;
        }
    }
    for name in [detail.exchange, detail.review].into_iter().filter(|name| !name.is_empty()) {
        let mut statement = db.prepare_cached("INSERT OR IGNORE INTO event VALUES (?1, ?2)")?;
        statement.execute(params![name, signed(sequence)])?;
    }
    Ok(())
}

// SQLite's integers are signed; no journal has so many records.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::journal::tests::{admission, end, folder, runtime, small};
    use crate::audit::{FindingRecord, Journal};
    use crate::dialect::Usage;

    /// A journal with an exchange of each user.
    fn folder_of(users: &[&str]) -> tempfile::TempDir {
        let folder = folder();
        let (journal, _) = Journal::open(folder.path(), &small()).expect("a journal");
        runtime().block_on(async {
            for user in users {
                let mut one = admission();
                std::sync::Arc::make_mut(&mut one.asked).user = (*user).to_owned();
                let _receipt = journal.admit(&one).await.expect("durable");
            }
        });
        journal.close();
        folder
    }

    fn finding(rule: &str, category: &str) -> FindingRecord {
        FindingRecord {
            rule: rule.into(),
            version: String::new(),
            basis: Vec::new(),
            category: category.into(),
            direction: "prompt",
            role: "message",
            action: "mask",
            state: "",
            channel: 0,
            start: 0,
            end: 1,
            score: 1.0,
            hidden: String::new(),
            document: String::new(),
            source: String::new(),
            judge: String::new(),
            judge_category: String::new(),
        }
    }

    #[test]
    fn what_is_looked_for_is_found_and_nothing_else() {
        let folder = folder();
        let (journal, _) = Journal::open(folder.path(), &small()).expect("a journal");
        let mut names = Vec::new();
        runtime().block_on(async {
            for n in 0..30_u64 {
                let mut one = admission();
                (one.time_ms, one.received) = (n, format!("h{n}"));
                std::sync::Arc::make_mut(&mut one.asked).user = format!("u{}", n % 3);
                if n % 5 == 0 {
                    one.findings = vec![finding("a/b", "A"), finding("a/b", "A"), finding("a/c", "A")];
                }
                names.push(one.exchange.to_string());
                let _receipt = journal.admit(&one).await.expect("durable");
                let mut last = end();
                (last.exchange, last.verdict) = (one.exchange, if n % 2 == 0 { "block" } else { "allow" });
                last.tokens = Some(Usage { input: Some(n), output: Some(1), ..Usage::default() });
                if n % 10 == 0 {
                    last.findings = vec![finding("d/e", "D")];
                }
                journal.end(&last).expect("room");
            }
        });
        journal.close();
        let mut index = Index::open(folder.path()).expect("an index");
        index.update(&mut |_| {}).expect("an index");
        let find = |query: Query| -> Vec<usize> {
            let hits = index.search(&query).expect("a search");
            assert_eq!(index.count(&query).expect("a count"), hits.len() as u64, "{query:?}");
            hits.iter()
                .map(|hit| names.iter().position(|name| *name == hit.exchange).expect("known"))
                .collect()
        };
        let of = |column, value: &str| vec![(column, value.to_owned())];
        let rule = |rule: &str| Query { rule: Some(rule.into()), ..Query::default() };
        assert_eq!(find(Query::default()), (0..30).rev().collect::<Vec<_>>());
        assert_eq!(find(rule("a/b")), [25, 20, 15, 10, 5, 0]);
        assert_eq!(
            find(Query { category: Some("A".into()), since: Some(10), until: Some(21), ..Query::default() }),
            [20, 15, 10]
        );
        assert_eq!(find(Query { category: Some("D".into()), ..rule("a/c") }), [20, 10, 0]);
        assert_eq!(find(Query { equals: of(Column::User, "u1"), ..rule("a/b") }), [25, 10]);
        assert_eq!(
            find(Query { equals: of(Column::Verdict, "block"), since: Some(26), ..Query::default() }),
            [28, 26]
        );
        assert_eq!(find(Query { hash: Some("h7".into()), ..Query::default() }), [7]);
        assert_eq!(find(rule("x")), [0; 0]);
        let count = |name: &str, count, input_tokens| Count {
            name: name.into(),
            count,
            input_tokens,
            output_tokens: count,
        };
        assert_eq!(
            index.by_rule(&Query::default()).expect("counts"),
            [count("a/b", 6, 75), count("a/c", 6, 75), count("d/e", 3, 30)]
        );
        assert_eq!(
            index.by_column(&rule("a/b"), Column::User).expect("counts"),
            [count("u0", 2, 15), count("u1", 2, 35), count("u2", 2, 25)]
        );
        // The index of a journal that is gone is made anew.
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|e| e == "sgj") {
                std::fs::remove_file(path).expect("gone");
            }
        }
        index.update(&mut |_| {}).expect("an index");
        assert_eq!(index.count(&Query::default()).expect("a count"), 0);
        // The same number of records of another journal: made anew as well.
        let other = folder_of(&["x", "y"]);
        let mut own = Index::open(other.path()).expect("an index");
        own.update(&mut |_| {}).expect("an index");
        drop(own);
        let third = folder_of(&["v", "w"]);
        std::fs::copy(other.path().join(FILE), third.path().join(FILE)).expect("a file");
        let mut copied = Index::open(third.path()).expect("an index");
        copied.update(&mut |_| {}).expect("an index");
        let users: Vec<String> = copied
            .by_column(&Query::default(), Column::User)
            .expect("counts")
            .into_iter()
            .map(|c| c.name)
            .collect();
        assert_eq!(users, ["v", "w"]);
        // What is not known is no index: it says so and what to do.
        drop(index);
        std::fs::write(folder.path().join(FILE), vec![7; 4096]).expect("a file");
        let error = Index::open(folder.path()).expect_err("no database").to_string();
        assert!(error.contains("made anew"), "{error}");
    }
}
