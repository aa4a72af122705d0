"""Baidu's LAC (PyPI `lac` 2.1.2, Apache-2.0), a tagger of Chinese: its weights read with numpy alone, since the paddle that it asks for is no longer made.

It tells not only its labels but how sure it is of each name, which LAC itself does not.
"""

import math
import pathlib
import re

import numpy

NAMES = {"PER": "PERSON", "LOC": "LOCATION", "ORG": "ORGANIZATION"}


def array(path):
    """A tensor of paddle's: its dimensions, in a message of protocol buffers, and behind it its numbers."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[16:20], "little")
    told, at, shape = raw[20:20 + size], 2, []
    while at < len(told):
        at, dimension, shift = at + 1, 0, 0  # a tag and a number in parts of seven bits
        while True:
            part, at = told[at], at + 1
            dimension, shift = dimension | (part & 0x7F) << shift, shift + 7
            if part < 0x80:
                break
        shape.append(dimension)
    return numpy.frombuffer(raw[20 + size:], dtype="<f4").reshape(shape)


def pairs(path):
    return [line.split("\t") for line in path.read_text().split("\n") if line.count("\t") == 1]


class Lac:
    def __init__(self, folder):
        folder = pathlib.Path(folder) / "lac_model"
        conf, model = folder / "conf", folder / "model"
        self.numbers = {word: int(number) for number, word in pairs(conf / "word.dic")}
        self.alike = dict(pairs(conf / "q2b.dic"))
        tags = dict(pairs(conf / "tag.dic")).items()
        self.tags = [tag for _, tag in sorted(tags, key=lambda one: int(one[0]))]
        self.weights = {path.name: array(path) for path in model.iterdir() if path.name != "__model__"}
        self.words, total = {}, 0
        for line in (conf / "small_seg.dic").read_text().splitlines():
            word, count = line.split(" ")
            self.words[word], total = 1, total + int(count)
        self.total = math.log(total)
        self.longest = max(map(len, self.words))
        self.begins = numpy.array([not tag.endswith("-I") for tag in self.tags])

    def cut(self, text):
        """As LAC does: the fewest words of its list, single characters elsewhere, letters and digits together."""
        best = [(0.0, 0)] * (len(text) + 1)
        for at in range(len(text) - 1, -1, -1):
            ends = [at] + [end - 1 for end in range(at + 1, min(len(text), at + self.longest) + 1) if text[at:end] in self.words]
            best[at] = max((best[end + 1][0] - self.total, end) for end in ends)
        at, out, open_ = 0, [], ""
        while at < len(text):
            end = best[at][1] + 1
            word = text[at:end]
            if len(word) == 1 and re.match("[a-zA-Z0-9]", word):
                open_ += word
            else:
                out += [open_, word] if open_ else [word]
                open_ = ""
            at = end
        return out + [open_] if open_ else out

    def pieces(self, text):
        """Numbers of what the net reads, and how many characters each has."""
        numbers, lengths = [], []
        for word in self.cut(text):
            for part in [word] if word in self.numbers else word:
                part_ = self.alike.get(part, part)
                numbers.append(self.numbers.get(part_, self.numbers["OOV"]))
                lengths.append(len(part))
        return numbers, lengths

    def layer(self, number, given, mask):
        """One direction of a layer; steps, texts, numbers."""
        weights = self.weights
        put = given @ weights[f"fc_{number}.w_0"] + weights[f"fc_{number}.b_0"] + weights[f"gru_{number}.b_0"].reshape(-1)
        flat, size = weights[f"gru_{number}.w_0"].reshape(-1), weights[f"gru_{number}.w_0"].shape[0]
        gates, state = flat[:2 * size * size].reshape(size, 2 * size), flat[2 * size * size:].reshape(size, size)
        held = numpy.zeros((given.shape[1], size), dtype="f4")
        out = numpy.zeros((*given.shape[:2], size), dtype="f4")
        steps = range(given.shape[0])
        for step in reversed(steps) if number % 2 else steps:
            both = 1 / (1 + numpy.exp(-(put[step, :, :2 * size] + held @ gates)))
            update, reset = both[:, :size], both[:, size:]
            new = numpy.tanh(put[step, :, 2 * size:] + (reset * held) @ state)
            held = numpy.where(mask[step][:, None], held + update * (new - held), held)
            out[step] = held
        return out

    def emitted(self, texts):
        """Of texts in numbers: what speaks for each label at each step."""
        most = max(map(len, texts))
        words, mask = numpy.zeros((most, len(texts)), dtype=int), numpy.zeros((most, len(texts)), dtype=bool)
        for place, text in enumerate(texts):
            words[:len(text), place], mask[:len(text), place] = text, True
        given = self.weights["word_emb"][words]
        for first in (0, 2):
            given = numpy.concatenate([self.layer(first, given, mask), self.layer(first + 1, given, mask)], axis=2)
        return given @ self.weights["fc_4.w_0"] + self.weights["fc_4.b_0"], mask

    def chances(self, emitted, mask):
        """Of each step and label how likely it is, given the whole text."""
        start, end, follows = self.weights["crfw"][0], self.weights["crfw"][1], numpy.exp(self.weights["crfw"][2:])
        local = numpy.exp(emitted - emitted.max(axis=2, keepdims=True))
        forward, behind = numpy.zeros_like(local), numpy.zeros_like(local)
        held = local[0] * numpy.exp(start)
        held /= held.sum(axis=1, keepdims=True)
        forward[0] = held
        for step in range(1, len(local)):
            new = (held @ follows) * local[step]
            held = numpy.where(mask[step][:, None], new / new.sum(axis=1, keepdims=True), held)
            forward[step] = held
        last = numpy.exp(end) / numpy.exp(end).sum()
        held = numpy.tile(last, (local.shape[1], 1)).astype("f4")
        for step in range(len(local) - 1, -1, -1):
            behind[step] = held
            new = (local[step] * held) @ follows.T
            held = numpy.where(mask[step][:, None], new / new.sum(axis=1, keepdims=True), held)
        all_ = forward * behind
        return all_ / all_.sum(axis=2, keepdims=True)

    def read(self, texts):
        """Of each text its words: where each begins and ends, its tag, and how sure the tag and the bounds are."""
        cut = [self.pieces(text) for text in texts]
        order = sorted((place for place in range(len(texts)) if cut[place][0]), key=lambda place: len(cut[place][0]))
        out = [[] for _ in texts]
        for first in range(0, len(order), 128):
            batch = order[first:first + 128]
            chances = self.chances(*self.emitted([cut[place][0] for place in batch]))
            for row, place in enumerate(batch):
                out[place] = self.told(chances[:len(cut[place][0]), row], cut[place][1])
        return out

    def told(self, chances, lengths):
        words, at = [], 0
        for chance, length in zip(chances, lengths):
            label = int(chance.argmax())
            name, begins = self.tags[label].removesuffix("-B").removesuffix("-I"), self.begins[label]
            if begins or not words:
                words.append([at, at + length, name, float(chance[label])])
            else:
                words[-1][1:] = [at + length, name, min(words[-1][3], float(chance[label]))]
            at += length
        for place, word in enumerate(words):
            # How sure it is that the next word begins where it does.
            word.append(words[place + 1][3] if place + 1 < len(words) else 1.0)
        return words
