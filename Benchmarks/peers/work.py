"""The work of one job, as RQ and Celery run it: encode, order, ask every two seconds, download, store, update the record.

The plain design: `requests` with a connection for each call, files written in place or aside without fsync, the record
read, changed and written with no lock. Where things are comes in the environment (BENCH_URL, BENCH_ROOT, BENCH_DONE).
Anything that goes wrong is an exception, which the queue makes of what it will.
"""

import base64
import json
import mimetypes
import os
import pathlib
import time

import requests

HEADERS = {"Authorization": "Bearer key_simulator", "X-Runway-Version": "2024-11-06"}
INTERVAL = 2


def visualize(name, user, outfit):
    folder = pathlib.Path(os.environ["BENCH_ROOT"]) / user
    task = order(folder, outfit)
    store(folder, outfit, requests.get(await_picture(task), timeout=60).content)
    update(folder, outfit)
    tell(name, task)
    return task


def order(folder, outfit):
    saved = json.loads((folder / "saved_outfits.json").read_text())["saved"]
    items = next(one for one in saved if one["id"] == outfit)["outfit_data"]["items"]
    references = [
        {"tag": f"garment{number}", "uri": encoded(folder / "items" / pathlib.PurePath(item["image_path"]).name)}
        for number, item in enumerate(items)]
    prompt = "A person who wears " + ", ".join(f"@garment{number}" for number in range(len(items)))
    body = {"model": "gen4_image", "ratio": "1080:1440", "promptText": prompt, "referenceImages": references}
    answer = requests.post(f"{os.environ['BENCH_URL']}/v1/text_to_image", json=body, headers=HEADERS, timeout=60)
    answer.raise_for_status()
    return answer.json()["id"]


def encoded(photo):
    kind = mimetypes.guess_type(photo.name)[0]
    return f"data:{kind};base64,{base64.b64encode(photo.read_bytes()).decode()}"


def await_picture(task):
    while True:
        answer = requests.get(f"{os.environ['BENCH_URL']}/v1/tasks/{task}", headers=HEADERS, timeout=60)
        answer.raise_for_status()
        found = answer.json()
        if found["status"] == "SUCCEEDED":
            return found["output"][0]
        if found["status"] in ("FAILED", "CANCELLED"):
            raise RuntimeError(f"The task {task} ended with {found['status']}.")
        time.sleep(INTERVAL)


def store(folder, outfit, picture):
    pictures = folder / "items" / "visualizations"
    pictures.mkdir(exist_ok=True)
    (pictures / f"{outfit}.jpg").write_bytes(picture)


def update(folder, outfit):
    record = folder / "saved_outfits.json"
    content = json.loads(record.read_text())
    one = next(one for one in content["saved"] if one["id"] == outfit)
    one["visualization_url"] = f"wardrobe_photos/{folder.name}/items/visualizations/{outfit}.jpg"
    one["visualization_updated_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    # Aside and renamed, so that no reader meets half of it; two writers at once still lose the change of one.
    aside = record.with_name(f".saved_outfits.{os.getpid()}.{time.monotonic_ns()}")
    aside.write_text(json.dumps(content, indent=2))
    aside.rename(record)


def tell(name, task):
    """A result that the benchmark can see; written like the record, and not synced."""
    done = pathlib.Path(os.environ["BENCH_DONE"])
    aside = done / f".{name}"
    aside.write_text(json.dumps({"job_id": name, "status": "complete", "task_id": task}))
    aside.rename(done / f"{name}.result.json")
