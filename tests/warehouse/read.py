#!/usr/bin/env python3
"""Reads a folder of Parquet files with DuckDB, which shares nothing with the program that wrote them, and holds them against the journal.

read.py FILES LINES: FILES is the folder, LINES the records as `sluicegate audit export` writes them. Prints how many there are; exits 1
where a record lacks, stands twice, or a column says something else than the record does.
"""

import json
import sys

import duckdb

folder, lines = sys.argv[1:]
wanted = {}
with open(lines) as file:
    for line in file:
        record = json.loads(line)
        wanted[record["sequence"]] = record

database = duckdb.connect()
database.sql("SET TimeZone = 'UTC'")
table = f"read_parquet('{folder}/*/*.parquet', hive_partitioning = true)"
result = database.execute(f"SELECT *, epoch_ms(time) AS ms, CAST(day AS VARCHAR) AS date, strftime(time, '%Y-%m-%d') AS of FROM {table}")
names = [column[0] for column in result.description]
plain = "exchange tenant key user address route dialect operation model upstream region policy policy_version verdict ended error event \
received sent status upstream_status found request_bytes response_bytes held_bytes_max upstream_us first_byte_us total_us stream".split()
tokens = {"input_tokens": "input", "output_tokens": "output", "cached_tokens": "cached", "cache_written_tokens": "cache_written",
          "reasoning_tokens": "reasoning"}


def check(told, said, what):
    if told != said:
        sys.exit(f"{what}: the file has {told!r}, the record {said!r}")


seen = 0
while batch := result.fetchmany(5000):
    for values in batch:
        row = dict(zip(names, values))
        number = row["sequence"]
        record = wanted.pop(number, None)
        if record is None:
            sys.exit(f"record {number} stands twice, or is none")
        seen += 1
        own = json.loads(row["record"])
        check(own, {name: value for name, value in record.items() if name not in ("sequence", "journal")}, f"record {number}")
        check(row["kind"], record["record"], f"{number} kind")
        check(row["ms"], record["time_ms"], f"{number} time")
        check(row["date"], row["of"], f"{number} day")
        for name in plain:
            check(row[name], record.get(name) if record.get(name) != "" else None, f"{number} {name}")
        for name, said in tokens.items():
            check(row[name], (record.get("tokens") or {}).get(said), f"{number} {name}")
        found = record.get("findings", [])
        check(len(row["findings"]), len(found), f"{number} findings")
        for told, said in zip(row["findings"], found):
            for name, value in told.items():
                if name == "score":
                    check(round(value, 5), round(said[name], 5), f"{number} score")
                else:
                    check(value, said.get(name), f"{number} finding's {name}")
if wanted:
    sys.exit(f"{len(wanted)} records lack, the first is {min(wanted)}")
# By the least and greatest values in the files' metadata alone.
few = database.execute(f"SELECT count(*) FROM {table} WHERE sequence BETWEEN 3 AND 7").fetchone()[0]
check(few, min(max(seen - 2, 0), 5), "records 3 to 7")
print(seen)
