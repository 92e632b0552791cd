"""The referee: Runway's official Python client against the simulator, and a PNG reader from the standard library.

    client.py http://127.0.0.1:PORT    does what a customer does and checks each answer
    client.py --pictures FOLDER        decodes every PNG of a folder strictly; names tell the size: NAME-WxH.png

Prints a line for each thing that held and ends with 0; anything else ends it with a traceback.
"""

import base64
import pathlib
import struct
import sys
import urllib.request
import zlib


def decode(data):
    """The width, height and chunk names of a PNG whose every checksum, filter and length is right."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG signature"
    position, names, pixels, palette = 8, [], b"", 0
    while position < len(data):
        (length,) = struct.unpack(">I", data[position:position + 4])
        name = data[position + 4:position + 8]
        body = data[position + 8:position + 8 + length]
        (checksum,) = struct.unpack(">I", data[position + 8 + length:position + 12 + length])
        assert len(body) == length, "a chunk is cut"
        assert zlib.crc32(name + body) == checksum, f"wrong checksum of {name}"
        names.append(name.decode())
        if name == b"IHDR":
            width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
            assert (depth, colour, compression, filtering, interlace) == (8, 3, 0, 0, 0)
        elif name == b"PLTE":
            palette = length // 3
        elif name == b"IDAT":
            pixels += body
        position += 12 + length
    stream = zlib.decompressobj()
    rows = stream.decompress(pixels)
    assert stream.eof and not stream.unused_data, "the zlib stream does not end where it should"
    assert len(rows) == height * (width + 1), "too few or too many pixels"
    above = bytes(width)
    for y in range(height):
        kind, row = rows[y * (width + 1)], rows[y * (width + 1) + 1:(y + 1) * (width + 1)]
        assert kind in (0, 2), f"filter {kind}"
        if kind == 2 and any(row):
            row = bytes((a + b) & 255 for a, b in zip(row, above))
        elif kind == 2:
            row = above
        assert kind == 2 or max(row) < palette, "a colour that the palette has not"
        above = row
    return width, height, names


def check_pictures(folder):
    files = sorted(pathlib.Path(folder).glob("*.png"))
    assert files, "there are no pictures"
    for file in files:
        width, height, names = decode(file.read_bytes())
        assert f"{width}x{height}" == file.stem.rsplit("-", 1)[1], file.name
        assert names[0] == "IHDR" and names[-1] == "IEND" and "caBX" in names, names
    print(f"decoded {len(files)} pictures")


def png(width, height):
    """A grey photo of a garment, as far as an inspection goes: noise that does not compress."""
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\0" + bytes((x * y * 7 + x) & 255 for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def refused(kind, call):
    """The error that a call ends with, which must be of this kind."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def check_client(base_url):
    import runwayml
    from runwayml.lib import polling

    # The client's own pace, 6 seconds a poll, is for a service that takes that long.
    polling.POLL_TIME, polling.POLL_JITTER = 0.05, 0
    client = runwayml.RunwayML(api_key="key_simulator", base_url=base_url, max_retries=0)
    before = client.organization.retrieve()
    assert before.tier.models["gen4_image"].max_concurrent_generations == 2
    print(f"balance {before.credit_balance}")

    photo = png(300, 400)
    upload = client.uploads.create_ephemeral(file=("trousers.png", photo))
    assert upload.uri.startswith("runway://")
    order = dict(
        model="gen4_image", ratio="1080:1440", prompt_text="full body photo of a person, @top with @trousers",
        reference_images=[
            {"uri": "data:image/png;base64," + base64.b64encode(photo).decode(), "tag": "top"},
            {"uri": upload.uri, "tag": "trousers"},
        ], seed=7)
    created = client.text_to_image.create(**order)
    done = created.wait_for_task_output()
    assert done.status == "SUCCEEDED" and done.cost.credits == 8 and len(done.output) == 1
    with urllib.request.urlopen(done.output[0]) as answer:
        assert answer.headers["Content-Type"] == "image/png"
        width, height, names = decode(answer.read())
    assert (width, height) == (1080, 1440) and "caBX" in names
    print("a picture of 1080x1440")

    waiting = client.text_to_image.create(**order)
    assert client.tasks.retrieve(waiting.id).status in ("PENDING", "RUNNING")
    client.tasks.delete(waiting.id)
    refused(runwayml.NotFoundError, lambda: client.tasks.retrieve(waiting.id))
    print("a task cancelled")

    crowd = [client.text_to_image.create(**order) for _ in range(3)]
    assert client.tasks.retrieve(crowd[2].id).status == "THROTTLED"
    assert all(task.wait_for_task_output().status == "SUCCEEDED" for task in crowd)
    print("three tasks, one of them throttled")

    error = refused(runwayml.BadRequestError, lambda: client.text_to_image.create(**{**order, "ratio": "16:9"}))
    assert error.body["issues"][0]["code"] == "invalid_value", error.body
    bad = [{"uri": "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAACADs=", "tag": "top"}]
    error = refused(runwayml.BadRequestError, lambda: client.text_to_image.create(**{**order, "reference_images": bad}))
    assert error.body["issues"][0]["code"] == "custom", error.body
    stranger = runwayml.RunwayML(api_key="key_other", base_url=base_url, max_retries=0)
    refused(runwayml.AuthenticationError, stranger.organization.retrieve)
    print("bad input and a bad key refused")

    failing = client.text_to_image.create(**{**order, "prompt_text": "please fail"})
    error = refused(polling.TaskFailedError, failing.wait_for_task_output)
    assert error.task_details.failure_code == "SAFETY.INPUT.TEXT" and error.task_details.cost.credits == 8
    print("a failed task, charged")

    video = client.image_to_video.create(
        model="gen4_turbo", prompt_image=upload.uri, ratio="720:1280", duration=5).wait_for_task_output()
    assert video.cost.credits == 25
    router = client.routers.create(slug="referee", settings={"models": {"mode": "allowlist_only", "ids": ["gen4_image"]}})
    routed = client.generate.image.create(
        config_id="referee", input={"prompt_text": "a person", "aspect_ratio": "3:4", "resolution": "1k"})
    history = client.routers.list_requests(router.id, limit=5).data
    assert [row.task_id for row in history] == [routed.id] and routed.routing.resolved_input.ratio == "1080:1440"
    print("a video and a routed picture")

    usage = client.organization.retrieve_usage()
    spent = sum(model.amount for day in usage.results for model in day.used_credits)
    after = client.organization.retrieve()
    assert spent == before.credit_balance - after.credit_balance, (spent, after)
    print(f"spent {spent}")


if sys.argv[1] == "--pictures":
    check_pictures(sys.argv[2])
else:
    check_client(sys.argv[1])
