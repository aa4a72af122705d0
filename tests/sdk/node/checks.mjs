// What the test programs share; the same command line and lines as py/checks.py.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { inspect, isDeepStrictEqual, parseArgs } from 'node:util';

export const words = JSON.parse(readFileSync(new URL('../words.json', import.meta.url), 'utf8'));
export const MODEL = 'mill-1';
export const BAD = `run plain and explain the ${words.PHRASE}`;
const NEVER = ['jane.doe', 'example.com', words.PHRASE];

class Failed extends Error {}

const show = (x) => inspect(x, { depth: 6, breakLength: Infinity }).slice(0, 300);

export function same(seen, wanted, what = 'answer') {
  if (!isDeepStrictEqual(seen, wanted)) throw new Failed(`${what}: wanted ${show(wanted)}, seen ${show(seen)}`);
}

export function holds(truth, what) {
  if (!truth) throw new Failed(what);
}

export class Program {
  constructor(sdk) {
    this.sdk = sdk;
    this.cases = [];
    const options = { direct: { type: 'string' }, gateway: { type: 'string' }, refusal: { type: 'string' }, only: { type: 'string' } };
    this.args = parseArgs({ options }).values;
    this.direct = Boolean(this.args.direct);
    this.base = this.args.direct ?? this.args.gateway;
  }

  case(name, run, { gateway = false, refusal = false } = {}) {
    this.cases.push({ name, run, gateway: gateway || refusal, refusal });
  }

  masked(text) {
    return this.direct ? text : text.replaceAll(words.MAIL, words.MARK);
  }

  arguments(seen) {
    same(typeof seen === 'string' ? JSON.parse(seen) : { ...seen }, { ...words.ARGUMENTS, to: this.masked(words.MAIL) }, 'tool arguments');
  }

  quiet(seen) {
    if (this.direct) return;
    const text = typeof seen === 'string' ? seen : JSON.stringify(seen);
    for (const never of NEVER) holds(!text.includes(never), `${never} came through: ${text.slice(0, 300)}`);
  }

  echo(seen) {
    const wanted = `my address is ${this.direct ? 'jane.doe AT example.com' : words.MARK}`;
    holds(seen.includes(wanted), `the provider read ${show(seen)}`);
  }

  cut(seen) {
    same(seen, words.CUT.split(words.PHRASE)[0].slice(0, seen.length), 'text before the block');
    this.quiet(seen);
  }

  async raises(test, run) {
    let seen;
    try {
      seen = await run();
    } catch (error) {
      this.quiet(String(error));
      if (typeof test.prototype === 'object' && (test === Error || test.prototype instanceof Error)) {
        holds(error instanceof test, `wanted ${test.name}, raised ${error?.constructor?.name}: ${String(error).slice(0, 300)}`);
      } else {
        test(error);
      }
      return error;
    }
    throw new Failed(`no exception but ${show(seen)}`);
  }

  async main() {
    let passed = 0;
    let failed = 0;
    let skipped = 0;
    for (const { name, run, gateway, refusal } of this.cases) {
      if (!name.includes(this.args.only ?? '')) continue;
      const label = `${this.sdk}: ${name}`;
      const base = refusal ? this.args.refusal : this.base;
      if (!base || (gateway && this.direct)) {
        skipped += 1;
        console.log(`skip ${label}`);
        continue;
      }
      let timer;
      const late = new Promise((_, no) => {
        timer = setTimeout(() => no(new Failed('still not over after 60 s')), 60_000);
      });
      try {
        await Promise.race([run(base), late]);
        passed += 1;
        console.log(`ok ${label}`);
      } catch (why) {
        failed += 1;
        console.log(`not ok ${label} ${`${why?.name}: ${why?.message}`.replace(/\s+/g, ' ').slice(0, 700)}`);
        if (!(why instanceof Failed)) console.error(String(why?.stack).split('\n').slice(0, 4).join('\n'));
      } finally {
        clearTimeout(timer);
      }
    }
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
    process.exit(failed ? 1 : 0);
  }
}
