"""Spools for the gallery: pictures of the demonstration, and results of every kind, those of strangers among them."""

import copy
import glob
import json
import os
import subprocess

HOSTILE = [
    "<script>owned=1</script>",
    "\"><img src=x onerror=owned=1>",
    "'-alert(1)-'",
    "</style><script>owned=1</script>",
    "</script><script>owned=1</script>",
    "<!--", "]]>", "&lt;b&gt;", "javascript:owned=1", "\u202egnp.exe\u0007\u0000", "漂亮的裙子 👗 خوش‌پوش",
    "x" * 600,
]


class Stage:
    def __init__(self, folder, vizd):
        self.folder, self.vizd = folder, vizd
        subprocess.run([vizd, "demo", folder], check=True, stdout=subprocess.DEVNULL)
        self.samples = []
        for path in sorted(glob.glob(f"{folder}/spool/done/*.result.json")):
            with open(path) as file:
                self.samples.append(json.load(file))
        self.number = 0

    def gallery(self, out, *options, spool=None):
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "VIZD_SPOOL_DIR": spool or f"{self.folder}/spool",
                       "VIZD_WARDROBE_ROOT": f"{self.folder}/wardrobe_photos"}
        run = subprocess.run([self.vizd, "gallery", "--out", out, *options], env=environment, text=True,
                             capture_output=True)
        if run.returncode != 0:
            raise SystemExit(f"vizd gallery ended with {run.returncode}: {run.stderr}")
        return run.stdout + run.stderr

    def empty(self):
        path = f"{self.folder}/empty"
        for box in ("incoming", "processing", "done", "failed", "tmp"):
            os.makedirs(f"{path}/{box}", exist_ok=True)
        return path

    def write(self, result):
        box = "done" if result["status"] == "complete" else "failed"
        # The latest first is told by the file's time.
        path = f"{self.folder}/spool/{box}/{result['job_id']}.result.json"
        with open(path, "w") as file:
            json.dump(result, file)
        os.utime(path, (1_800_000_000 + self.number,) * 2)
        self.number += 1

    def complete(self, name, index=0, **changes):
        result = copy.deepcopy(self.samples[index % len(self.samples)])
        result["job_id"] = name
        picture = result["result"]
        for key, value in changes.items():
            if key in ("user_id", "outfit_id", "cost", "timing"):
                result[key] = value
            elif key in ("model", "prompt", "seed", "reused", "task_id"):
                picture["metadata"][key] = value
            else:
                picture[key] = value
        self.write(result)
        return result

    def failed(self, name, code, message, user="peichin", outfit="o-17", stage="generate"):
        result = copy.deepcopy(self.samples[0])
        result.pop("result")
        result.update(job_id=name, status="failed", progress=10, user_id=user, outfit_id=outfit, error={
            "code": code, "message": message, "stage": stage, "retryable": False})
        self.write(result)

    def lively(self):
        """What a studio's spool looks like."""
        prompts = [
            "@person wears a teal silk shirt with a green bow tie and summer shorts, full length, soft daylight",
            "@person wears a black T-shirt, plain and confident, standing in a quiet street in the morning",
            "@person wears mittens, a red winter hat and hiking boots before a mountain hut, snow in the air",
            "@person wears a blue fedora and a gold chain, evening light, 35 mm",
        ]
        views = self.complete("lookbook", 1, user_id="amara", outfit_id="Lookbook", cost={"credits": 16, "usd": 0.16})
        street, studio = copy.deepcopy(views["result"]), copy.deepcopy(views["result"])
        street["view"], studio["view"] = "street", "studio"
        failed = {"code": "moderation", "message": "Runway ML refused the picture: its content filter took the prompt "
                  "for something else. Say it differently in `prompt`.", "stage": "generate", "retryable": False}
        views["result"].update(images=[street, studio], failed_views=[{"view": "night", "error": failed}])
        self.write(views)
        bucket = copy.deepcopy(self.samples[0])
        bucket["job_id"], bucket["outfit_id"] = "in-the-bucket", "Kept in the bucket"
        bucket["result"].pop("image_path")
        bucket["result"].update(
            image_url="https://wardrobe.s3.eu-central-1.amazonaws.com/peichin/items/visualizations/o%2B1.jpg",
            storage_uri="s3://wardrobe/peichin/items/visualizations/o+1.jpg")
        self.write(bucket)
        replaced = self.complete("replaced", 2, outfit_id="Made anew since")
        replaced["result"]["image"]["sha256"] = "0" * 64
        self.write(replaced)
        film = self.complete("film", 3, outfit_id="A film of it", user_id="jules")
        # Beside the picture that it was made of.
        picture = film["result"]
        picture["image_path"] = picture["image_path"].removesuffix(".jpg") + ".mp4"
        with open(picture["image_path"], "wb") as file:
            file.write(b"film")
        picture["image"].update(content_type="video/mp4", duration=5, bytes=4)
        self.write(film)
        self.failed("no-outfit", "outfit_not_found",
                    "There is no outfit o-99 of peichin in wardrobe_photos/peichin/saved_outfits.json. Save it first, "
                    "or correct outfit_id.", stage="prepare")
        self.failed("lost-answer", "submission_unknown",
                    "The order was sent to Runway ML and its answer was lost: nobody knows whether a picture was made. "
                    "Look into the account, then `vizd retry lost-answer`.", user="amara", outfit="Late flight")
        for number in range(12):
            self.complete(
                f"20261124-0218{number:02}-4711", number, user_id=["peichin", "amara", "jules"][number % 3],
                outfit_id=["Sunday market", "Gallery opening", "First snow", "Late flight", "o-17"][number % 5],
                provider="Runway ML", model="gen4_image", prompt=prompts[number % 4], seed=7 + number,
                reused=number % 6 == 5, cost={"credits": 8, "usd": 0.08} if number % 6 != 5 else {
                    "credits": 0, "usd": 0})

    def hostile(self):
        for index, text in enumerate(HOSTILE):
            # A zero byte cannot be in a file's name.
            self.complete(f"hostile-{index}", index, user_id=text, outfit_id=text, provider=text, model=text,
                          prompt=text, image_url=text)
            self.failed(f"hostile-failed-{index}", "generation_failed", text, user=text, outfit=text)
