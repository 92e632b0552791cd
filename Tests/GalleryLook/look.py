#!/usr/bin/env python3
"""Opens the page of `vizd gallery` in a real browser and works with it as a person does: keys, filters, colours, paper.

    look.py VIZD CHROMIUM FOLDER

Makes its own spools in FOLDER with VIZD's demonstration, and leaves the pages and pictures of them there. Ends with the
first thing that is not as it should be.
"""

import os
import sys

from browser import Browser
from stage import HOSTILE, Stage


def must(condition, what):
    if not condition:
        raise SystemExit(f"NOT SO: {what}")


def shown(page):
    return page.run("[...document.querySelectorAll('.card')].filter((card) => !card.hidden)"
                    ".map((card) => card.querySelector('.name').textContent)")


def focused(page):
    return page.run("[...document.querySelectorAll('.face')].indexOf(document.activeElement)")


def is_dark(page):
    colour = page.run("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in colour[4:-1].split(",")) < 3 * 128


# The contrast of every text against what is behind it, as WCAG 2 counts it: the least, and whose.
CONTRAST = """(() => {
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  let worst = [99, ""];
  for (const node of document.querySelectorAll("body *")) {
    const text = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!text || !node.checkVisibility() || node.closest(".unseen, script, style")) continue;
    const [one, other] = [light(parts(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < worst[0]) worst = [ratio, node.className + " " + node.textContent.slice(0, 40)];
  }
  return worst;
})()"""


def readable(page, where):
    ratio, whose = page.run(CONTRAST)
    must(ratio >= 4.5, f"{where}: a contrast of {ratio:.2f} at {whose!r}")


def fits(page, where):
    must(page.run("document.documentElement.scrollWidth <= innerWidth"), f"{where}: it is wider than the window")


def lively(page, folder):
    page.size(1280, 900)
    page.media(prefers_color_scheme="light")
    page.open(f"{folder}/gallery.html")
    page.picture(f"{folder}/light.png")
    readable(page, "light")
    fits(page, "wide")
    total = len(shown(page))
    must(total >= 19, f"there are only {total} cards")
    must(page.run("[...document.images].every((one) => one.alt.length > 10 && one.src.startsWith('data:image/jpeg'))"),
         "every thumbnail is in the page and has words for who cannot see it")
    must(page.run("[...document.querySelectorAll('button, a[href], input, select')].every((one) => "
                  "(one.textContent + one.ariaLabel + (one.labels?.[0]?.textContent ?? '')).trim().length > 0)"),
         "whatever can be pressed has a name")

    # Filters.
    page.run("document.querySelector('input[value=failed]').click()")
    failed = shown(page)
    must(len(failed) == 3, f"three failed, not {failed}")
    must(page.run("document.getElementById('count').textContent") == f"3 of {total} shown", "the count follows")
    page.picture(f"{folder}/failed.png")
    readable(page, "failed")
    page.press("Escape")
    must(len(shown(page)) == total, "Escape clears the filters")
    page.run("(() => { const user = document.getElementById('user'); user.value = '=amara';"
             "user.dispatchEvent(new Event('change')); })()")
    must(0 < len(shown(page)) < total and page.run(
        "[...document.querySelectorAll('.card')].every((one) => one.hidden !== (one.dataset.user === 'amara'))"),
         "a user's cards are those of the user")
    page.press("Escape")
    page.press("/", *"snow hut")
    must(set(shown(page)) and page.run("[...document.querySelectorAll('.card')].filter((one) => !one.hidden)"
                                       ".every((one) => /snow/i.test(one.textContent) && /hut/i.test(one.textContent))"),
         "words are looked for in prompts, each of them")
    page.press("Escape", "/", *"film of")
    must(page.run("[...document.querySelectorAll('.card')].filter((one) => !one.hidden)"
                  ".every((one) => one.querySelector('.frame > img') && one.querySelector('.frame .play'))"),
         "a film shows the picture that it was made of, and that it moves")
    page.picture(f"{folder}/film.png")
    page.press(*"zzz")
    must(shown(page) == [] and page.run("!document.getElementById('none').hidden"), "nothing matches, and that is said")
    page.picture(f"{folder}/nothing-matches.png")
    page.press("Escape")
    must(len(shown(page)) == total, "Escape in the search clears it")

    # From card to card.
    page.run("document.querySelector('.face').focus()")
    columns = page.run("getComputedStyle(document.querySelector('.cards')).gridTemplateColumns.split(' ').length")
    for keys, place in [(["ArrowRight"], 1), (["ArrowDown"], 1 + columns), (["ArrowLeft"], columns), (["ArrowUp"], 0),
                        (["ArrowLeft"], 0), (["End"], total - 1), (["ArrowDown"], total - 1), (["Home"], 0)]:
        page.press(*keys)
        must(focused(page) == place, f"after {keys} the card {focused(page)} has the focus, not {place}")
    must(page.run("[...document.querySelectorAll('.face')].filter((one) => one.tabIndex === 0).length") == 1,
         "the Tab key passes the cards in one step")

    # The large view.
    page.press("Enter")
    must(page.run("document.getElementById('large').open"), "Enter opens")
    must(page.run("document.querySelector('#large .stage img')?.complete"), "the picture is there, large")
    must("35 mm" in page.run("[...document.querySelectorAll('.card')].map((one) => one.textContent).join()"), "prompts")
    first = page.run("document.querySelector('#large .known').textContent")
    must("Prompt" in first and "gen4_image" in first and "Open the picture" in first, f"all is told: {first}")
    page.picture(f"{folder}/large.png")
    readable(page, "large")
    page.press("ArrowRight")
    must(page.run("document.querySelector('#large .known').textContent") != first, "an arrow leads to the next")
    page.press("Escape")
    # Escape closes, and the focus goes to the card that was shown last.
    page.until("!document.getElementById('large').open && document.activeElement === "
               "document.querySelectorAll('.face')[1]")
    page.press("?")
    must(page.run("document.getElementById('help').open"), "? shows the keys")
    page.picture(f"{folder}/keys.png")
    page.press("Escape")

    # Colours.
    must(not is_dark(page), "light, as the system is")
    page.media(prefers_color_scheme="dark")
    must(is_dark(page), "dark, as the system is")
    page.until("document.getElementById('theme').getAttribute('aria-pressed') === 'true'")
    page.run("scrollTo(0, 0)")
    page.picture(f"{folder}/dark.png")
    readable(page, "dark")
    page.press("Enter")
    page.picture(f"{folder}/dark-large.png")
    readable(page, "dark, large")
    page.press("Escape", "d")
    must(not is_dark(page), "d turns it light")
    page.open(f"{folder}/gallery.html")
    must(not is_dark(page), "which is remembered")
    page.run("document.getElementById('theme').click()")
    must(is_dark(page), "and the button turns it dark")
    page.run("localStorage.clear()")
    page.media(prefers_color_scheme="light")

    # A telephone.
    page.size(390, 844, mobile=True)
    page.open(f"{folder}/gallery.html")
    fits(page, "telephone")
    page.picture(f"{folder}/phone.png")
    must(page.run("[...document.querySelectorAll('.bar button, .bar select, .states span')]"
                  ".every((one) => one.getBoundingClientRect().height >= 40)"), "a thumb hits what it aims at")
    page.run("document.querySelector('.face').click()")
    page.picture(f"{folder}/phone-large.png")
    fits(page, "telephone, large")
    page.press("Escape")

    # Paper.
    page.size(1280, 900)
    page.media("print", prefers_color_scheme="dark")
    must(not is_dark(page) and page.run("getComputedStyle(document.querySelector('.bar')).display") == "none",
         "on paper it is light and has no buttons")
    page.picture(f"{folder}/paper.png")
    page.media(prefers_color_scheme="light")


def policy(page):
    """The page can fetch nothing and run nothing else, even if somebody got something into it."""
    refused = page.run("""(async () => {
        const refused = [];
        document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.owned = 1";
        document.body.append(script);
        const image = new Image();
        image.src = "https://192.0.2.1/x.png";
        document.body.append(image);
        await fetch("https://192.0.2.1/").catch(() => null);
        const link = document.createElement("link");
        [link.rel, link.href] = ["stylesheet", "https://192.0.2.1/x.css"];
        document.head.append(link);
        document.body.setAttribute("onclick", "window.owned = 2");
        document.body.click();
        await new Promise((resolve) => setTimeout(resolve, 0));
        return [window.owned ?? null, ...new Set(refused)].map(String);
    })()""")
    must(refused[0] == "null", "a script that came later runs")
    for directive in ("script-src-elem", "img-src", "connect-src", "style-src-elem", "script-src-attr"):
        must(directive in refused, f"{directive} is not refused: {refused}")


def hostile(page, folder):
    page.open(f"{folder}/hostile.html")
    names = shown(page)
    for text in HOSTILE:
        legible = "".join(letter if letter >= " " and letter != "\u202e" and letter != "\u007f"
                          else "\\u{%X}" % ord(letter) for letter in text)
        must(legible in names, f"{text!r} is not shown as it is: {names}")
    must(page.run("document.querySelectorAll('script').length") == 1, "one script, ours")
    must(page.run("document.querySelectorAll('img').length === [...document.images]"
                  ".filter((one) => one.src.startsWith('data:image/jpeg')).length"), "no picture but thumbnails")
    must(page.run("[...document.querySelectorAll('a')].every((one) => /^(file|https?):$/.test(one.protocol))"),
         "no link that runs something")
    must(page.run("[...document.querySelectorAll('*')].every((one) => [...one.attributes]"
                  ".every((attribute) => !attribute.name.startsWith('on')))"), "no attribute that runs something")
    for card in range(len(names)):
        page.run(f"document.querySelectorAll('.face')[{card}].click()")
        page.run("document.getElementById('large').close()")
    for text in HOSTILE:
        page.run(f"(() => {{ const find = document.getElementById('search'); find.value = {text!r};"
                 "find.dispatchEvent(new Event('input')); find.value = ''; find.dispatchEvent(new Event('input')); })()"
                 if text.isascii() and text.isprintable() else "true")
    must(page.run("typeof window.owned") == "undefined", "a stranger's text has run")
    page.picture(f"{folder}/hostile.png")
    fits(page, "hostile")


def main():
    vizd, chromium, folder = sys.argv[1:]
    stage = Stage(f"{folder}/demo", vizd)
    stage.lively()
    said = stage.gallery(f"{folder}/gallery.html")
    must("failed" in said, said)
    stage.gallery(f"{folder}/empty.html", spool=stage.empty())
    stage.gallery(f"{folder}/amara.html", "--user", "amara", "--state", "complete")
    stage.hostile()
    stage.gallery(f"{folder}/hostile.html", "--limit", "60")

    page = Browser(chromium, f"{folder}/profile")
    try:
        lively(page, folder)
        for name in ("empty", "amara"):
            page.open(f"{folder}/{name}.html")
            page.picture(f"{folder}/{name}.png")
            readable(page, name)
            fits(page, name)
        must(page.run("[...document.querySelectorAll('.card')].every((one) => one.dataset.user === 'amara')"),
             "--user amara")
        hostile(page, folder)
        must(page.said == [], f"the browser complains: {page.said}")
        must(page.dialogs == [], f"something asks: {page.dialogs}")
        foreign = {url[:60] for url in page.requests if not url.startswith("data:image/jpeg;base64,")}
        must(all(url.startswith(f"file://{folder}/") and url.endswith(".html") for url in foreign),
             f"requests leave the page: {foreign}")
        policy(page)
    finally:
        page.close()
    print(f"The gallery is as it should be; pictures of it are in {os.path.abspath(folder)}.")


main()
