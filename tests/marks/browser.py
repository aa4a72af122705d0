#!/usr/bin/env python3
"""Whether marks survive a copy out of a page and a paste into a form, in a real browser.

    browser.py PROGRAM [CHROMIUM]

An answer with marks stands in a page as chats show it (Markdown made to HTML). A script selects it, takes what the browser gives as the selection's
text, types it into a form's text area and sends the form to the gateway's own page, `/detect`, whose verdict counts. Wants Debian's chromium, and
what `survive.py` wants.
"""

import html
import pathlib
import subprocess
import sys
import tempfile

import markdown

from survive import answer, document, running

PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"></head><body><article id="a">{article}</article>
<form method="post" action="http://{address}/detect" accept-charset="utf-8"><textarea id="t" name="text"></textarea></form>
<script>
getSelection().selectAllChildren(document.getElementById("a"));
const copied = getSelection().toString();
const area = document.getElementById("t");
area.focus();
document.execCommand("insertText", false, copied);
if (area.value === "") area.value = copied;
document.forms[0].submit();
</script></body></html>"""


def main(program, browser="chromium"):
    bound = whole = 0
    numbers = range(30)
    with tempfile.TemporaryDirectory() as folder, running(program, folder) as address:
        def verdict(text):
            page = pathlib.Path(folder) / "page.html"
            page.write_text(PAGE.format(article=markdown.markdown(text, extensions=["fenced_code"]), address=address))
            command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom", page.as_uri()]
            return html.unescape(subprocess.run(command, capture_output=True, text=True, timeout=60).stdout)

        for number in numbers:
            shown = verdict(answer(address, number, number % 3 == 0))
            bound += "unchanged" in shown
            whole += "came through this gateway" in shown
        # The same words without marks.
        if "came through this gateway" in verdict(document(1)):
            sys.exit("a text without marks is taken for one with them")
    print(f"{whole} of {len(numbers)} texts verify after a copy and a paste in a browser, {bound} of them unchanged")
    return 0 if whole == len(numbers) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
