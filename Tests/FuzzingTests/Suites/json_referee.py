# Python's own reader of JSON as a referee: a text in hexadecimal a line comes in, what it says goes out.
#
# "refused", or the value in a form of which there is only one: numbers as they are written, strings as the bytes of
# UTF-8 (halves of surrogate pairs as WTF-8 has them), members in their order.
import json
import sys


class Number(str):
    pass


def spelled(value):
    if isinstance(value, Number):
        return "n" + value
    if isinstance(value, str):
        return "s" + value.encode("utf-8", "surrogatepass").hex()
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, tuple):
        return "{" + ",".join(spelled(key) + ":" + spelled(each) for key, each in value) + "}"
    return "[" + ",".join(spelled(each) for each in value) + "]"


for line in sys.stdin:
    try:
        value = json.loads(
            bytes.fromhex(line.strip()), parse_int=Number, parse_float=Number, parse_constant=Number,
            object_pairs_hook=tuple)
        print(spelled(value))
    except (ValueError, RecursionError):
        print("refused")
