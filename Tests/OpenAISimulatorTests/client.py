"""The referee: OpenAI's official Python client against the simulator.

    client.py http://127.0.0.1:PORT/v1

Does what a customer does and checks each answer. Ends with 0; anything else ends it with a traceback.
"""

import base64
import struct
import sys
import zlib

import openai


def png(width, height):
    """A grey noise of a photo."""
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\0" + bytes((x * y * 7 + x) & 255 for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def refused(kind, call):
    """The error that a call ends with, which must be of this kind."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def spent(answer):
    usage = answer.usage
    details = usage.input_tokens_details
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.input_tokens == details.text_tokens + details.image_tokens
    return details.text_tokens * 5 + details.image_tokens * 8 + usage.output_tokens * 30


client = openai.OpenAI(
    api_key="sk-simulator", base_url=sys.argv[1], max_retries=0, organization="org-referee", project="proj-referee")
one = ("shirt.png", png(300, 400), "image/png")
two = ("shoes.png", png(200, 200), "image/png")

first = client.images.edit(model="gpt-image-2", image=one, prompt="a shirt", size="1024x1536", quality="low")
picture = base64.b64decode(first.data[0].b64_json, validate=True)
assert picture[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", picture[16:24]) == (1024, 1536)
second = client.images.edit(
    model="gpt-image-2.5-flare", image=[one, two], prompt="a shirt and shoes", size="1152x1536", quality="medium",
    output_format="jpeg", output_compression=95, background="opaque", n=1)
assert second.size == "1152x1536" and second.quality == "medium"


def edit(prompt, **more):
    return lambda: client.images.edit(**{"model": "gpt-image-2", "image": one, "prompt": prompt, **more})


error = refused(openai.RateLimitError, edit("too many"))
assert error.code == "rate_limit_exceeded" and error.response.headers["retry-after"] == "1"
assert refused(openai.RateLimitError, edit("too poor")).code == "insufficient_quota"
error = refused(openai.BadRequestError, edit("too bare"))
assert error.code == "moderation_blocked" and error.body["moderation_details"]["moderation_stage"] == "input"
refused(openai.InternalServerError, edit("too late"))
assert refused(openai.BadRequestError, edit("p", size="1000x1000")).code == "invalid_value"
assert refused(openai.BadRequestError, edit("p", input_fidelity="high")).code == "invalid_input_fidelity_model"
assert refused(openai.BadRequestError, edit("p", image=("a.gif", b"GIF89a"))).code == "invalid_image_file"
stranger = openai.OpenAI(api_key="sk-other", base_url=sys.argv[1], max_retries=0)
refused(openai.AuthenticationError, lambda: stranger.images.edit(model="gpt-image-2", image=one, prompt="p"))

print(f"spent {spent(first) + spent(second)}")
