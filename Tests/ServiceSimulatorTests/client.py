"""The referee: FASHN AI's official Python client against the simulator.

    client.py http://127.0.0.1:PORT KEY

Does what a customer does and checks each answer. Prints a line for each thing that held and ends with 0; anything else
ends it with a traceback.
"""

import base64
import struct
import sys
import urllib.request
import zlib

import fashn


def png(width, height):
    """A grey photo of a garment."""
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\0" + bytes((x * y) & 255 for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def refused(kind, call):
    """The error that a call ends with, which must be of this kind."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


base_url, key = sys.argv[1:3]
client = fashn.Fashn(api_key=key, base_url=base_url, max_retries=0)
photo = "data:image/png;base64," + base64.b64encode(png(300, 400)).decode()
product = dict(
    model_name="product-to-model",
    inputs={"product_image": photo, "prompt": "studio", "aspect_ratio": "3:4", "resolution": "1k", "seed": 7,
            "generation_mode": "balanced", "output_format": "png"})

done = client.predictions.subscribe(**product, poll_interval=50)
assert done.status == "completed" and done.credits_used == 2 and len(done.output) == 1, done
with urllib.request.urlopen(done.output[0]) as answer:
    picture = answer.read()
assert answer.headers["Content-Type"] == "image/png" and picture[:8] == b"\x89PNG\r\n\x1a\n"
assert struct.unpack(">II", picture[16:24]) == (896, 1184), struct.unpack(">II", picture[16:24])
print("a picture from a product")

person = dict(model_name="tryon-max", inputs={"product_image": photo, "model_image": photo, "resolution": "2k"})
assert client.predictions.subscribe(**person, poll_interval=50).credits_used == 3
older = dict(model_name="tryon-v1.6", inputs={"garment_image": photo, "model_image": photo, "mode": "quality"})
assert client.predictions.subscribe(**older, poll_interval=50).credits_used == 1
print("two people dressed")

created = client.predictions.run(**product)
assert created.error is None and client.predictions.status(created.id).status in ("in_queue", "processing")
refused(fashn.NotFoundError, lambda: client.predictions.status("no-such-prediction"))
print("a prediction asked for, and one that is not there")

error = refused(fashn.BadRequestError, lambda: client.predictions.run(
    model_name="product-to-model", inputs={"product_image": "not a picture"}))
assert error.body["error"] == "BadRequest", error.body
refused(fashn.BadRequestError, lambda: client.predictions.run(model_name="tryon-max", inputs={"product_image": photo}))
refused(fashn.BadRequestError, lambda: client.predictions.run(
    model_name="product-to-model", inputs={"product_image": photo, "colour": "red"}))
stranger = fashn.Fashn(api_key="another", base_url=base_url, max_retries=0)
refused(fashn.AuthenticationError, lambda: stranger.predictions.run(**product))
print("bad input and a bad key refused")

broken = "data:image/jpeg;base64," + base64.b64encode(b"This is no picture.").decode()
failed = client.predictions.subscribe(
    model_name="product-to-model", inputs={"product_image": broken}, poll_interval=50)
assert failed.status == "failed" and failed.error.name == "ImageLoadError" and not failed.credits_used, failed
print("a photo that is none fails, free of charge")
