"""Images: three phone photos of 12 megapixels made ready and composed to one sheet, by vizd, Pillow and ImageMagick.

vizd does it as the work of jobs for its embedded provider (flatlay), whose picture is the sheet; the time is the
stages `prepare` and `generate` of the result, for photos that it has never seen. The others do the same steps: read
each photo (as small as the decoder can give it), turn it upright, reduce it, strip it, encode it; then lay the three
on a sheet of 1080 x 1440 and encode that; the photos on two processes at once. Then 16 such jobs at once: the memory
of all processes together at its peak. Medians of one run. Call it through `scripts/bench images`; ImageMagick is left
out where it is not installed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time

import bench
import kernel
import rig

PILLOW = """
import sys, multiprocessing
from PIL import Image, ImageOps
def ready(name):
    with Image.open(name) as image:
        image.draft("RGB", (1536, 1536))
        image = ImageOps.exif_transpose(image).convert("RGB")
        image.thumbnail((1536, 1536), Image.LANCZOS)
        image.save(name + ".ready.jpg", quality=90)
if __name__ == "__main__":
    *names, sheet = sys.argv[1:]
    with multiprocessing.Pool(2) as pool:
        pool.map(ready, names)
    ground = Image.new("RGB", (1080, 1440), (245, 245, 245))
    for place, name in enumerate(names):
        with Image.open(name + ".ready.jpg") as image:
            image.thumbnail((520, 700), Image.LANCZOS)
            ground.paste(image, (20 + place % 2 * 540, 20 + place // 2 * 720))
    ground.save(sheet, quality=90)
"""

MAGICK = """
set -e
sheet=$1; shift
printf '%s\\0' "$@" | xargs -0 -n1 -P2 sh -c \
    '"$0" -define jpeg:size=3072x3072 "$1" -auto-orient -thumbnail "1536x1536>" -quality 90 "$1.ready.jpg"' "$MAGICK"
for one in "$@"; do set -- "$@" "$one.ready.jpg"; shift; done
"$MAGICK" -size 1080x1440 xc:'#f5f5f5' \
    \\( "$1" -resize 520x700 \\) -geometry +20+20 -composite \
    \\( "$2" -resize 520x700 \\) -geometry +560+20 -composite \
    \\( "$3" -resize 520x700 \\) -geometry +20+740 -composite \
    -quality 90 "$sheet"
"""


def options():
    parser = argparse.ArgumentParser(prog="scripts/bench images", description=__doc__.split("\n\n")[0])
    parser.add_argument("--jobs", type=int, default=5, metavar="N", help="sheets, one after the other (5)")
    return bench.arguments(parser)


def fresh(stand, photos, user, name):
    """Copies of the photos that nobody has seen, and a request for a sheet of them."""
    items = []
    (stand.wardrobe / user / "items").mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(photos):
        target = stand.wardrobe / user / "items" / f"{name}-{number}.jpg"
        shutil.copyfile(photo, target)
        with open(target, "ab") as file:
            file.write(f"{name} {number}".encode())
        items.append({"name": f"garment {number}", "image": f"items/{target.name}"})
    return {"user_id": user, "provider": "flatlay", "outfit": {"items": items}}


def by_vizd(chosen, stand, photos):
    vizd = stand.run_vizd(stand.respond(0), {"VIZD_LOG_LEVEL": "warning"})
    sight = bench.Sight(stand.spool / "done")
    seconds = []
    for number in range(chosen.jobs + 1):
        name = f"job-{number}"
        stand.drop(name, fresh(stand, photos, "user", name))
        sight.await_name(f"{name}.result.json", 60)
        timing = stand.result("done", name)["timing"]
        seconds.append(timing["prepare"] + timing["generate"])
    # The first one started the workers.
    alone = bench.quantile(seconds[1:], 0.5)
    for number in range(16):
        stand.drop(f"crowd-{number}", fresh(stand, photos, f"user-{number}", f"crowd-{number}"))
    peak, begun = 0, time.monotonic()
    while len(stand.landed("done")) < chosen.jobs + 17:
        if stand.landed("failed") or time.monotonic() > begun + 120:
            raise rig.Broken(f"The crowd does not land.\n{stand.last_words('vizd')}")
        peak = max(peak, kernel.proportional(vizd.pid) + sum(map(kernel.proportional, kernel.children(vizd.pid))))
        time.sleep(0.01)
    crowd = time.monotonic() - begun
    stand.end(vizd)
    return alone, crowd, peak


def by_program(command, stand, photos, jobs):
    """The same by a program that gets the photos and the sheet's name. A process for each job of the crowd, two at a
    time, as they have no queue of their own."""
    seconds = []
    for _ in range(jobs):
        begun = time.monotonic()
        subprocess.run(command(photos, stand.folder / "sheet.jpg"), check=True, capture_output=True)
        seconds.append(time.monotonic() - begun)
    peak, begun, running = 0, time.monotonic(), [
        subprocess.Popen(command(copies(stand, photos, number), stand.folder / f"sheet-{number}.jpg"),
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for number in range(16)]
    while any(one.poll() is None for one in running):
        peak = max(peak, sum(map(family_memory, (one.pid for one in running if one.returncode is None))))
        time.sleep(0.01)
    if any(one.returncode for one in running):
        raise rig.Broken(f"{command(photos, 'sheet')[0]} failed.")
    return bench.quantile(seconds, 0.5), time.monotonic() - begun, peak


def copies(stand, photos, number):
    names = [stand.folder / f"copy-{number}-{place}.jpg" for place in range(len(photos))]
    for photo, name in zip(photos, names):
        shutil.copyfile(photo, name)
    return names


def family_memory(pid):
    return kernel.proportional(pid) + sum(map(family_memory, kernel.children(pid)))


def measure(chosen, stand):
    photos = stand.phone_photos(3)
    rows = [("photos", sum(photo.stat().st_size for photo in photos) / 3e6, "MB each, 4032 x 3024")]

    def told(who, alone, crowd, peak):
        rows.extend([
            (f"{who}: three photos prepared and composed, p50", alone * 1e3, "ms"),
            (f"{who}: 16 such jobs at once", crowd, "s"), (f"{who}: memory of all processes then", peak / 1e6, "MB")])

    told("vizd", *by_vizd(chosen, stand, photos))
    told("Pillow", *by_program(
        lambda names, sheet: [str(rig.pillow()), "-c", PILLOW, *map(str, names), str(sheet)], stand, photos,
        chosen.jobs))
    magick = next((one for one in ("magick", "convert-im6.q16", "convert") if shutil.which(one)), None)
    version = magick and subprocess.run([magick, "-version"], capture_output=True, text=True).stdout
    if version and version.startswith("Version: ImageMagick"):
        os.environ["MAGICK"] = magick
        told("ImageMagick", *by_program(
            lambda names, sheet: ["bash", "-c", MAGICK, "bash", str(sheet), *map(str, names)], stand, photos,
            chosen.jobs))
    else:
        rows.append(("ImageMagick", "is not installed (package imagemagick)", ""))
    return rows, []


if __name__ == "__main__":
    sys.exit(bench.main(options(), measure))
